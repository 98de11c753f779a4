"""Every outcome that a candidate can meet, and what a run leaves of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.selection.sampling import is_sampled, sampling_key
from evals_pipeline_tests.builders import JSON_TASK, history, project_folder, span, spans, units, verdicts, walk

SLOW_PATTERN = "(a|aa)+(?=c)$"
"""Python alone can express it, and it tries for ever on a long row of `a`."""

FAILING_TASK = f"""
project: shop
max_attempts: 2
evaluators:
  - evaluator: matches_regex
    as: slow
    parameters: {{pattern: "{SLOW_PATTERN}"}}
    mapping: {{text: attributes.output.value}}
"""


def test_a_unit_that_matches_has_a_label_a_score_and_a_reason(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span()])

    walked = walk(folder, run_id="r1")

    (row,) = history(folder)
    assert walked.counts == {"json_parseable": {"evaluated": 1}}
    assert (row["label"], row["score"], row["explanation"]) == ("parseable", 1.0, "The text is valid JSON.")
    assert (row["outcome"], row["error_type"], row["run_id"]) == ("evaluated", None, "r1")
    assert (row["unit_id"], row["trace_id"], row["session_id"]) == ("s1", "trace of s1", "session")


def test_a_unit_outside_the_tasks_filter_is_filtered_and_leaves_no_row(tmp_path: Path) -> None:
    task = JSON_TASK + "filter: span_kind = 'LLM'\n"
    folder = project_folder(tmp_path, [span("in"), span("out", **{c.SPAN_KIND: "TOOL"})], format=task)

    walked = walk(folder)

    assert walked.counts == {"json_parseable": {"filtered": 1, "evaluated": 1}}
    assert units(folder) == ["in"]


def test_an_evaluators_filter_keeps_a_unit_from_that_evaluator_alone(tmp_path: Path) -> None:
    task = JSON_TASK + (
        "  - {evaluator: json_parseable, as: tools_only, mapping: {text: attributes.output.value},"
        " filter: \"span_kind = 'TOOL'\"}\n"
    )
    folder = project_folder(tmp_path, [span("llm"), span("tool", **{c.SPAN_KIND: "TOOL"})], format=task)

    walked = walk(folder)

    assert walked.counts == {"json_parseable": {"evaluated": 2}, "tools_only": {"filtered": 1, "evaluated": 1}}
    assert set(verdicts(folder)) == {("json_parseable", "llm"), ("json_parseable", "tool"), ("tools_only", "tool")}


def test_units_above_the_sampling_rate_are_sampled_out(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(40), format=JSON_TASK + "sampling_rate: 0.3\n")

    walked = walk(folder)

    chosen = [f"s{number}" for number in range(40) if is_sampled(f"s{number}", 0.3)]
    assert walked.counts == {"json_parseable": {"sampled_out": 40 - len(chosen), "evaluated": len(chosen)}}
    assert units(folder) == sorted(chosen)


def test_units_beyond_the_limit_are_those_with_the_highest_hashes(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(10), format=JSON_TASK + "max_units: 4\n")

    walked = walk(folder)

    first = sorted((f"s{number}" for number in range(10)), key=sampling_key)[:4]
    assert walked.counts == {"json_parseable": {"over_limit": 6, "evaluated": 4}}
    assert units(folder) == sorted(first)


def test_a_higher_limit_takes_up_what_was_over_it(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(10), format=JSON_TASK + "max_units: 4\n")
    walk(folder, run_id="r1")

    walked = walk(folder, run_id="r2", overrides=Overrides(max_units=7))

    assert walked.counts == {"json_parseable": {"over_limit": 3, "already_evaluated": 4, "evaluated": 3}}


def test_a_unit_without_a_mapped_value_is_skipped_and_the_variable_is_named(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span("empty", **{c.OUTPUT_VALUE: ""}), span("none", **{c.OUTPUT_VALUE: None})])

    walked = walk(folder)

    row = next(row for row in history(folder) if row["unit_id"] == "none")
    assert walked.counts == {"json_parseable": {"evaluated": 1, "skipped": 1}}
    assert (row["outcome"], row["label"], row["score"]) == ("skipped", None, None)
    assert "'text'" in row["error_message"]
    assert "attributes.output.value" in row["error_message"]
    assert walked.evaluated.summary.evaluators["json_parseable"].score_count == 1


def test_the_second_of_two_variables_is_named_when_it_is_the_missing_one(tmp_path: Path) -> None:
    task = """
project: shop
evaluators:
  - evaluator: exact_match
    mapping: {text: attributes.output.value, expected: attributes.metadata.answer}
"""
    found = [span("both", **{c.METADATA: {"answer": '{"order": "ORD-123456"}'}}), span("one")]
    folder = project_folder(tmp_path, found, format=task)

    walk(folder)

    rows = {row["unit_id"]: row for row in history(folder)}
    assert rows["both"]["label"] == "match"
    assert "'expected'" in rows["one"]["error_message"]


def test_an_evaluator_that_fails_gives_an_error_without_a_score_and_is_tried_as_often_as_the_task_says(
    tmp_path: Path,
) -> None:
    folder = project_folder(tmp_path, [span("bad", **{c.OUTPUT_VALUE: "a" * 60 + "b"}), span()], format=FAILING_TASK)

    counts = [walk(folder, run_id=f"r{number}").counts["slow"] for number in range(3)]

    rows = [row for row in history(folder) if row["unit_id"] == "bad"]
    assert counts[0] == {"evaluated": 1, "errored": 1}
    assert counts[1] == {"already_evaluated": 1, "errored": 1}
    assert counts[2] == {"already_evaluated": 2}
    assert [(row["outcome"], row["score"], row["label"]) for row in rows] == [("errored", None, None)] * 2
    assert "timed out" in rows[0]["error_message"]


def test_a_run_after_the_last_attempt_has_nothing_left_to_look_at(tmp_path: Path) -> None:
    task = FAILING_TASK.replace("max_attempts: 2", "max_attempts: 1")
    folder = project_folder(tmp_path, [span("bad", **{c.OUTPUT_VALUE: "a" * 60 + "b"})], format=task)
    walk(folder, run_id="r1")
    walk(folder, run_id="r2")

    walked = walk(folder, run_id="r3")

    assert (walked.evaluated.candidates, walked.evaluated.rows) == (0, 0)


def test_a_day_without_spans_has_no_candidates_and_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    folder = project_folder(tmp_path)

    walked = walk(folder)

    assert (walked.evaluated.candidates, walked.counts, walked.attached.units) == (0, {"json_parseable": {}}, 0)


@pytest.mark.parametrize("value", ["NULL::x", "'; DROP TABLE spans; --", "ü\\u0000\u2028 😀", "a/b%2Fc"])
def test_ids_and_texts_of_any_kind_come_through_as_they_are(tmp_path: Path, value: str) -> None:
    folder = project_folder(tmp_path, [span(value, **{c.SESSION_ID: value, c.OUTPUT_VALUE: value})])

    walk(folder)

    (row,) = history(folder)
    assert (row["unit_id"], row["session_id"], row["label"]) == (value, value, "not_parseable")
