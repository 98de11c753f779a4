from __future__ import annotations

import pytest

from evals_pipeline.core import errors
from evals_pipeline.core.errors import ConfigError, EvalsError, FilterError, UnknownNameError, did_you_mean


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    error = FilterError("the filter is empty", field="evaluators.0.filter", hint="leave it out")

    assert str(error) == "the filter is empty\nHint: leave it out"
    assert (error.message, error.field, error.hint) == ("the filter is empty", "evaluators.0.filter", "leave it out")


def test_an_error_without_a_hint_is_its_message() -> None:
    assert str(ConfigError("no")) == "no"


def test_an_unknown_name_is_answered_with_what_there_is_and_the_nearest() -> None:
    error = UnknownNameError.of("evaluator", "json_parsable", ["matches_regex", "json_parseable"], field="evaluator")

    assert error.message == "there is no evaluator 'json_parsable'; there is: json_parseable, matches_regex"
    assert error.hint == "did you mean 'json_parseable'?"


@pytest.mark.parametrize(
    ("known", "there_is"),
    [
        pytest.param([], "there is: none", id="none"),
        pytest.param([f"t{number:02}" for number in range(20)], "t18, t19", id="twenty"),
        pytest.param([f"t{number:02}" for number in range(21)], "t18, t19, …", id="more"),
    ],
)
def test_what_there_is_stays_readable(known: list[str], there_is: str) -> None:
    assert UnknownNameError.of("task", "x", known).message.endswith(there_is)


def test_a_word_like_nothing_gets_no_guess() -> None:
    assert did_you_mean("zzz", ["name", "span_kind"]) == ""


def test_every_error_is_raised_on_purpose_and_in_the_tree_at_the_top() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]

    assert all(issubclass(one, EvalsError) and one.__name__.endswith("Error") for one in classes)
    assert all(one.__name__ in (errors.__doc__ or "") for one in classes)
