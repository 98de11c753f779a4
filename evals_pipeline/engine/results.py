"""The third stage: every evaluator's verdict on the inputs of a run, committed once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime

from evals_pipeline.core.calls import NANO, Tally
from evals_pipeline.core.errors import ConfigError, ProviderError
from evals_pipeline.core.outcome import UNFINISHED, Outcome, summed
from evals_pipeline.engine.askers import askers_of, run_sandbox
from evals_pipeline.engine.inputs import Counts, Selection
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.judging import Judging, Progressed, Refusal
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.sandboxes import RunSandbox
from evals_pipeline.engine.settled import create_settled, results_key
from evals_pipeline.engine.summary import Summary, summarise_day
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.damage import naming_damage
from evals_pipeline.lake.delta import OverlapError
from evals_pipeline.lake.tables import INPUTS, RESULTS, SPANS
from evals_pipeline.ledger.ledger import Progress, Run, RunKey

logger = logging.getLogger(__name__)

_COMMIT_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a run brought on one day.

    Attributes:
        candidates: Units that were looked at.
        counts: evaluator -> outcome -> units; sums to `candidates` for each evaluator.
        rows: Result rows committed by this run.
        summary: What all current results of the day look like.
        spent: Judge -> what it asked and cost, over all attempts of the run.
    """

    candidates: int
    counts: Counts
    rows: int
    summary: Summary
    spent: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Work:
    """The inputs a run judges, and whether it selected them itself."""

    selection: Selection
    candidates: int
    counts: Mapping[str, Mapping[Outcome, int]]
    is_adopted: bool


@dataclass(frozen=True, slots=True)
class _Means:
    """What a run evaluates with."""

    now: Callable[[], datetime]
    progressed: Progressed | None
    sandbox: RunSandbox


def evaluate_inputs(
    here: Installation,
    plan: TaskPlan,
    key: RunKey,
    *,
    now: Callable[[], datetime],
    progressed: Progressed | None = None,
    sandbox: RunSandbox | None = None,
) -> Evaluated:
    """Judge the inputs of this run, or, when it selected none itself, those of the task's newest selection of that day.

    Results are committed in one step. When another run committed results of the same task and day meanwhile, its
    results stand and only what they lack is judged. When a provider refuses to answer, or there is no sandbox for
    custom code, what has been judged by then is committed all the same, and the next run takes up the rest.

    Args:
        here: The project folder.
        plan: The task.
        key: The run and the day.
        now: The clock.
        progressed: Hears how far it has come.
        sandbox: Where custom code runs; absent: one that is closed at the end.

    Raises:
        ProviderError: When a judge's provider refuses every call.
        SandboxError: When custom code cannot be run in confinement.
        ConfigError: When no run has selected inputs for that day yet, or only for evaluators that have changed since;
            or when a model's key is missing.
        LakeError: When the lake cannot be read or written; nothing is committed then.
    """
    with nullcontext(sandbox) if sandbox is not None else run_sandbox(plan) as chosen:
        evaluated, progress = _committed(here, plan, key, _Means(now, progressed, chosen))
    _close(here, key, evaluated, progress, now=now())
    return evaluated


def _committed(here: Installation, plan: TaskPlan, key: RunKey, means: _Means) -> tuple[Evaluated, Progress]:
    work = _own_work(here, plan, key) or _adopted_work(here, plan, key, now=means.now())
    for _ in range(_COMMIT_ATTEMPTS):
        try:
            return _attempt(here, plan, key, work, means)
        except OverlapError:
            continue
    raise OverlapError(f"results of {key.task!r} on {key.day} could not be committed: other runs kept committing first")


def _close(here: Installation, key: RunKey, evaluated: Evaluated, progress: Progress, *, now: datetime) -> None:
    here.ledger.finish_run(key, evaluated.counts, progress, now=now)
    logger.info(
        "evaluated rows=%d candidates=%d task=%s day=%s", evaluated.rows, evaluated.candidates, key.task, key.day
    )
    for name, tally in evaluated.spent.items():
        _log_spent(name, tally, key)


def _own_work(here: Installation, plan: TaskPlan, key: RunKey) -> _Work | None:
    run = here.ledger.run(key)
    if run is None or run.selection is None:
        return None
    selection = _still_good(run, plan)
    counts = {
        name: {Outcome(outcome): count for outcome, count in of.items()} for name, of in selection.decided.items()
    }
    return _Work(selection, run.candidates or 0, counts, is_adopted=False)


def _adopted_work(here: Installation, plan: TaskPlan, key: RunKey, *, now: datetime) -> _Work:
    """The inputs of the task's newest selection, for a run that is asked for results only."""
    found = here.ledger.latest_selection(key.project, key.task, key.day)
    if found is None or found.selection is None:
        raise ConfigError(
            f"task {key.task!r} has selected no inputs for {key.day} yet",
            hint=f"materialize {key.task}_inputs of that day too, or run: evals run {key.task} --day {key.day}",
        )
    selection = _still_good(found, plan)
    counts = {name: {Outcome.ALREADY_EVALUATED: selection.units - asked} for name, asked in selection.asked.items()}
    selection = replace(selection, decided={name: dict(of.items()) for name, of in counts.items()})
    here.ledger.start_run(key, found.options, now=now)
    here.ledger.record_selection(key, selection.as_dict(), counts, candidates=selection.units)
    return _Work(selection, selection.units, counts, is_adopted=True)


def _still_good(run: Run, plan: TaskPlan) -> Selection:
    """What `run` selected, if it was for these evaluators; once its results are there, they stand."""
    selection = Selection(**(run.selection or {}))
    if selection.evaluators != plan.fingerprints:
        task, day = run.key.task, run.key.day
        raise ConfigError(
            f"the evaluators of task {task!r} have changed since run {run.key.run_id} selected inputs for {day}",
            hint=f"materialize {task}_inputs of that day too, or run: evals run {task} --day {day}",
        )
    return replace(selection, override=selection.override and run.status != "finished")


def _attempt(here: Installation, plan: TaskPlan, key: RunKey, work: _Work, means: _Means) -> tuple[Evaluated, Progress]:
    results = here.lake.snapshot(RESULTS)
    committed = results_key(key.project, key.task, key.day)
    selection, seen = work.selection, results.stamp(committed)
    is_overtaken = seen != selection.results_stamp
    stamp = here.lake.next_stamp(results, committed, now=means.now())
    before = here.ledger.progress(key.project, key.task, key.day)
    spans, inputs = here.lake.snapshot(SPANS, version=selection.spans_version), here.lake.snapshot(INPUTS)
    judged = (file for table in (spans, results) for file in table.files_of(project=key.project, day=key.day))
    doing = f"evaluating task {key.task!r} on {key.day}"
    with here.connect() as connection, naming_damage(connection, judged), lake_errors(doing):
        if is_overtaken and not selection.override:
            create_settled(connection, results, plan, key.day, other_versions_stand=selection.other_versions_stand)
        checks_settled = is_overtaken and not selection.override
        askers = askers_of(here, plan, key, means.sandbox, now=means.now())
        judging = Judging(
            here.lake,
            connection,
            plan,
            key,
            selection,
            askers,
            stamp,
            checks_settled=checks_settled,
            progressed=means.progressed,
        )
        files = judging.judge(spans, inputs)
        if files:
            here.lake.commit(results, committed, stamp, files)
        counts = summed([{use.name: {} for use in plan.uses}, work.counts, judging.counts])
        if judging.refusals:
            here.ledger.record_selection(key, selection.as_dict(), counts, candidates=work.candidates)
            raise _together(judging.refusals.values())
        after = here.lake.snapshot(RESULTS) if files else results
        if selection.asks_all and not selection.override and not is_overtaken:
            summary = judging.summary.added_to(Summary.from_json(before.summary if seen and before else {}))
        else:
            summary = summarise_day(connection, after, plan, key.day)
    is_settled = not (is_overtaken or work.is_adopted)
    progress = Progress(
        fingerprint=selection.plan,
        spans_stamp=selection.spans_stamp,
        results_stamp=after.stamp(committed),
        is_complete=is_settled and _is_complete(counts),
        summary=summary.as_json(),
    )
    spent = _spent(here, plan, key)
    return Evaluated(work.candidates, counts, sum(file.rows for file in files), summary, spent), progress


def _spent(here: Installation, plan: TaskPlan, key: RunKey) -> Mapping[str, Tally]:
    if not plan.judges:
        return {}
    return here.ledger.spending(run_id=key.run_id, project=key.project, task=key.task, day=key.day)


def _log_spent(name: str, tally: Tally, key: RunKey) -> None:
    logger.info(
        "asked judge=%s questions=%d reused=%d calls=%d prompt_tokens=%d completion_tokens=%d usd=%s task=%s day=%s",
        name,
        tally.questions,
        tally.reused,
        tally.calls,
        tally.usage.prompt_tokens,
        tally.usage.completion_tokens,
        "unknown" if tally.unpriced else f"{tally.nano_usd / NANO:.6f}",
        key.task,
        key.day,
    )


def _together(refusals: Collection[Refusal]) -> Refusal:
    """One error for all who could not be asked."""
    if len(refusals) == 1:
        return next(iter(refusals))
    return ProviderError("; ".join(" ".join(str(refusal).split()) for refusal in refusals))


def _is_complete(counts: Counts) -> bool:
    """Whether nothing was left for a later run, such as a failed unit that may be tried again."""
    left = (*UNFINISHED, Outcome.ERRORED)
    return not any(outcome in left and count for of in counts.values() for outcome, count in of.items())
