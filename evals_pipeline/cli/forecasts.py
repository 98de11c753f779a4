"""What `--dry-run` prints: what a run would take on, and what its judges would likely cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals_pipeline.cli import screen
from evals_pipeline.cli.collecting import collect_with_progress
from evals_pipeline.cli.notices import show_notices
from evals_pipeline.core.window import Window

if TYPE_CHECKING:
    from evals_pipeline.engine.dry_run import DayForecast
    from evals_pipeline.engine.estimates import JudgeEstimate
    from evals_pipeline.engine.plan import Overrides

_JUDGE_COLUMNS = ("judge", "model", "units", "calls", "prompt tokens", "answer tokens", "USD")


def forecast_task(folder: Path, task: str, window: Window, overrides: Overrides, *, as_json: bool) -> None:
    """Collect new spans, then print what a run of `task` over `window` would find; nothing is asked or judged."""
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.dry_run import forecast, total_estimates
    from evals_pipeline.engine.installation import opened

    catalog = read_catalog(folder)
    planned = catalog.task(task).differently(overrides)
    show_notices(planned.notices)
    with opened(folder) as here:
        collect_with_progress(here, catalog.project(planned.task.project), hidden=as_json)
        days = forecast(here, planned, window, overrides)
    judges = total_estimates(days)
    if as_json:
        screen.print_json(_document(task, window, days, judges))
        return
    _show_units([use.name for use in planned.uses], days)
    if judges:
        _show_judges(judges)
    screen.note("Nothing was asked or judged.")


def _show_units(names: list[str], days: Sequence[DayForecast]) -> None:
    columns = ["day", "spans", "match the filter", "sampled", *(f"{name} would judge" for name in names)]
    numbers = [[day.candidates, day.admitted, day.sampled, *(day.asked[name] for name in names)] for day in days]
    rows = [[str(day.day), *map(screen.count, of)] for day, of in zip(days, numbers, strict=True)]
    total = [sum(column) for column in zip(*numbers, strict=True)] or [0] * (len(columns) - 1)
    screen.table(columns, [*rows, ["all days", *map(screen.count, total)]], right=columns[1:])


def _show_judges(judges: Mapping[str, JudgeEstimate]) -> None:
    rows = [
        [
            name,
            of.model,
            *map(screen.count, (of.questions, of.calls, of.prompt_tokens, of.completion_tokens)),
            "unknown price" if of.usd is None else screen.usd(of.usd),
        ]
        for name, of in judges.items()
    ]
    screen.table(_JUDGE_COLUMNS, rows, title="What the judges would likely ask and cost", right=_JUDGE_COLUMNS[2:])
    for name, of in judges.items():
        screen.note(f"{name}: {_basis(of)}", style="dim")


def _basis(of: JudgeEstimate) -> str:
    """What an estimate stands on."""
    answers = f"a guess of {screen.counted(of.tokens_an_answer, 'token')} an answer"
    if of.answers_counted:
        answers = f"{of.tokens_an_answer} tokens an answer, as in {screen.counted(of.answers_counted, 'call')} before"
    known = f", {screen.count(of.questions - of.calls)} of the units need no call" if of.calls < of.questions else ""
    return f"from {screen.counted(of.rows_measured, 'row')} made into prompts and measured{known}; {answers}"


def _document(
    task: str, window: Window, days: Sequence[DayForecast], judges: Mapping[str, JudgeEstimate]
) -> dict[str, Any]:
    return {
        "task": task,
        "start": window.start,
        "end": window.end,
        "days": [
            {
                "day": day.day,
                "candidates": day.candidates,
                "admitted": day.admitted,
                "sampled": day.sampled,
                "would_judge": dict(day.asked),
                "judges": {name: asdict(of) for name, of in day.judges.items()},
            }
            for day in days
        ],
        "judges": {name: asdict(of) for name, of in judges.items()},
    }
