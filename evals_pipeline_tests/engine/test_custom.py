"""Custom evaluators through the corridor: what they are shown, what becomes of what they say, and without a sandbox."""

from __future__ import annotations

import json
import logging
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ConfigError, FilterError, MappingError, ParameterError, SandboxError
from evals_pipeline.core.window import Window
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.dry_run import forecast
from evals_pipeline.engine.explaining import explain
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.previewing import preview_task
from evals_pipeline.engine.sandboxes import FEWEST_ROWS, MOST_BYTES, MOST_ROWS, portions
from evals_pipeline.engine.summary import MOST_LABELS, REST
from evals_pipeline_tests.builders import (
    CODE,
    CODE_TASK,
    DAY,
    custom_folder,
    deliver,
    history,
    project_folder,
    span,
    spans,
    talks,
    task_of,
    verdicts,
    walk,
    write_code,
    write_judge,
    write_models,
    write_task,
)

HEAD = "from evals_pipeline import CodeEvaluator, EvaluationResult\n\n\nclass Custom(CodeEvaluator):\n"

TELLING = (
    HEAD
    + """
    def evaluate(self, *, output=None, tokens=None, when=None, tags=None, first=None, unmapped="default",
                 dataset_row=None, **kwargs):
        shown = dict(output=output, tokens=tokens, when=repr(when), tags=tags, first=first, unmapped=unmapped)
        row = {key: repr(value) for key, value in dataset_row.items()}
        return EvaluationResult(label=self.word, metadata={"shown": shown, "row": row})
"""
)
"""Says what it was shown."""


def use(name: str, **settings: Any) -> str:
    """A task with one evaluator, as YAML."""
    return json.dumps({"project": "shop", "evaluators": [{"evaluator": name, **settings}]})


def told(folder: Path, evaluator: str) -> dict[str, dict[str, Any]]:
    """Unit -> result row."""
    return {row["unit_id"]: row for row in history(folder) if row["evaluator"] == evaluator}


def test_values_come_in_their_own_types_and_results_carry_everything(tmp_path: Path) -> None:
    metadata = '{"tags": ["a", {"b": 1.5}], "n": 1}'
    found = [span(**{c.TOKENS_TOTAL: 42, c.METADATA: metadata, c.OUTPUT_VALUE: '{"not": "parsed"}'})]
    mapping = {
        "output": c.OUTPUT_VALUE,
        "tokens": c.TOKENS_TOTAL,
        "when": "start_time",
        "tags": "attributes.metadata.tags",
        "first": "attributes.metadata.tags.1.b",
    }
    additional = [c.METADATA, "latency_ms", "attributes.no.such"]
    task = use("telling", mapping=mapping, additional_attributes=additional, parameters={"word": "said"})
    folder = project_folder(tmp_path, found, telling=task)
    write_code(folder, "telling", TELLING)

    walked = walk(folder, "telling")

    assert walked.counts == {"telling": {"evaluated": 1}}
    (row,) = history(folder)
    said = json.loads(row["metadata"])
    assert said["shown"] == {
        "output": '{"not": "parsed"}',
        "tokens": 42,
        "when": "datetime.datetime(2026, 1, 10, 12, 0, tzinfo=datetime.timezone.utc)",
        "tags": ["a", {"b": 1.5}],
        "first": 1.5,
        "unmapped": "default",
    }
    assert list(said["row"]) == [*mapping.values(), *additional]
    assert said["row"][c.METADATA] == repr(json.loads(metadata))
    assert (said["row"]["latency_ms"], said["row"]["attributes.no.such"]) == ("1000.0", "None")
    assert (row["label"], row["annotator_kind"], row["score"]) == ("said", "CODE", None)


def test_a_column_that_holds_the_null_of_json_has_no_value(tmp_path: Path) -> None:
    code = HEAD + "    def evaluate(self, *, data=None, **kwargs):\n        return EvaluationResult(label=repr(data))\n"
    found = [span("null", **{c.METADATA: "null"}), span("empty", **{c.METADATA: "{}"})]
    folder = custom_folder(tmp_path, found, code=code, length=use("brief", mapping={"data": c.METADATA}))

    walk(folder, "length")

    assert told(folder, "brief")["null"]["outcome"] == "skipped"
    assert told(folder, "brief")["empty"]["label"] == "{}"


def test_a_summary_keeps_few_labels_and_finite_scores_however_many_and_large_there_are(tmp_path: Path) -> None:
    says = "EvaluationResult(label=output if output.startswith('Answer') else 'often', score=1e308)"
    code = HEAD + f"    def evaluate(self, *, output=None, **kwargs):\n        return {says}\n"
    folder = custom_folder(tmp_path, [*talks(MOST_LABELS + 10), *spans(9, prefix="short")], code=code)

    walk(folder, "length", run_id="one")
    deliver(folder, "more", talks(5, prefix="more"))
    summary = walk(folder, "length", run_id="two").evaluated.summary.evaluators["brief"]

    labels = list(summary.labels.items())
    assert labels[0] == ("often", 9)
    assert (len(labels), labels[-1][0], sum(summary.labels.values())) == (MOST_LABELS + 1, REST, summary.rows)
    assert isfinite(summary.score_sum)


def test_checks_and_customs_share_a_nested_path_each_in_its_own_form(tmp_path: Path) -> None:
    found = [span(**{c.METADATA: '{"n": [1, 2]}'})]
    code = HEAD + "    def evaluate(self, *, n=None, **kwargs):\n        return EvaluationResult(score=sum(n))\n"
    two = {"evaluators": [{"evaluator": "total", "mapping": {"n": "attributes.metadata.n"}}]}
    two["evaluators"].append({"evaluator": "exact_match", "parameters": {"expected": "[1,2]"},
                              "mapping": {"text": "attributes.metadata.n"}})  # fmt: skip
    folder = project_folder(tmp_path, found, both=json.dumps({"project": "shop", **two}))
    write_code(folder, "total", code)

    walk(folder, "both")

    assert verdicts(folder)["exact_match", "s1"] == "match"
    assert told(folder, "total")["s1"]["score"] == 3.0


def test_rows_that_fail_are_errors_with_their_line_and_mapped_values_that_are_missing_are_skipped(
    tmp_path: Path,
) -> None:
    found = [span("ok"), span("empty", **{c.OUTPUT_VALUE: ""}), span("none", **{c.OUTPUT_VALUE: None})]
    folder = custom_folder(tmp_path, found)

    walked = walk(folder, "length")

    assert walked.counts["brief"] == {"evaluated": 1, "errored": 1, "skipped": 1}
    rows = told(folder, "brief")
    assert (rows["empty"]["error_type"], rows["empty"]["score"]) == ("ZeroDivisionError", None)
    assert rows["empty"]["error_message"] == "division by zero (evaluators/brief.py, line 7)"
    assert rows["none"]["error_message"] == "variable 'output' is missing: 'attributes.output.value' has no value"
    assert walked.evaluated.summary.evaluators["brief"].labels == {"long": 1}
    with opened(folder) as here:
        decisions = explain(here, task_of(folder, "length"), "empty").decisions
    assert "ZeroDivisionError: division by zero (evaluators/brief.py, line 7)" in decisions[0].reason


def test_a_failed_row_is_tried_again_as_often_as_the_task_says_and_others_are_not(tmp_path: Path) -> None:
    folder = custom_folder(tmp_path, [span("ok"), span("empty", **{c.OUTPUT_VALUE: ""})])
    write_task(folder, "length", CODE_TASK + "max_attempts: 2\n")

    outcomes = [walk(folder, "length", run_id=f"run{number}").counts["brief"] for number in range(3)]

    assert outcomes[0] == {"evaluated": 1, "errored": 1}
    assert outcomes[1] == {"already_evaluated": 1, "errored": 1}
    assert outcomes[2] == {"already_evaluated": 2}


def test_a_hung_row_costs_its_time_limit_and_the_others_are_judged(tmp_path: Path) -> None:
    hangs = CODE.replace("        return", "        while output == 'hang':\n            pass\n        return", 1)
    folder = custom_folder(tmp_path, [*spans(6), span("stuck", **{c.OUTPUT_VALUE: "hang"})])
    write_code(folder, "brief", hangs, "row_seconds: 0.3")

    walked = walk(folder, "length")

    assert walked.counts["brief"] == {"evaluated": 6, "errored": 1}
    assert told(folder, "brief")["stuck"]["error_type"] == "TimeoutError"


def test_the_own_filter_and_the_tasks_filter_must_both_hold(tmp_path: Path) -> None:
    found = [span("both", name="a"), span("own", name="b"), span("tasks", **{c.SPAN_KIND: "TOOL"}, name="a")]
    task = use("brief", mapping={"output": c.OUTPUT_VALUE}, filter="name = 'a'")
    folder = project_folder(tmp_path, found, length=task)
    write_code(folder, "brief", CODE, "filter: span_kind = 'LLM'")

    walked = walk(folder, "length")

    assert walked.counts["brief"] == {"evaluated": 1, "filtered": 2}
    with opened(folder) as here:
        told_of = explain(here, task_of(folder, "length"), "tasks").decisions[0]
    assert (told_of.outcome, "span_kind = 'LLM'" in told_of.reason) == ("filtered", True)


def test_a_judges_own_filter_is_read_when_the_task_is_loaded(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, tone=use("tone", mapping={"output": c.OUTPUT_VALUE}))
    judge = "kind: judge\ntemplate: '{output}'\nchoices: [a, b]\nfilter: "
    write_models(folder, default="{name: gpt-5-mini}")

    write_judge(folder, "tone", judge + "span_kind = 'LLM'\n")
    (planned,) = task_of(folder, "tone").uses

    assert planned.filter is not None
    assert planned.filter.text == "span_kind = 'LLM'"
    write_judge(folder, "tone", judge + "spankind = 'LLM'\n")
    with pytest.raises((ConfigError, FilterError), match="evaluators/tone.yaml"):
        task_of(folder, "tone")


@pytest.mark.parametrize(
    ("settings", "kind", "place", "hint"),
    [
        ({"mapping": {"outptu": c.OUTPUT_VALUE}}, MappingError, "evaluators.0.mapping.outptu", "did you mean 'output'"),
        ({}, MappingError, "evaluators.0.mapping", "map a variable"),
        ({"mapping": {"output": "nothing"}}, MappingError, "evaluators.0.mapping.output", "attributes."),
        (
            {"mapping": {"output": c.OUTPUT_VALUE}, "additional_attributes": ["name"]},
            ConfigError,
            "evaluators.0.additional_attributes",
            "dataset_row",
        ),
        (
            {"mapping": {"output": c.OUTPUT_VALUE}, "parameters": {"x": 1}},
            ParameterError,
            "evaluators.0.parameters",
            "",
        ),
        ({"mapping": {"output": c.OUTPUT_VALUE}, "model": "x"}, ConfigError, "evaluators.0.model", ""),
    ],
    ids=["unknown variable", "nothing mapped", "no such column", "no dataset_row", "no such parameter", "no model"],
)
def test_a_task_that_does_not_fit_its_evaluator_is_refused_on_load(
    tmp_path: Path, settings: dict[str, Any], kind: type[ConfigError], place: str, hint: str
) -> None:
    folder = custom_folder(tmp_path, length=use("brief", **settings))

    (broken,) = read_catalog(folder).broken

    assert broken.field.startswith(place)
    assert hint in str(broken)
    assert issubclass(kind, ConfigError)


def test_an_evaluator_of_whole_rows_needs_no_mapping(tmp_path: Path) -> None:
    body = "        return EvaluationResult(label=dataset_row['name'], score=len(dataset_row))\n"
    code = HEAD + "    def evaluate(self, *, dataset_row, **kwargs):\n" + body
    folder = custom_folder(tmp_path, spans(2), code=code, length=use("brief", additional_attributes=["name"]))

    walk(folder, "length")

    assert {(row["label"], row["score"]) for row in history(folder)} == {("ChatCompletion", 1.0)}


def test_other_additional_attributes_are_other_inputs(tmp_path: Path) -> None:
    row = CODE.replace("output=None", "output=None, dataset_row=None")
    folder = custom_folder(tmp_path, code=row)
    prints = []
    for additional in ([], ["name"], ["name", "start_time"], ["start_time", "name"]):
        write_task(folder, "length", use("brief", mapping={"output": c.OUTPUT_VALUE}, additional_attributes=additional))
        prints.append(task_of(folder, "length").uses[0].fingerprint)

    assert len(set(prints)) == 3
    assert prints[2] == prints[3]


def test_without_a_sandbox_the_others_are_committed_and_the_next_run_takes_up_the_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = custom_folder(tmp_path, spans(6))

    with monkeypatch.context() as patched, pytest.raises(SandboxError, match="nowhere"):
        patched.setattr(sys, "executable", "/nowhere/python")
        walk(folder, "length", run_id="refused")
    after_refusal = {name for name, _ in verdicts(folder)}
    deliver(folder, "late", [span("late")])
    walked = walk(folder, "length", run_id="next")

    assert after_refusal == {"json_parseable"}
    assert walked.counts == {"brief": {"evaluated": 7}, "json_parseable": {"evaluated": 1, "already_evaluated": 6}}
    assert len(history(folder)) == 14
    with opened(folder) as here:
        confined = {run.key.run_id: run.sandbox for run in here.ledger.runs()}
    assert confined["refused"] is None
    assert confined["next"] is not None
    assert confined["next"]["tier"] in (1, 2, 3)


def test_unsafe_is_told_in_the_log_and_kept_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EVALS_SANDBOX", "unsafe")
    folder = custom_folder(tmp_path, spans(3))

    walked = walk(folder, "length")

    assert walked.counts["brief"] == {"evaluated": 3}
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING and "sandbox" in each.message]
    assert "EVALS_SANDBOX=unsafe" in warning.message
    with opened(folder) as here:
        (run,) = here.ledger.runs()
    assert run.sandbox is not None
    assert run.sandbox["tier"] is None


PATTERN_TASK = use("matches_regex", parameters={"pattern": "(a|aa)+(?=c)$|ORD(?=-)"}, mapping={"text": c.OUTPUT_VALUE})


def test_a_pattern_that_duckdb_cannot_search_for_gives_the_same_in_the_sandbox_and_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = [*spans(3), span("slow", **{c.OUTPUT_VALUE: "a" * 60 + "b"})]
    inside = project_folder(tmp_path / "inside", found, order=PATTERN_TASK)
    outside = project_folder(tmp_path / "outside", found, order=PATTERN_TASK)

    walk(inside, "order")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        walk(outside, "order")

    kept = ("unit_id", "outcome", "label", "score", "explanation", "error_type", "error_message")
    rows = [sorted([row[name] for name in kept] for row in history(folder)) for folder in (inside, outside)]
    assert rows[0] == rows[1]
    assert rows[0][3][-2:] == ["TimeoutError", "timed out: the pattern was searched for longer than 1 s"]
    assert [each.message for each in caplog.records if "searches in this process" in each.message]
    with opened(inside) as here:
        assert here.ledger.runs()[0].sandbox is not None


def test_a_preview_shows_what_a_custom_evaluator_is_shown(tmp_path: Path) -> None:
    found = [span(**{c.TOKENS_TOTAL: 42, c.METADATA: '{"n": [1]}'})]
    mapping = {"tokens": c.TOKENS_TOTAL, "tags": "attributes.metadata.n", "when": c.METADATA}
    task = use("telling", mapping=mapping, additional_attributes=["name"], parameters={"word": "x"})
    folder = project_folder(tmp_path, found, telling=task)
    write_code(folder, "telling", TELLING)
    walk(folder, "telling")

    with opened(folder) as here:
        shown = preview_task(here, task_of(folder, "telling")).variables["telling"]

    assert {each.variable: each.examples[0][1] for each in shown} == {
        "tokens": 42,
        "tags": [1],
        "when": {"n": [1]},
        "dataset_row[name]": "ChatCompletion",
    }


def test_a_dry_run_counts_and_estimates_no_cost(tmp_path: Path) -> None:
    folder = custom_folder(tmp_path, spans(3))
    walk(folder, "length")
    deliver(folder, "more", [span("new")])
    write_task(folder, "other", CODE_TASK.replace("evaluator: brief", "evaluator: brief\n    as: other").replace(
        "evaluator: json_parseable", "evaluator: json_parseable\n    as: json"))  # fmt: skip

    with opened(folder) as here:
        (day,) = forecast(here, task_of(folder, "other"), Window.of_day(DAY))

    assert day.asked == {"other": 3, "json": 3}
    assert day.judges == {}


def test_batches_start_small_grow_and_stay_within_bounds() -> None:
    short = pa.record_batch({"a": ["x"] * 2_048})
    long = pa.record_batch({"a": ["x" * (MOST_BYTES // 10)] * 40})

    sizes = [batch.num_rows for batch in portions(iter([short] * 80), workers=2)]
    bytes_ = [batch.nbytes for batch in portions(iter([long]), workers=2)]

    assert sum(sizes) == 80 * 2_048
    assert (sizes[0], max(sizes) <= MOST_ROWS, max(sizes) > MOST_ROWS // 2) == (FEWEST_ROWS, True, True)
    assert max(bytes_) <= MOST_BYTES
    assert list(portions(iter([]), workers=2)) == []
    huge = pa.record_batch({"a": ["x" * (MOST_BYTES + 1), "y"]})
    assert [batch.num_rows for batch in portions(iter([huge]), workers=1)] == [1, 1]
