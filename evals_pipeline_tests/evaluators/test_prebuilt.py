"""What the prebuilt checks say, and what they refuse."""

from __future__ import annotations

import time

import pytest

from evals_pipeline.core.errors import ConfigError, EvaluatorError, ParameterError, UnknownNameError
from evals_pipeline.core.evaluator import AnnotatorKind, EvaluationResult
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names, prebuilt_parameters

ORDINARY = {
    "matches_regex": {"pattern": "a"},
    "json_parseable": {},
    "contains_any_keyword": {"keywords": ["a"]},
    "contains_all_keywords": {"keywords": ["a"]},
    "exact_match": {"expected": "a"},
}


def label(name: str, parameters: dict[str, object], **variables: str) -> str | None:
    return build(name, parameters).evaluate(**variables).label


def test_there_are_five_prebuilt_checks() -> None:
    assert prebuilt_names() == tuple(sorted(ORDINARY))


@pytest.mark.parametrize("name", ORDINARY)
def test_a_check_tells_what_it_is(name: str) -> None:
    check = build(name, ORDINARY[name])

    assert (check.name, check.version, check.annotator_kind) == (name, "1", AnnotatorKind.CODE)
    assert check.definition.TRUE.score == 1.0
    assert check.definition.FALSE.score == 0.0
    assert all(check.labels + check.explanations)
    assert check.description.startswith("Whether ")
    assert set(check.parameters) == {parameter.name for parameter in prebuilt_parameters(name)}


@pytest.mark.parametrize("name", ORDINARY)
def test_the_source_that_is_shown_is_complete(name: str) -> None:
    check = build(name, ORDINARY[name])

    assert f"class {type(check.definition).__name__}" in check.source
    compile(check.source, name, "exec")


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("order ORD-123456.", {"pattern": "ORD-[0-9]{6}"}, "matches"),
        ("order ORD-12345.", {"pattern": "ORD-[0-9]{6}"}, "no_match"),
        ("order ORD-123456.", {"pattern": "ORD-[0-9]{6}", "full_match": True}, "no_match"),
        ("YES", {"pattern": "yes", "case_sensitive": False}, "matches"),
        ("É", {"pattern": "é", "case_sensitive": False}, "no_match"),
        ("٣", {"pattern": r"\d"}, "no_match"),
        ("aa", {"pattern": r"(a)\1"}, "matches"),
    ],
)
def test_a_regex_matches_where_its_definition_says(text: str, parameters: dict[str, object], expected: str) -> None:
    assert label("matches_regex", parameters, text=text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5e3, null, true, "x"]}', "parseable"),
        ('{"a": 1, "a": 2}', "parseable"),
        ("9" * 10_000, "parseable"),
        ('"\\ud800"', "parseable"),
        (" 1 ", "parseable"),
        ("NaN", "not_parseable"),
        ("[1,]", "not_parseable"),
        ("```json\n{}\n```", "not_parseable"),
        ("", "not_parseable"),
        ("\ufeff{}", "not_parseable"),
        ("[" * 500 + "]" * 500, "parseable"),
        ("[" * 501 + "]" * 501, "not_parseable"),
        ("[" * 100_000, "not_parseable"),
    ],
    ids=lambda value: value[:20],
)
def test_json_is_what_the_rfc_says(text: str, expected: str) -> None:
    assert label("json_parseable", {}, text=text) == expected


@pytest.mark.parametrize(
    ("text", "parameters", "any_of", "all_of"),
    [
        ("A Refund, please", {"keywords": ["refund", "cancel"]}, "contains", "missing"),
        ("Cancel and refund", {"keywords": ["refund", "cancel"]}, "contains", "contains"),
        ("A Refund", {"keywords": ["refund"], "case_sensitive": True}, "missing", "missing"),
        ("GRÖẞE", {"keywords": ["größe"]}, "contains", "contains"),
        ("İstanbul", {"keywords": ["istanbul"]}, "contains", "contains"),
        ("ΟΔΟΣ", {"keywords": ["οδος", "οδοσ"]}, "contains", "contains"),
        ("party art", {"keywords": ["art"], "whole_words": True}, "contains", "contains"),
        ("party", {"keywords": ["art"], "whole_words": True}, "missing", "missing"),
        ("cafe\u0301", {"keywords": ["cafe"], "whole_words": True}, "missing", "missing"),
        ("C++!", {"keywords": ["c++"], "whole_words": True}, "contains", "contains"),
        ("a\x00b", {"keywords": ["\x00"]}, "contains", "contains"),
    ],
)
def test_keywords_are_found(text: str, parameters: dict[str, object], any_of: str, all_of: str) -> None:
    assert label("contains_any_keyword", parameters, text=text) == any_of
    assert label("contains_all_keywords", parameters, text=text) == all_of


@pytest.mark.parametrize(
    ("text", "expected", "options", "verdict"),
    [
        ("Paris", "Paris", {}, "match"),
        ("paris", "Paris", {}, "mismatch"),
        ("paris", "Paris", {"case_sensitive": False}, "match"),
        ("Paris\n", "Paris", {}, "mismatch"),
        ("Paris\n", " Paris", {"strip_whitespace": True}, "match"),
        ("\xa0Paris", "Paris", {"strip_whitespace": True}, "mismatch"),
        ("é", "e\u0301", {}, "mismatch"),
        ("", "", {}, "match"),
    ],
)
def test_what_is_expected_can_be_mapped_or_static(
    text: str, expected: str, options: dict[str, object], verdict: str
) -> None:
    mapped, static = build("exact_match", options), build("exact_match", {"expected": expected, **options})

    assert [variable.name for variable in mapped.variables] == ["text", "expected"]
    assert [variable.name for variable in static.variables] == ["text"]
    assert mapped.evaluate(text=text, expected=expected).label == verdict
    assert static.evaluate(text=text).label == verdict


def test_an_unknown_check_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="json_parseable") as refused:
        build("json_parsable", {}, field="evaluators.0")

    assert (refused.value.field, refused.value.hint) == ("evaluators.0.evaluator", "did you mean 'json_parseable'?")


@pytest.mark.parametrize(
    ("name", "parameters", "field", "message"),
    [
        ("matches_regex", {}, "pattern", "needs the parameter 'pattern'"),
        ("matches_regex", {"patern": "a"}, "patern", "it has: pattern, full_match, case_sensitive"),
        ("matches_regex", {"pattern": 7}, "pattern", "7 is no text"),
        ("matches_regex", {"pattern": ""}, "pattern", "empty pattern"),
        ("matches_regex", {"pattern": "a(b"}, "pattern", "missing .* at position 3"),
        ("matches_regex", {"pattern": "*a"}, "pattern", "nothing to repeat at position 0"),
        ("matches_regex", {"pattern": "(?u)a"}, "pattern", "incompatible"),
        ("matches_regex", {"pattern": "\ud800"}, "pattern", "surrogate"),
        ("matches_regex", {"pattern": "a", "full_match": "yes"}, "full_match", "neither true nor false"),
        ("matches_regex", {"pattern": "a", "full_match": 1}, "full_match", "neither true nor false"),
        ("json_parseable", {"strict": True}, "strict", "has no parameter"),
        ("contains_any_keyword", {"keywords": []}, "keywords", "the list is empty"),
        ("contains_any_keyword", {"keywords": "refund"}, "keywords", "is no list"),
        ("contains_all_keywords", {"keywords": ["a", ""]}, "keywords.1", "empty text"),
        ("contains_all_keywords", {"keywords": ["a", 1]}, "keywords.1", "1 is no text"),
        ("exact_match", {"expected": None}, "expected", "None is no text"),
    ],
)
def test_a_wrong_parameter_is_refused_where_it_stands(
    name: str, parameters: dict[str, object], field: str, message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        build(name, parameters)

    assert refused.value.field == f"parameters.{field}"


@pytest.mark.parametrize("pattern", [r"(a|aa)+(?<!b)$", r"(?:(a)|aa|\w)+(?!a)\d", r"(.*?,){20}(?=P)P"])
def test_a_catastrophic_pattern_is_an_error_within_the_time_limit(pattern: str) -> None:
    check = build("matches_regex", {"pattern": pattern})
    started = time.process_time()

    slow, quick = evaluate_rows(check, [{"text": "a," * 60 + "a" * 60 + "b"}, {"text": "b"}])

    assert time.process_time() - started < 5
    assert isinstance(slow, EvaluatorError)
    assert "timed out" in str(slow)
    assert isinstance(quick, EvaluationResult)


def test_a_row_that_breaks_the_definition_is_an_error_with_class_and_message() -> None:
    check = build("json_parseable", {})

    broken, sound = evaluate_rows(check, [{"text": None}, {"text": "1"}])  # type: ignore[list-item]

    assert isinstance(broken, EvaluatorError)
    assert str(broken).startswith("TypeError: ")
    assert isinstance(broken.__cause__, TypeError)
    assert isinstance(sound, EvaluationResult)


def test_a_wrong_configuration_stops_the_rows() -> None:
    class Refusing:
        TRUE = FALSE = EvaluationResult(0.0)

        def evaluate(self, text: str) -> EvaluationResult:
            raise ConfigError("no key")

    check = build("json_parseable", {})
    object.__setattr__(check, "definition", Refusing())

    with pytest.raises(ConfigError, match="no key"):
        evaluate_rows(check, [{"text": "1"}])
