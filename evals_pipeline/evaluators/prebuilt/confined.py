"""Patterns that RE2 cannot express, searched for in a sandbox: users write them, and some never come to an end."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.definitions import REGEX_FLAGS, MatchesRegex
from evals_pipeline.sandbox.program import Program

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = "regex"
"""What the search needs besides the standard library."""

_CLASS = "Search"
_AROUND = """
from dataclasses import dataclass
from typing import ClassVar

import regex

from evals_pipeline import CodeEvaluator, EvaluationResult

REGEX_FLAGS = {flags}


class EvaluatorError(Exception):
    pass


{definition}

class {name}(CodeEvaluator):
    def evaluate(self, *, text=None, **kwargs):
        return MatchesRegex(self.pattern, self.full_match, self.case_sensitive).evaluate(text)
"""


def is_confined(check: PrebuiltCheck) -> bool:
    """Whether all its rows go to Python, and a pattern of a user with them."""
    return isinstance(check.definition, MatchesRegex) and not check.is_sql


def confined(check: PrebuiltCheck) -> Program:
    """What a worker runs: the definition as it stands."""
    definition = inspect.getsource(MatchesRegex)
    return Program(
        source=_AROUND.format(flags=int(REGEX_FLAGS), definition=definition, name=_CLASS),
        file=check.name,
        class_name=_CLASS,
        parameters={name: value for name, value in check.parameters.items() if isinstance(value, str | bool)},
        variables={"text": "text"},
    )


def as_in_process(answers: pa.Table) -> pa.Table:
    """Answers with the words of this process where the search took too long, whoever stopped it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    stopped = pc.is_in(answers.column("error_type"), pa.array(["EvaluatorError", "TimeoutError"]))
    for name, word in (("error_type", "TimeoutError"), ("error_message", MatchesRegex.TIMED_OUT)):
        place = answers.schema.get_field_index(name)
        answers = answers.set_column(place, name, pc.if_else(stopped, word, answers.column(name)))
    return answers
