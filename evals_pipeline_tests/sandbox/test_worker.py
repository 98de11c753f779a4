from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, EvaluationResult
from evals_pipeline.sandbox.loading import described
from evals_pipeline.sandbox.worker import CUT_MARK, InvalidResult, settled


@pytest.mark.parametrize(
    "score",
    [True, 1, np.float64(1), np.int32(1), np.bool_(True), np.float16(1), np.array(1.0), Decimal(1), Fraction(1)],
)
def test_scores_of_all_kinds_become_floats(score: Any) -> None:
    _, found, *_ = settled(EvaluationResult(score=score))

    assert found == 1.0
    assert type(found) is float


@pytest.mark.parametrize(
    ("score", "error"),
    [
        pytest.param(10**400, OverflowError, id="huge"),
        pytest.param(Decimal("nan"), ValueError, id="decimal-nan"),
        pytest.param(np.float32("inf"), ValueError, id="infinity-of-numpy"),
        pytest.param(np.array([1.0, 2.0]), TypeError, id="array"),
        pytest.param(1j, TypeError, id="complex"),
        pytest.param("1", TypeError, id="text"),
    ],
)
def test_what_is_no_finite_number_is_no_score(score: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        EvaluationResult(score=score, label="a")


def test_a_long_explanation_is_cut_where_one_can_see_it() -> None:
    _, _, explanation, _, is_truncated = settled(EvaluationResult(label="a", explanation="x" * 20_000))

    assert is_truncated
    assert explanation is not None
    assert len(explanation) == EXPLANATION_LENGTH
    assert explanation.endswith(CUT_MARK)


def test_an_explanation_of_the_greatest_length_is_whole() -> None:
    _, _, explanation, _, is_truncated = settled(EvaluationResult(label="a", explanation="x" * EXPLANATION_LENGTH))

    assert (explanation, is_truncated) == ("x" * EXPLANATION_LENGTH, False)


def test_metadata_becomes_json() -> None:
    said = EvaluationResult(label="a", metadata=MappingProxyType({"n": np.int64(1), 2: float("nan"), "o": object}))

    _, _, _, metadata, _ = settled(said)

    assert metadata == '{"n":1,"2":null,"o":"<class \'object\'>"}'


def test_metadata_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidResult, match="surrogates"):
        settled(EvaluationResult(label="a", metadata={"x": "\ud800"}))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(None, r"returned None; it must return an EvaluationResult", id="nothing"),
        pytest.param(True, "returned a bool", id="boolean"),
        pytest.param("good", "returned a str", id="text"),
        pytest.param({"label": "good"}, "returned a dict", id="dictionary"),
        pytest.param(EvaluationResult(label="x" * 101), "a label of 101 characters", id="long-label"),
        pytest.param(EvaluationResult(label="a", metadata={"x": "y" * 10_000}), "metadata of 10,008", id="metadata"),
        pytest.param(EvaluationResult(label="a", metadata=[1]), "metadata is a list", id="metadata-list"),  # type: ignore[arg-type]
        pytest.param(EvaluationResult(label="a", metadata=np.array([1, 2])), "is a ndarray", id="metadata-array"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_result_is_refused(said: Any, why: str) -> None:
    with pytest.raises(InvalidResult, match=why):
        settled(said)


def test_a_result_of_a_class_of_the_same_form_counts() -> None:
    said = SimpleNamespace(label="good", score=None, explanation="")

    assert settled(said) == ("good", None, None, None, False)


def test_a_result_of_another_class_is_held_to_the_same_rules() -> None:
    with pytest.raises(ValueError, match="needs a score or a label"):
        settled(SimpleNamespace(label=None, score=None, explanation="because"))


def test_an_error_is_told_with_its_class_text_and_line() -> None:
    source = "def fail():\n    return 1 / 0\n"
    place: dict[str, Any] = {}
    exec(compile(source, "evaluators/ratio.py", "exec"), place)

    try:
        place["fail"]()
    except ZeroDivisionError as error:
        told = described(error, "evaluators/ratio.py")

    assert told == ("ZeroDivisionError", "division by zero (evaluators/ratio.py, line 2)")


def test_a_syntax_error_is_told_with_its_line() -> None:
    try:
        compile("x = 1\ny = (", "evaluators/open.py", "exec")
    except SyntaxError as error:
        told = described(error, "evaluators/open.py")

    assert told == ("SyntaxError", "'(' was never closed (evaluators/open.py, line 2)")


class Stubborn(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class NamelessError(Exception, metaclass=Stubborn):
    pass


class MuteError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Endless(str):
    def __getitem__(self, key: object) -> str:
        raise RuntimeError


class EndlessError(Exception):
    def __str__(self) -> str:
        return Endless("x" * 1_000_000)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(NamelessError(), ("Exception", "an error that cannot be read"), id="no-name"),
        pytest.param(MuteError(), ("MuteError", "its text cannot be read"), id="no-text"),
        pytest.param(EndlessError(), ("EndlessError", "x" * 4_095), id="endless"),
        pytest.param(ValueError(), ("ValueError", ""), id="nothing-to-say"),
        pytest.param(
            ExceptionGroup("two", [ValueError("a"), MuteError()]),
            ("ExceptionGroup", "its text cannot be read"),
            id="group-with-one",
        ),
    ],
)
def test_an_error_that_will_not_be_read_is_told_all_the_same(error: Exception, told: tuple[str, str]) -> None:
    assert described(error, "evaluators/sample.py") == told


def test_a_group_of_errors_is_told_with_what_is_in_it() -> None:
    group = ExceptionGroup("both fields", [ValueError("no number"), KeyError("id")])

    assert described(group, "evaluators/sample.py") == (
        "ExceptionGroup",
        "both fields (2 sub-exceptions): ValueError: no number; KeyError: 'id'",
    )


def test_metadata_without_anything_in_it_is_none() -> None:
    _, _, _, metadata, _ = settled(EvaluationResult(label="a", metadata=MappingProxyType({})))

    assert metadata is None
