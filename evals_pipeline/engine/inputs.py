"""The second stage: which units a run shows its evaluators, and what of the mapping is no plain column."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import literal, repeated
from evals_pipeline.engine.choosing import Chooser
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import Overrides, TaskPlan
from evals_pipeline.engine.settled import create_settled, has_results, results_key
from evals_pipeline.engine.spans import spans_key
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.damage import naming_damage
from evals_pipeline.lake.tables import INPUTS, RESULTS, SPANS
from evals_pipeline.ledger.ledger import Progress, RunKey

logger = logging.getLogger(__name__)

Counts = dict[str, dict[Outcome, int]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run's inputs stand on; kept in the ledger so that the next stage, or another run, can go on from it.

    Attributes:
        run_id: The run that wrote the inputs; with `inputs_stamp` it names their rows.
        spans_version: Version of the `spans` table whose files the inputs point into.
        spans_stamp: Newest arrival of the project's spans in that version.
        after_stamp: Only spans that arrived later were looked at; 0 when the whole day was.
        results_stamp: Newest commit of this task's results on that day when units were chosen.
        units: Units handed on.
        asked: Evaluator -> units it is asked about.
        asks_all: Whether every evaluator is asked about every unit.
        override: Whether current results were left out of account.
        other_versions_stand: Whether a current result of another version of its evaluator was as good as any.
        evaluators: Evaluator -> hash of its parameters and mapping, which the inputs were made for.
        decided: Evaluator -> outcome -> units, as far as the selection decided.
        plan: Fingerprint of the task when its units were chosen. An evaluator may be pushed before they are judged; the
            day then counts as looked at by the old version, and the next run looks at all of it again.
    """

    run_id: str
    inputs_stamp: int
    spans_version: int
    spans_stamp: int
    after_stamp: int
    results_stamp: int
    units: int
    asked: Mapping[str, int]
    asks_all: bool
    override: bool
    evaluators: Mapping[str, str]
    decided: Mapping[str, Mapping[str, int]]
    other_versions_stand: bool = True
    plan: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON for the ledger."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Selected:
    """What selection decided: the inputs, the candidates and the outcomes so far."""

    selection: Selection
    candidates: int
    counts: Counts


def select_inputs(here: Installation, plan: TaskPlan, key: RunKey, overrides: Overrides, *, now: datetime) -> Selected:
    """Choose the units of `key.day` that the run shows its evaluators, and write them to `evaluator_inputs`.

    When nothing but new spans can have changed since the task's last complete run, only those are looked at.

    Raises:
        LakeError: When the lake cannot be read or written; nothing is committed then.
    """
    here.ledger.start_run(key, overrides.as_dict(), now=now)
    spans, results = here.lake.snapshot(SPANS), here.lake.snapshot(RESULTS)
    results_stamp = results.stamp(results_key(key.project, key.task, key.day))
    progress = here.ledger.progress(key.project, key.task, key.day)
    is_incremental = _is_incremental(plan, progress, results_stamp, overrides)
    after = progress.spans_stamp if progress is not None and is_incremental else 0
    files = (file for table in (spans, results) for file in table.files_of(project=key.project, day=key.day))
    doing = f"selecting units of task {key.task!r} on {key.day}"
    with here.connect() as connection, naming_damage(connection, files), lake_errors(doing):
        asks_all = is_incremental or overrides.override or not has_results(results, plan, key.day)
        if not asks_all:
            create_settled(connection, results, plan, key.day, other_versions_stand=overrides.other_versions_stand)
        chooser = Chooser(connection, spans, plan, key.day, after, asks_all)
        selected = _write(here, chooser, key, results_stamp, overrides, now=now)
    here.ledger.record_selection(key, selected.selection.as_dict(), selected.counts, candidates=selected.candidates)
    logger.info(
        "selected units=%d candidates=%d task=%s day=%s",
        selected.selection.units,
        selected.candidates,
        key.task,
        key.day,
    )
    return selected


def _is_incremental(plan: TaskPlan, progress: Progress | None, results_stamp: int, overrides: Overrides) -> bool:
    """Whether the day's older spans cannot have become due: same task, last run complete, no results since."""
    return (
        progress is not None
        and not overrides.override
        and overrides.other_versions_stand
        and progress.is_complete
        and progress.fingerprint == plan.fingerprint
        and progress.results_stamp == results_stamp
    )


def _write(
    here: Installation, chooser: Chooser, key: RunKey, results_stamp: int, overrides: Overrides, *, now: datetime
) -> Selected:
    spans_stamp = chooser.spans.stamp(spans_key(key.project))
    candidates, admitted, sampled = chooser.counts() if spans_stamp > chooser.after else (0, 0, 0)
    stamp, units, asked = _write_units(here, chooser, key, now=now) if sampled else (0, 0, {})
    limit = chooser.plan.task.max_units
    kept = sampled if limit is None else min(sampled, limit)
    before = {
        Outcome.FILTERED: candidates - admitted,
        Outcome.SAMPLED_OUT: admitted - sampled,
        Outcome.OVER_LIMIT: sampled - kept,
    }
    asked = {use.name: asked.get(use.name, 0) for use in chooser.plan.uses}
    counts = {
        name: _without_zeros({**before, Outcome.ALREADY_EVALUATED: kept - count}) for name, count in asked.items()
    }
    selection = Selection(
        run_id=key.run_id,
        inputs_stamp=stamp,
        spans_version=chooser.spans.delta.version(),
        spans_stamp=spans_stamp,
        after_stamp=chooser.after,
        results_stamp=results_stamp,
        units=units,
        asked=asked,
        asks_all=chooser.asks_all,
        override=overrides.override,
        evaluators=chooser.plan.fingerprints,
        decided={name: {str(outcome): count for outcome, count in of.items()} for name, of in counts.items()},
        other_versions_stand=overrides.other_versions_stand,
        plan=chooser.plan.fingerprint,
    )
    return Selected(selection, candidates, counts)


def _write_units(
    here: Installation, chooser: Chooser, key: RunKey, *, now: datetime
) -> tuple[int, int, Mapping[str, int]]:
    """Commit the chosen units; returns their stamp, their number and how many each evaluator is asked about."""
    inputs = here.lake.snapshot(INPUTS)
    stamp = here.lake.next_stamp(inputs, None, now=now)
    partition = {"project": key.project, "day": str(key.day), "task": key.task}
    written = here.lake.write(chooser.connection, INPUTS, partition, _rows(chooser, key, stamp))
    if written is None:
        return stamp, 0, {}
    asked = _asked(chooser, f"{here.lake.uri(INPUTS)}/{written.path}", written.rows)
    here.lake.commit(inputs, None, stamp, [written])
    return stamp, written.rows, asked


def _rows(chooser: Chooser, key: RunKey, stamp: int) -> str:
    return (
        f"SELECT *, {repeated(str(chooser.plan.granularity))} AS granularity, {repeated(key.run_id)} AS run_id,"
        f" make_timestamptz({stamp}) AS selected_at FROM ({chooser.chosen()})"
    )


def _asked(chooser: Chooser, path: str, rows: int) -> Mapping[str, int]:
    """How many units each evaluator is asked about, from the file just written."""
    if chooser.asks_all:
        return {use.name: rows for use in chooser.plan.uses}
    written = f"read_parquet({literal(path)}, hive_partitioning = false)"
    query = f"SELECT unnest(evaluators) AS name, count(*) FROM {written} GROUP BY name"
    return dict(chooser.connection.execute(query).fetchall())


def _without_zeros(counts: Mapping[Outcome, int]) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in counts.items() if count}
