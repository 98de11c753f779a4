"""Custom evaluators in Dagster: what a run's pages show, days together, and a machine without a sandbox."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.settings import Settings
from evals_pipeline.ledger.ledger import Ledger, conserved
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline_tests.builders import (
    CODE,
    CODE_TASK,
    DAY,
    Row,
    custom_folder,
    history,
    project_folder,
    span,
    spans,
    task_of,
    units,
    verdicts,
    write_code,
)
from evals_pipeline_tests.orchestration.conftest import folder_with, metadata, run

RESULTS = ("shop", "length_results")

WORDY = '''
import numpy as np
from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Wordy(CodeEvaluator):
    """Whether the answer has many words."""

    def evaluate(self, *, output=None, seconds=None, **kwargs):
        words = np.array([len(word) for word in output.split()])
        label = "wordy" if words.size > self.most else "short"
        return EvaluationResult(score=words.mean(), label=label, explanation=f"{words.size} words in {seconds:.0f} ms")
'''
CALLS = """
from arize.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Calls(CodeEvaluator):
    def evaluate(self, *, messages=None, dataset_row=None, **kwargs):
        calls = messages[0]["message.tool_calls"]
        names = [call["tool_call.function.name"] for call in calls]
        trial = dataset_row["attributes.metadata"]["trial"]
        told = {"trial": trial, "model": dataset_row["attributes.llm.model_name"]}
        return EvaluationResult(score=len(names), label=names[0], metadata=told)
"""
AIRLINE = {
    "project": "shop",
    "evaluators": [
        {
            "evaluator": "wordy",
            "parameters": {"most": 30},
            "mapping": {"output": c.OUTPUT_VALUE, "seconds": "latency_ms"},
            "filter": "span_kind = 'AGENT'",
        },
        {
            "evaluator": "calls",
            "mapping": {"messages": c.OUTPUT_MESSAGES},
            "additional_attributes": [c.METADATA, c.MODEL_NAME],
        },
        {"evaluator": "json_parseable", "mapping": {"text": c.OUTPUT_VALUE}},
    ],
}


def called(each: Row) -> tuple[str, str | None, str | None]:
    """What `calls` must say of a span: outcome, label and metadata."""
    message = (each[c.OUTPUT_MESSAGES] or [{}])[0]
    calls = message.get("message.tool_calls")
    if not calls:
        return "errored" if message else "skipped", None, None
    told = {"trial": json.loads(each[c.METADATA])["trial"], "model": each[c.MODEL_NAME]}
    return "evaluated", calls[0]["tool_call.function.name"], json.dumps(told, separators=(",", ":"))


def test_airline_traces_are_judged_by_custom_evaluators(
    tmp_path: Path, shared_data: Path, instance: dg.DagsterInstance
) -> None:
    days = [date(2024, 6, 27), date(2024, 6, 28)]
    source = shared_data / "tau_airline_spans.parquet"
    folder = project_folder(tmp_path, source=str(source), length=json.dumps(AIRLINE))
    ledger = Ledger(Settings.of(folder).database)
    ledger.setting("first_day", "2024-06-01")
    ledger.close()
    write_code(folder, "wordy", WORDY)
    write_code(folder, "calls", CALLS)

    assert run(folder, instance, *days).success

    rows = history(folder)
    found = {row["unit_id"]: row for row in rows if row["evaluator"] == "calls"}
    labels = {row["unit_id"]: row["label"] for row in rows if row["evaluator"] == "wordy" and row["label"]}
    spans = [each for each in pq.read_table(source).to_pylist() if each[c.START_TIME].date() in days]
    agents = {each[c.SPAN_ID]: each[c.OUTPUT_VALUE] for each in spans if each["span_kind"] == "AGENT"}
    said = {unit: output for unit, output in agents.items() if output is not None}
    assert labels == {unit: "wordy" if len(output.split()) > 30 else "short" for unit, output in said.items()}
    seen = {unit: (row["outcome"], row["label"], row["metadata"]) for unit, row in found.items()}
    assert seen == {each[c.SPAN_ID]: called(each) for each in spans}
    with opened(folder) as here:
        runs = here.ledger.runs()
    assert [conserved(run_of.candidates or 0, run_of.outcomes) for run_of in runs] == [{}, {}]
    assert len({json.dumps(run_of.sandbox) for run_of in runs}) == 1
    shown = metadata(instance, RESULTS, days[0])
    assert shown["sandbox"].startswith("tier ")
    ((name, error, where, count, unit),) = shown["errors"]
    assert (name, error, where) == ("calls", "KeyError", "evaluators/calls.py, line 7")
    assert count == sum(row["outcome"] == "errored" and row["day"] == days[0] for row in rows)
    assert found[unit]["error_message"] == "'message.tool_calls' (evaluators/calls.py, line 7)"


def test_an_asset_page_tells_classes_of_errors_and_no_text_of_a_span(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    secret = "secret words of a customer"
    fails = CODE.replace("        return", "        int(output or 1 / 0)\n        return", 1)
    found = [
        span("a", **{c.OUTPUT_VALUE: secret}),
        span("b", **{c.OUTPUT_VALUE: secret}),
        span("c", **{c.OUTPUT_VALUE: ""}),
    ]
    folder = custom_folder(folder_with(tmp_path, found, length=CODE_TASK), code=fails, length=CODE_TASK)

    assert run(folder, instance, DAY).success

    shown = metadata(instance, RESULTS, DAY)
    assert shown["errors"] == [
        ("brief", "ValueError", "evaluators/brief.py, line 7", 2, "a"),
        ("brief", "ZeroDivisionError", "evaluators/brief.py, line 7", 1, "c"),
    ]
    assert shown["errored"] == 3
    assert list(shown).index("sandbox") < list(shown).index("errors") < list(shown).index("labels")
    assert secret not in str(shown)
    assert any(secret in (row["error_message"] or "") for row in history(folder))


def test_without_a_sandbox_the_run_fails_with_its_words_and_the_next_one_takes_up_the_units(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = custom_folder(folder_with(tmp_path, spans(6), length=CODE_TASK), length=CODE_TASK)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        refused = run(folder, instance, DAY)
    judged = {name for name, _ in verdicts(folder)}

    again = run(folder, instance, DAY)

    (failed,) = [event for event in refused.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    failure = failed.step_failure_data.user_failure_data
    assert failed.step_key == "shop__length_results"
    assert failure.metadata["error"].value == "SandboxError"
    assert "nowhere" in failure.description
    assert judged == {"json_parseable"}
    assert (refused.success, again.success) == (False, True)
    assert len(units(folder)) == 12
    with opened(folder) as here:
        rows = {row.status: row for row in here.ledger.runs()}
    assert "nowhere" in (rows["failed"].message or "")
    assert rows["finished"].outcomes["brief"] == {"evaluated": 6}


def test_unsafe_warns_on_the_asset_page_in_the_log_and_in_the_run(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EVALS_SANDBOX", "unsafe")
    folder = custom_folder(folder_with(tmp_path, spans(3), length=CODE_TASK), length=CODE_TASK)

    assert run(folder, instance, DAY).success

    assert "EVALS_SANDBOX=unsafe" in metadata(instance, RESULTS, DAY)["sandbox"]
    assert any(record.levelname == "WARNING" and "EVALS_SANDBOX=unsafe" in record.message for record in caplog.records)


def test_a_page_without_custom_code_says_nothing_of_a_sandbox(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(3))

    run(folder, instance, DAY)

    assert not {"sandbox", "errors"} & set(metadata(instance, ("shop", "format_results"), DAY))


def test_definitions_with_custom_evaluators_load_and_a_change_shows(tmp_path: Path) -> None:
    folder = custom_folder(folder_with(tmp_path, length=CODE_TASK), length=CODE_TASK)
    key = dg.AssetKey(RESULTS)

    before = build_definitions(folder).resolve_asset_graph().get(key)
    write_code(folder, "brief", CODE.replace("< 5", "< 6"))
    after = build_definitions(folder).resolve_asset_graph().get(key)

    assert before.code_version != after.code_version
    version = task_of(folder, "length").uses[0].version
    assert f"`brief` (version {version})" in (after.description or "")
