"""The ordinary span, project folder and walk through the corridor; a test names only what it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from evals_pipeline.core import columns as c
from evals_pipeline.engine.annotations import Attached, attach_results
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.inputs import Selected, select_inputs
from evals_pipeline.engine.installation import Installation, opened
from evals_pipeline.engine.plan import Overrides, TaskPlan
from evals_pipeline.engine.results import Evaluated, evaluate_inputs
from evals_pipeline.engine.spans import Collected, collect_spans
from evals_pipeline.lake.results import current_results
from evals_pipeline.lake.tables import RESULTS, SPANS, LakeTable
from evals_pipeline.ledger.ledger import RunKey, conserved

DAY = date(2026, 1, 10)
PROJECT = "shop"
TASK = "format"

JSON_TASK = f"""
project: {PROJECT}
evaluators:
  - evaluator: json_parseable
    mapping: {{text: attributes.output.value}}
"""
"""The task of most tests: one evaluator, every span."""

ORDER_TASK = f"""
project: {PROJECT}
evaluators:
  - evaluator: matches_regex
    as: has_order
    parameters: {{pattern: "ORD-[0-9]{{6}}"}}
    mapping: {{text: attributes.output.value}}
"""
"""A second task of the same project."""

JUDGE = """
kind: judge
template: |
  Was the customer answered politely?
  Question: {input}
  Answer: {output}
choices: {polite: 1, rude: 0}
"""
"""The judge of most tests; its model is the folder's `default`."""

JUDGE_TASK = f"""
project: {PROJECT}
evaluators:
  - evaluator: politeness
    mapping: {{input: attributes.input.value, output: attributes.output.value}}
"""
"""A task with that judge, over every span."""

JUDGE_AND_CHECK_TASK = (
    JUDGE_TASK
    + """
  - evaluator: json_parseable
    mapping: {text: attributes.output.value}
"""
)

CODE = """
from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Brief(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        return EvaluationResult(label="brief" if len(output) < 5 else "long", score=1 / len(output))
"""
"""The custom evaluator of most tests; it fails on an empty answer."""

CODE_TASK = f"""
project: {PROJECT}
evaluators:
  - evaluator: brief
    mapping: {{output: attributes.output.value}}
  - evaluator: json_parseable
    mapping: {{text: attributes.output.value}}
"""
"""A task with that evaluator and a check, over every span."""

Row = dict[str, Any]


def now() -> datetime:
    return datetime.now(UTC)


def span(span_id: str = "s1", **columns: Any) -> Row:
    """A span as a JSON line holds it, with `columns` on top; None removes one."""
    ordinary = {
        c.SPAN_ID: span_id,
        c.TRACE_ID: f"trace of {span_id}",
        c.NAME: "ChatCompletion",
        c.SPAN_KIND: "LLM",
        c.START_TIME: f"{DAY}T12:00:00Z",
        c.END_TIME: f"{DAY}T12:00:01Z",
        c.STATUS_CODE: "OK",
        c.INPUT_VALUE: "Where is my order?",
        c.OUTPUT_VALUE: '{"order": "ORD-123456"}',
        c.MODEL_NAME: "gpt-4o",
        c.SESSION_ID: "session",
    }
    return {name: value for name, value in {**ordinary, **columns}.items() if value is not None}


def spans(count: int, *, prefix: str = "s", **columns: Any) -> list[Row]:
    """Spans with ids `s0`, `s1`, …; every third answer is no JSON."""
    outputs = ("{}", '{"order": "ORD-123456"}', "Sorry, I cannot do that.")
    return [span(f"{prefix}{n}", **{c.OUTPUT_VALUE: outputs[n % 3], **columns}) for n in range(count)]


def project_folder(folder: Path, found: Sequence[Row] = (), *, source: str = "traces", **tasks: str) -> Path:
    """A project `shop` in `folder` whose traces hold `found`, with each task's YAML; absent: `format`, a JSON check."""
    for name in ("projects", "tasks", "traces"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "projects" / f"{PROJECT}.yaml").write_text(f"source: {{type: files, path: {json.dumps(source)}}}\n")
    for name, text in (tasks or {TASK: JSON_TASK}).items():
        write_task(folder, name, text)
    if found:
        deliver(folder, "first", found)
    return folder


def judged_folder(
    folder: Path, base_url: str, found: Sequence[Row] = (), *, model: str = "", judge: str = JUDGE, **tasks: str
) -> Path:
    """The same with judge `politeness`, asked at `base_url`; absent: task `tone`, which uses it.

    `model` is more YAML of the model: `timeout_seconds: 1`.
    """
    project_folder(folder, found, **(tasks or {"tone": JUDGE_TASK}))
    write_judge(folder, "politeness", judge)
    write_models(folder, default=f"{{name: gpt-5-mini, base_url: '{base_url}', {model or DEFAULT_PRICE}}}")
    return folder


def custom_folder(folder: Path, found: Sequence[Row] = (), *, code: str = CODE, **tasks: str) -> Path:
    """The same with custom evaluator `brief`; absent: task `length`, which uses it beside a check."""
    project_folder(folder, found, **(tasks or {"length": CODE_TASK}))
    write_code(folder, "brief", code)
    return folder


DEFAULT_PRICE = "price: {input: 1, output: 2}"


def talks(count: int, *, prefix: str = "s", start: int = 0) -> list[Row]:
    """Spans whose answers all differ, so that a judge has as many questions."""
    return [span(f"{prefix}{n}", **{c.OUTPUT_VALUE: f"Answer {prefix}{n}."}) for n in range(start, start + count)]


def write_judge(folder: Path, name: str, text: str) -> None:
    (folder / "evaluators").mkdir(exist_ok=True)
    (folder / "evaluators" / f"{name}.yaml").write_text(text, encoding="utf-8")


def write_code(folder: Path, name: str, source: str, settings: str = "") -> None:
    """A custom evaluator, with `settings` in the YAML beside it where there are any."""
    (folder / "evaluators").mkdir(exist_ok=True)
    (folder / "evaluators" / f"{name}.py").write_text(source, encoding="utf-8")
    if settings:
        write_judge(folder, name, f"kind: code\n{settings}")


def write_models(folder: Path, **models: str) -> None:
    lines = "".join(f"{name}: {text}\n" for name, text in models.items())
    (folder / "models.yaml").write_text(lines, encoding="utf-8")


def write_task(folder: Path, name: str, text: str) -> None:
    (folder / "tasks" / f"{name}.yaml").write_text(text, encoding="utf-8")


def deliver(folder: Path, name: str, found: Iterable[Row]) -> Path:
    """Put a file of spans among the project's traces, in one step, as a careful exporter does."""
    lines = "".join(json.dumps(item) + "\n" for item in found)
    path = folder / "traces" / f"{name}.jsonl"
    path.with_suffix(".tmp").write_text(lines, encoding="utf-8")
    return path.with_suffix(".tmp").rename(path)


@dataclass(frozen=True)
class Walked:
    """What the four stages of one run said."""

    collected: Collected
    selected: Selected
    evaluated: Evaluated
    attached: Attached

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """evaluator -> outcome -> units, without zeros."""
        return {name: plain(of) for name, of in self.evaluated.counts.items()}


def plain(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in counts.items() if count}


def walk(
    folder: Path, task: str = TASK, day: date = DAY, run_id: str = "run", overrides: Overrides | None = None
) -> Walked:
    """Take one task through all four stages; every walk checks that outcomes sum up to candidates."""
    with opened(folder) as here:
        return walk_in(here, task, day, run_id, overrides or Overrides())


def walk_in(here: Installation, task: str, day: date, run_id: str, overrides: Overrides) -> Walked:
    catalog = read_catalog(here.folder)
    planned = catalog.task(task)
    project = catalog.project(planned.task.project)
    chosen = planned.differently(overrides)
    key = RunKey(run_id, project.name, task, day)
    collected = collect_spans(here, project, now=now)
    selected = select_inputs(here, chosen, key, overrides, now=now())
    evaluated = evaluate_inputs(here, chosen, key, now=now)
    attached = attach_results(here, project, chosen, day)
    assert conserved(evaluated.candidates, evaluated.counts) == {}
    return Walked(collected, selected, evaluated, attached)


def task_of(folder: Path, name: str = TASK) -> TaskPlan:
    return read_catalog(folder).task(name)


def lake_rows(folder: Path, table: LakeTable, *, only_current: bool = False) -> list[Row]:
    """The rows of a table, oldest commit first."""
    with opened(folder) as here, here.connect() as connection:
        snapshot = here.lake.snapshot(table)
        relation = snapshot.relation(snapshot.files)
        query = f"({current_results(relation)})" if only_current else relation
        found = connection.execute(f'SELECT * FROM {query} ORDER BY "{table.stamp_column}"')
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def history(folder: Path) -> list[Row]:
    """Every result row ever committed."""
    return lake_rows(folder, RESULTS)


def verdicts(folder: Path) -> dict[tuple[str, str], str | None]:
    """(evaluator, unit) -> label of the current results; the outcome in brackets where there is no label."""
    rows = lake_rows(folder, RESULTS, only_current=True)
    return {(row["evaluator"], row["unit_id"]): row["label"] or f"({row['outcome']})" for row in rows}


def units(folder: Path) -> list[str]:
    """The units of all result rows, with repetitions, sorted."""
    return sorted(row["unit_id"] for row in history(folder))


def stored_ids(folder: Path) -> list[str]:
    """The ids of all stored spans, with repetitions, sorted."""
    return sorted(row[c.SPAN_ID] for row in lake_rows(folder, SPANS))
