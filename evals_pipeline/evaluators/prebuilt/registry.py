"""The prebuilt checks by name, and what their parameters must look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from evals_pipeline.core.errors import UnknownNameError
from evals_pipeline.core.evaluator import Parameter, Variable
from evals_pipeline.core.sql import literal
from evals_pipeline.evaluators.parameters import read
from evals_pipeline.evaluators.prebuilt import definitions as plain
from evals_pipeline.evaluators.prebuilt import exact_sql, json_sql, keyword_sql, regex_sql
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.parameters import READERS

TEXT = Variable("text", "The text that is judged.")
EXPECTED = Variable("expected", "The text that is expected; the parameter of this name takes its place.")


@dataclass(frozen=True, slots=True)
class _Entry:
    definition: type[Any]
    parameters: tuple[Parameter, ...]
    expression: Callable[[Any, Mapping[str, str]], str | None]
    helpers: tuple[Any, ...] = ()


def prebuilt_names() -> tuple[str, ...]:
    """The names of all prebuilt checks, in alphabetical order."""
    return tuple(sorted(_ENTRIES))


def prebuilt_parameters(name: str) -> tuple[Parameter, ...]:
    """What can be set for the check `name`; raises UnknownNameError."""
    return _entry(name, "").parameters


def build(name: str, parameters: Mapping[str, object], *, field: str = "") -> PrebuiltCheck:
    """The check `name` with `parameters`.

    Args:
        name: One of `prebuilt_names()`.
        parameters: As written in a task file; types are not converted.
        field: Where in the file the evaluator stands, such as `evaluators.0`; errors name the place below it.

    Raises:
        UnknownNameError: There is no such check.
        ParameterError: A parameter is missing, unknown or of the wrong form.
    """
    place = f"{field}." if field else ""
    entry = _entry(name, f"{place}evaluator")
    values = read(name, entry.parameters, parameters, READERS, field=f"{place}parameters")
    definition = entry.definition(**values)
    return PrebuiltCheck(
        name=name,
        version="1",
        parameters=values,
        variables=(TEXT, EXPECTED) if "expected" in values and values["expected"] is None else (TEXT,),
        definition=definition,
        expression=partial(entry.expression, definition),
        helpers=entry.helpers,
    )


def evaluator(name: str, **parameters: object) -> PrebuiltCheck:
    """The check `name` for use in a notebook: `evaluator("matches_regex", pattern="ORD-[0-9]{6}")`.

    Raises:
        UnknownNameError: There is no such check.
        ParameterError: A parameter is missing, unknown or of the wrong form.
    """
    return build(name, parameters)


def _entry(name: str, field: str) -> _Entry:
    try:
        return _ENTRIES[name]
    except KeyError:
        raise UnknownNameError.of("prebuilt evaluator", name, _ENTRIES, field=field) from None


def _equal(check: plain.ExactMatch, variables: Mapping[str, str]) -> str:
    expected = variables["expected"] if check.expected is None else literal(check.expected)
    return exact_sql.equal(check, variables["text"], expected)


def _flag(name: str, description: str, *, default: bool) -> Parameter:
    return Parameter(name, "boolean", description, default=default)


_CASE = "Tell upper case from lower case."
_KEYWORDS = (
    Parameter("keywords", "string_array", "What to look for: a list of at least one text.", is_required=True),
    _flag("case_sensitive", _CASE, default=False),
    _flag("whole_words", "Count a keyword only where it is no part of a longer word.", default=False),
)
_KEYWORD_HELPERS = (plain.fold, plain.is_word_character, plain.Keywords)
_ENTRIES: Mapping[str, _Entry] = {
    "matches_regex": _Entry(
        plain.MatchesRegex,
        (
            Parameter("pattern", "regex", "What to look for: a regular expression.", is_required=True),
            _flag("full_match", "Let the pattern describe the whole text instead of a part of it.", default=False),
            _flag("case_sensitive", _CASE, default=True),
        ),
        lambda check, variables: regex_sql.matches(check, variables["text"]),
    ),
    "json_parseable": _Entry(plain.JsonParseable, (), lambda _, variables: json_sql.parseable(variables["text"])),
    "contains_any_keyword": _Entry(
        plain.ContainsAnyKeyword,
        _KEYWORDS,
        lambda check, variables: keyword_sql.contains_any(check, variables["text"]),
        _KEYWORD_HELPERS,
    ),
    "contains_all_keywords": _Entry(
        plain.ContainsAllKeywords,
        _KEYWORDS,
        lambda check, variables: keyword_sql.contains_all(check, variables["text"]),
        _KEYWORD_HELPERS,
    ),
    "exact_match": _Entry(
        plain.ExactMatch,
        (
            Parameter("expected", "string", "The text that is expected, where it is the same for every unit."),
            _flag("case_sensitive", _CASE, default=True),
            _flag("strip_whitespace", "Ignore white space at both ends.", default=False),
        ),
        _equal,
        (plain.fold,),
    ),
}
