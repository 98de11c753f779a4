"""Public traces through the whole corridor, day by day: counts, explanations and frames tell the same."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evals_pipeline import evaluate_frame, evaluator
from evals_pipeline.core import columns as c
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.explaining import explain
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline.lake.tables import SPANS
from evals_pipeline_tests.builders import (
    TASK,
    Walked,
    lake_rows,
    now,
    plain,
    project_folder,
    task_of,
    verdicts,
    walk_in,
)

TASK_YAML = r"""
project: shop
filter: "span_kind IN ('LLM', 'AGENT')"
sampling_rate: 0.5
evaluators:
  - {evaluator: json_parseable, mapping: {text: attributes.output.value}}
  - evaluator: contains_any_keyword
    parameters: {keywords: [reservation, I]}
    mapping: {text: attributes.llm.output_messages.0.message.content}
  - evaluator: matches_regex
    as: has_number
    parameters: {pattern: '(?<=\s)\d+'}
    mapping: {text: attributes.output.value}
    filter: "attributes.output.value IS NOT NULL"
"""

FILES = ("tau_airline_spans", "grounded_spans", "halueval_spans", "whowhen_spans", "trail_spans")


def walk_all_days(folder: Path, run_id: str) -> dict[date, Walked]:
    with opened(folder) as here:
        collect_spans(here, read_catalog(folder).project("shop"), now=now)
        days = sorted({file.partition["day"] for file in here.lake.snapshot(SPANS).files})
        return {
            date.fromisoformat(day): walk_in(here, TASK, date.fromisoformat(day), f"{run_id} {day}", Overrides())
            for day in days
        }


def real_project(folder: Path, data: Path, name: str) -> Path:
    return project_folder(folder, source=str(data / f"{name}.parquet"), format=TASK_YAML)


@pytest.mark.parametrize("name", FILES)
def test_every_span_of_real_traces_meets_one_outcome_and_the_second_run_changes_nothing(
    tmp_path: Path, shared_data: Path, name: str
) -> None:
    folder = real_project(tmp_path, shared_data, name)

    first = walk_all_days(folder, "first")
    before = verdicts(folder)
    second = walk_all_days(folder, "second")

    spans = len(pd.read_parquet(shared_data / f"{name}.parquet", columns=[c.SPAN_ID])[c.SPAN_ID].unique())
    assert sum(walked.evaluated.candidates for walked in first.values()) == spans
    assert sum(walked.evaluated.rows for walked in second.values()) == 0
    assert verdicts(folder) == before
    assert {evaluator for evaluator, _ in before} == {use.name for use in task_of(folder).uses}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("spans", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_explanation_of_every_span_agrees_with_the_counts_of_the_run(
    tmp_path: Path, shared_data: Path, spans: int
) -> None:
    (tmp_path / "traces").mkdir()
    some = pq.read_table(shared_data / "tau_airline_spans.parquet").slice(0, spans)
    pq.write_table(some, tmp_path / "traces" / "some.parquet")
    folder = project_folder(tmp_path, format=TASK_YAML)
    day, walked = next(iter(walk_all_days(folder, "first").items()))
    ids = [row[c.SPAN_ID] for row in lake_rows(folder, SPANS) if row["day"] == day]

    with opened(folder) as here:
        explained = [explain(here, task_of(folder), id_) for id_ in ids]

    counted: dict[str, Counter[str]] = {name: Counter() for name in walked.counts}
    for found in explained:
        for said in found.decisions:
            counted[said.evaluator][str(said.outcome)] += 1
    assert {name: plain(of) for name, of in counted.items()} == walked.counts


def test_a_frame_in_a_notebook_is_judged_as_the_corridor_judges(tmp_path: Path, shared_data: Path) -> None:
    folder = real_project(tmp_path, shared_data, "tau_airline_spans")
    walk_all_days(folder, "first")
    frame = pd.read_parquet(shared_data / "tau_airline_spans.parquet").set_index(c.SPAN_ID)

    regex = evaluate_frame(
        frame, evaluator("matches_regex", pattern=r"(?<=\s)\d+"), mapping={"text": c.OUTPUT_VALUE}, name="has_number"
    )
    words = evaluate_frame(
        frame,
        evaluator("contains_any_keyword", keywords=["reservation", "I"]),
        mapping={"text": "attributes.llm.output_messages.0.message.content"},
    )

    labels = {("has_number", id_): label for id_, label in regex["eval.has_number.label"].items()}
    labels |= {("contains_any_keyword", id_): label for id_, label in words["eval.contains_any_keyword.label"].items()}
    judged = {key: label for key, label in verdicts(folder).items() if key in labels}
    assert len(judged) > 500
    assert {key: label for key, label in judged.items() if label != "(skipped)"} == {
        key: labels[key] for key, label in judged.items() if label != "(skipped)"
    }
    assert all(pd.isna(labels[key]) for key, label in judged.items() if label == "(skipped)")


def test_nested_traces_as_trail_publishes_them_are_judged(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "trail.jsonl.zst").symlink_to(shared_data / "trail_nested_swe.jsonl.zst")
    folder = project_folder(tmp_path, format=TASK_YAML)

    walked = walk_all_days(folder, "first")

    assert sum(of.evaluated.candidates for of in walked.values()) == len(lake_rows(folder, SPANS)) > 400
    assert ("has_number", "matches") in {(evaluator, label) for (evaluator, _), label in verdicts(folder).items()}
