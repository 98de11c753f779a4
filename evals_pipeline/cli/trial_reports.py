"""How a trial of an evaluator on rows of a task is told, on a screen and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from evals_pipeline.cli import screen
from evals_pipeline.cli.formats import json_text
from evals_pipeline.cli.gold_reports import cost, spent
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    from evals_pipeline.engine.trying.named import Chosen
    from evals_pipeline.engine.trying.trials import Trial, TriedRow

_VALUE_LENGTH = 60
_LABEL_LENGTH, _EXPLANATION_LENGTH, _ERROR_LENGTH = 40, 100, 300


def show_trial(chosen: Chosen, trial: Trial) -> None:
    """Print a line for each unit, what failed and why, and what custom code printed."""
    judge = chosen.use.judge
    by = f" by {judge.model.name}" if judge is not None else ""
    ran = chosen.named.ran(chosen.use.version)
    rows = screen.counted(len(trial.rows), "row")
    screen.say(
        f"{chosen.use.evaluator.name}{by}, {ran}, on {rows} of {chosen.task.task.name}",
        style="bold",
    )
    if not trial.rows:
        screen.say("no span matches the filters of the task and the evaluator")
        return
    _show_rows(chosen, trial)
    for line in _notes(trial):
        screen.say(line)
    if trial.sandbox is not None:
        screen.say(f"sandbox: {trial.sandbox.summary}", style="" if trial.sandbox.is_confined else "bold red")
    if trial.log:
        screen.say("what it printed:", style="bold")
        screen.say(trial.log.rstrip("\n"))


def trial_document(chosen: Chosen, trial: Trial) -> dict[str, Any]:
    """The same as JSON, with whole values in their natural types; `cost_usd` is null where a price is unknown."""
    judge = chosen.use.judge
    return {
        "evaluator": chosen.use.evaluator.name,
        "version": chosen.use.version,
        "ran": chosen.named.ran(chosen.use.version),
        "kind": str(chosen.use.evaluator.annotator_kind),
        "model": None if judge is None else judge.model.name,
        "task": chosen.task.task.name,
        "rows": [_document(row) for row in trial.rows],
        "outcomes": {str(outcome): count for outcome, count in trial.outcomes.items()},
        "log": trial.log,
        "sandbox": None if trial.sandbox is None else trial.sandbox.as_dict(),
        **cost(trial.tally),
    }


def _show_rows(chosen: Chosen, trial: Trial) -> None:
    variables = list(chosen.use.paths)
    columns = ("unit", *variables, "outcome", "label", "score", "explanation or error")
    screen.table(columns, [_cells(row) for row in trial.rows], right=("score",))


def _cells(row: TriedRow) -> list[str]:
    said = row.said
    score = "" if said["score"] is None else f"{said['score']:g}"
    values = [_shown(value) for value in row.values.values()]
    return [row.unit, *values, row.outcome, screen.clean(said["label"], limit=_LABEL_LENGTH), score, _why(row)]


def _shown(value: object) -> str:
    return "" if value is None else screen.clean(value, limit=_VALUE_LENGTH)


def _why(row: TriedRow) -> str:
    if row.outcome is Outcome.EVALUATED:
        return screen.clean(row.said["explanation"], limit=_EXPLANATION_LENGTH)
    kind, message = row.said["error_type"], row.said["error_message"]
    return screen.clean(f"{kind}: {message}" if kind else message, limit=_ERROR_LENGTH)


def _notes(trial: Trial) -> Iterator[str]:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(trial.outcomes.items()))
    yield f"outcomes: {counts}"
    if truncated := sum(bool(row.said["truncated"]) for row in trial.rows):
        yield f"{screen.counted(truncated, 'row')} had a text that was cut to fit"
    if trial.tally is not None:
        yield spent(trial.tally)


def _document(row: TriedRow) -> dict[str, Any]:
    told = ("label", "score", "explanation", "error_type", "error_message", "truncated", "reused", "metadata")
    return {
        "unit": row.unit,
        "variables": json.loads(json_text(row.values)),  # spans may hold numbers that JSON has no form for
        "outcome": str(row.outcome),
        **{name: row.said[name] for name in told},
    }
