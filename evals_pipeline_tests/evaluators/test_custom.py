"""Custom evaluators as their source defines them, without any of it being run."""

from __future__ import annotations

from typing import Any

import pytest

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.errors import ConfigError, ParameterError
from evals_pipeline.evaluators.custom.custom import CodeDefinition, Custom, read_definition
from evals_pipeline.sandbox.program import Limits, Program

POLITE = '''
import re

import numpy as np
from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether the answer is polite."""

    threshold: float = 0.5
    words: list[str] = ["please"]

    def evaluate(self, *, output=None, input, dataset_row=None, **kwargs):
        found = re.search(self.pattern, output) or any(word in output for word in self.words)
        return EvaluationResult(score=float(bool(found)) - self.threshold * np.e * self.anything)
'''
GIVEN = {"pattern": "a+", "anything": 1}


def definition(source: str = POLITE, **settings: Any) -> CodeDefinition:
    beside = CodeSettings(name="polite", kind="code", **settings) if settings else None
    return read_definition("polite", source, beside, file="evaluators/polite.py")


def test_a_source_says_its_variables_parameters_imports_and_what_it_is_for() -> None:
    found = definition()

    assert (found.name, found.class_name, found.takes_row) == ("polite", "Polite", True)
    assert {variable.name: variable.is_required for variable in found.variables} == {"output": False, "input": True}
    assert {each.name: (each.type, each.is_required) for each in found.parameters} == {
        "threshold": ("number", False),
        "words": ("string_array", False),
        "pattern": (None, True),
        "anything": (None, True),
    }
    assert found.imports == ("numpy",)
    assert found.description == "Whether the answer is polite."


def test_what_stands_beside_the_source_counts() -> None:
    found = definition(
        description="Polite or not.",
        filter="span_kind = 'LLM'",
        row_seconds=2,
        memory_mb=64,
        parameters={"pattern": {"type": "regex", "default": "b+", "description": "What is polite."}},
    )

    (pattern,) = [each for each in found.parameters if each.name == "pattern"]
    assert (pattern.type, pattern.default, pattern.is_required) == ("regex", "b+", False)
    assert (found.description, found.filter) == ("Polite or not.", "span_kind = 'LLM'")
    assert found.limits == Limits(row_seconds=2, memory_mb=64)


def test_a_source_that_can_be_no_evaluator_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError, match="requests") as refused:
        definition("import requests\n" + POLITE)

    assert refused.value.field == "line 1, column 8"


def test_the_program_holds_everything_a_worker_needs() -> None:
    custom = Custom.of(definition(), GIVEN)

    program = custom.program({"output": "attributes.output.value"}, ["attributes.output.value", "name"], ["name"])

    assert program == Program(
        source=POLITE,
        file="evaluators/polite.py",
        class_name="Polite",
        parameters={"pattern": "a+", "anything": 1, "threshold": 0.5, "words": ["please"]},
        variables={"output": "attributes.output.value"},
        row_columns=("attributes.output.value", "name"),
        json_columns=frozenset({"name"}),
    )


def test_an_evaluator_without_dataset_row_is_given_none() -> None:
    custom = Custom.of(definition(POLITE.replace("dataset_row=None, ", "")), GIVEN)

    assert custom.program({}, ["name"]).row_columns is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", ""), ("string_array", []), ("string_array", [""]), ("regex", ""), ("number", 3), ("boolean", False)],
    ids=str,
)
def test_a_parameter_of_the_right_type_reaches_the_evaluator_as_it_was_written(kind: str, value: object) -> None:
    custom = Custom.of(definition(parameters={"anything": {"type": kind}}), {**GIVEN, "anything": value})

    assert custom.program({}, []).parameters["anything"] == value
    assert type(custom.program({}, []).parameters["anything"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", 1, "no text"),
        ("string_array", "a", "no list"),
        ("string_array", [1], "no text"),
        ("regex", "(", "no regular expression"),
        ("number", "1", "no number"),
        ("number", True, "no number"),
        ("number", float("nan"), "no finite number"),
        ("boolean", 1, "neither true nor false"),
    ],
    ids=str,
)
def test_a_parameter_of_another_type_is_refused_with_its_place(kind: str, value: object, message: str) -> None:
    found = definition(parameters={"anything": {"type": kind}})

    with pytest.raises(ParameterError, match=message) as refused:
        Custom.of(found, {**GIVEN, "anything": value}, field="evaluators.0")

    assert refused.value.field.startswith("evaluators.0.parameters.anything")


def test_a_parameter_without_a_type_takes_any_value() -> None:
    for value in ("a", 1, 0.5, True, ["a"]):
        assert Custom.of(definition(), {**GIVEN, "anything": value}).program({}, []).parameters["anything"] == value


def test_a_missing_and_an_unknown_parameter_are_refused_with_a_hint() -> None:
    with pytest.raises(ParameterError, match="needs the parameter 'anything'") as missing:
        Custom.of(definition(), {"pattern": "a"}, field="evaluators.0")
    with pytest.raises(ParameterError, match="(?s)it has: .*threshold.*did you mean 'threshold'"):
        Custom.of(definition(), {**GIVEN, "treshold": 1})

    assert missing.value.field == "evaluators.0.parameters.anything"
    assert "anything: …" in missing.value.hint


def test_a_pattern_that_later_pythons_read_differently_is_accepted_without_a_word() -> None:
    Custom.of(definition(parameters={"pattern": {"type": "regex"}}), {**GIVEN, "pattern": "[[a]b]"})
