"""The way of a value from a span to a verdict: paths, parts, DuckDB beside the plain definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine import parts
from evals_pipeline.engine import spans as spans_stage
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.lake.tables import INPUTS
from evals_pipeline_tests.builders import (
    DAY,
    Row,
    deliver,
    history,
    lake_rows,
    project_folder,
    span,
    spans,
    stored_ids,
    task_of,
    verdicts,
    walk,
)

MESSAGE = "attributes.llm.output_messages.0.message.content"

ALL_CHECKS = r"""
project: shop
evaluators:
  - {evaluator: json_parseable, mapping: {text: attributes.output.value}}
  - {evaluator: json_parseable, as: nested, mapping: {text: attributes.metadata.answer}}
  - evaluator: matches_regex
    as: plain
    parameters: {pattern: 'ORD-\d{6}\b'}
    mapping: {text: attributes.output.value}
  - evaluator: matches_regex
    as: full
    parameters: {pattern: '[a-z ]*', full_match: true, case_sensitive: false}
    mapping: {text: attributes.output.value}
  - evaluator: matches_regex
    as: in_python
    parameters: {pattern: '(?<=ORD)-\d'}
    mapping: {text: attributes.metadata.answer}
  - evaluator: contains_any_keyword
    parameters: {keywords: [sorry, straße]}
    mapping: {text: attributes.output.value}
  - evaluator: contains_all_keywords
    parameters: {keywords: [order, i], whole_words: true}
    mapping: {text: attributes.output.value}
  - evaluator: exact_match
    as: same
    mapping: {text: attributes.output.value, expected: attributes.metadata.answer}
  - evaluator: exact_match
    as: fixed
    parameters: {expected: ' sorry', case_sensitive: false, strip_whitespace: true}
    mapping: {text: attributes.output.value}
"""

TEXTS = [
    *("", " ", "{}", '{"order": "ORD-123456"}', "[1, 2,]", "NaN", '{"a": 1, "a": 2}', "\ufeff{}", "1e999", '"\\ud800"'),
    *(
        "[" * 501 + "]" * 501,
        "[" * 400 + "]" * 400,
        "SORRY",
        "\tSorry\r\n",
        "STRASSE straße STRAẞE",
        "İ i ı",
        "ORD-1234567",
    ),
    *("ORD-123456", "I order", "border i", "order_i", "a\x00b ORD-123456", "é e\u0301", "😀 order 😀 i", "x" * 200_000),
    *("ORD-٣٣٣٣٣٣", "line\nORD-123456\n", "\u2028order\u2028i", "null", "-0", "01", "tr\u0000ue", "ß", "ss"),
]
"""Texts on which a database and a definition like to disagree."""


def test_verdicts_equal_the_plain_definitions(tmp_path: Path) -> None:
    found = [
        span(f"s{number}", **{c.OUTPUT_VALUE: text, c.METADATA: {"answer": TEXTS[-number]}})
        for number, text in enumerate(TEXTS)
    ]
    folder = project_folder(tmp_path, found, format=ALL_CHECKS)

    walk(folder)

    uses = {use.name: use for use in task_of(folder).uses}
    said = {
        (row["evaluator"], row["unit_id"]): (row["label"], row["score"], row["explanation"]) for row in history(folder)
    }
    expected = {}
    for name, use in uses.items():
        for item in found:
            texts = {variable: _text(item, path.dotted) for variable, path in use.paths.items()}
            result = use.evaluator.evaluate(**texts)
            expected[name, item[c.SPAN_ID]] = (result.label, result.score, result.explanation)
    assert said == expected


def _text(item: Row, path: str) -> str:
    return item[c.METADATA]["answer"] if path.startswith(c.METADATA) else item[path]


def test_a_mapped_path_goes_through_messages_json_text_and_dotted_keys(tmp_path: Path) -> None:
    task = f"""
project: shop
evaluators:
  - {{evaluator: json_parseable, as: message, mapping: {{text: {MESSAGE}}}}}
  - {{evaluator: json_parseable, as: inside, mapping: {{text: attributes.output.value.answer.text}}}}
  - {{evaluator: json_parseable, as: own, mapping: {{text: attributes.my.own.key}}}}
"""
    found = span(
        **{
            "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": "{}"}],
            c.OUTPUT_VALUE: json.dumps({"answer": {"text": "no"}}),
            "attributes.my.own.key": "[]",
        }
    )
    folder = project_folder(tmp_path, [found, span("without", **{c.OUTPUT_VALUE: "plain"})], format=task)

    walk(folder)

    assert verdicts(folder) == {
        ("message", "s1"): "parseable",
        ("inside", "s1"): "not_parseable",
        ("own", "s1"): "parseable",
        **{(name, "without"): "(skipped)" for name in ("message", "inside", "own")},
    }


def test_a_value_that_is_a_column_is_not_written_twice(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))

    walk(folder)

    assert [row["values"] for row in lake_rows(folder, INPUTS)] == [None, None, None]


def test_a_number_and_a_time_are_judged_as_text(tmp_path: Path) -> None:
    task = r"""
project: shop
evaluators:
  - evaluator: matches_regex
    as: tokens
    parameters: {pattern: '^42$'}
    mapping: {text: attributes.llm.token_count.total}
  - {evaluator: matches_regex, as: latency, parameters: {pattern: '^1000'}, mapping: {text: latency_ms}}
  - {evaluator: matches_regex, as: started, parameters: {pattern: '^2026-01-10'}, mapping: {text: start_time}}
"""
    folder = project_folder(tmp_path, [span(**{c.TOKENS_TOTAL: 42})], format=task)

    walk(folder)

    assert set(verdicts(folder).values()) == {"matches"}


def test_a_day_in_many_parts_gives_the_results_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parted = (project_folder(tmp_path / name, spans(5), format=ALL_CHECKS) for name in ("whole", "parted"))
    for folder in (whole, parted):
        monkeypatch.setattr(parts, "PART_ROWS", 2_000_000 if folder == whole else 7)
        for number in range(4):
            deliver(folder, f"more{number}", spans(5, prefix=f"file{number} "))
            walk(folder, run_id=f"r{number}", overrides=Overrides(override=number == 3))

    again = walk(parted, run_id="again", overrides=Overrides(override=True))

    assert len({row["part"] for row in lake_rows(parted, INPUTS)}) > 2
    assert verdicts(parted) == verdicts(whole)
    assert len(history(parted)) - len(history(whole)) == again.evaluated.rows == 25 * 9
    assert again.evaluated.summary == walk(whole, run_id="again", overrides=Overrides(override=True)).evaluated.summary


def test_a_source_that_is_stored_in_many_portions_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans_stage, "_FLUSH_ROWS", 3)
    folder = project_folder(tmp_path, [*spans(10), *spans(4)])
    deliver(folder, "second", spans(12))

    walked = walk(folder)

    assert stored_ids(folder) == sorted(f"s{number}" for number in range(12))
    assert (walked.collected.spans, walked.collected.duplicates) == ({DAY: 12}, 14)
    assert walked.evaluated.rows == 12
