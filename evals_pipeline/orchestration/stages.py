"""What the asset bodies call: one stage of `engine` for each of the run's days, and a report of it.

Bodies import this module when they run: it brings the lake with it, which nobody needs to see what there is. Decisions
about data belong to the engine; how a report looks is `metadata`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg
from dagster_duckdb import DuckDBResource

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.task import Project, Task
from evals_pipeline.engine.annotations import attach_results
from evals_pipeline.engine.askers import run_sandbox
from evals_pipeline.engine.inputs import Selection, select_inputs
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import Overrides, TaskPlan
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.engine.run_errors import error_classes
from evals_pipeline.engine.sandboxes import RunSandbox
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline.lake.tables import SPANS
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline.orchestration import metadata as m
from evals_pipeline.orchestration.checks import checked
from evals_pipeline.orchestration.confinement import errors_metadata, sandbox_metadata
from evals_pipeline.orchestration.failures import recorded, shown
from evals_pipeline.orchestration.frame import Frame
from evals_pipeline.orchestration.partitions import days_of
from evals_pipeline.orchestration.processes import mark_process
from evals_pipeline.orchestration.reporting import report, report_elsewhere
from evals_pipeline.orchestration.resources import InstallationResource
from evals_pipeline.orchestration.tables import Metadata

Context = dg.AssetExecutionContext


@contextmanager
def opened(context: Context, installation: InstallationResource, engine: DuckDBResource) -> Iterator[Installation]:
    """The installation for the length of a body; errors of ours become failures of the step."""
    with shown(), installation.opened(engine) as here:
        mark_process(context)
        yield here


def collect(context: Context, here: Installation, project: Project, frame: Frame) -> None:
    """Read what is new; one event for each of the run's days, and for other days that received spans."""
    collected = collect_spans(here, project, now=frame.now, progressed=frame.progress_of("spans"))
    problems, rows = here.ledger.problems(project.name), _rows_by_day(here, project.name)
    mine = days_of(context)
    for day in sorted({*mine, *collected.spans}):
        metadata = m.spans_metadata(collected, day, rows=rows.get(day, 0), problems=problems)
        if day in mine:
            report(context, day, metadata)
        else:
            report_elsewhere(context, frame.partitions, day, metadata)


def select(context: Context, here: Installation, planned: TaskPlan, overrides: Overrides, frame: Frame) -> None:
    """Choose each day's units, as the task and this run's options say."""
    chosen = planned.differently(overrides)
    keys = keys_of(context, planned.task)
    for key in keys:
        with recorded(here.ledger, key, keys, now=frame.now):
            selected = select_inputs(here, chosen, key, overrides, now=frame.now())
            report(context, key.day, m.inputs_metadata(selected))


def evaluate(context: Context, here: Installation, planned: TaskPlan, frame: Frame) -> list[dg.AssetCheckResult]:
    """Judge each day's inputs; returns the verdicts of the checks on all of them."""
    keys = keys_of(context, planned.task)
    with run_sandbox(planned) as sandbox:
        for key in keys:
            with recorded(here.ledger, key, keys, now=frame.now):
                report(context, key.day, _evaluated(here, planned, key, frame, sandbox))
    return checked(here, planned, keys)


def attach(context: Context, here: Installation, project: Project, planned: TaskPlan) -> None:
    """Attach each day's results to their units."""
    for day in days_of(context):
        report(context, day, m.annotations_metadata(attach_results(here, project, planned, day)))


def keys_of(context: Context, task: Task) -> list[RunKey]:
    """The keys under which the run's days are kept in the ledger."""
    return [RunKey(context.run.run_id, task.project, task.name, day) for day in days_of(context)]


def _evaluated(here: Installation, planned: TaskPlan, key: RunKey, frame: Frame, sandbox: RunSandbox) -> Metadata:
    """Evaluate one day as the options say that its inputs were chosen with, which the ledger remembers."""
    chosen = here.ledger.run(key) or here.ledger.latest_selection(key.project, key.task, key.day)
    planned = planned.differently(Overrides(**(chosen.options if chosen else {})))
    began = time.monotonic()
    progressed = frame.progress_of("results", key.day)
    evaluated = evaluate_inputs(here, planned, key, now=frame.now, progressed=progressed, sandbox=sandbox)
    seconds = time.monotonic() - began
    run = here.ledger.run(key)
    arrival = Selection(**run.selection).spans_stamp if run is not None and run.selection else 0
    has_errors = any(of.get(Outcome.ERRORED) for of in evaluated.counts.values())
    told = sandbox_metadata(run) | errors_metadata(error_classes(here, planned, key) if has_errors else ())
    return m.results_metadata(evaluated, told, seconds=seconds, newest_arrival=arrival, now=frame.now())


def _rows_by_day(here: Installation, project: str) -> dict[date, int]:
    rows: dict[date, int] = {}
    for file in here.lake.snapshot(SPANS).files_of(project=project):
        day = date.fromisoformat(file.partition["day"])
        rows[day] = rows.get(day, 0) + file.rows
    return rows
