"""Collecting a project's new spans with a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evals_pipeline.cli import screen
from evals_pipeline.cli.options import utc_now

if TYPE_CHECKING:
    from evals_pipeline.core.task import Project
    from evals_pipeline.engine.installation import Installation

_SHOWN_PROBLEMS = 3


def collect_with_progress(here: Installation, project: Project, *, hidden: bool) -> None:
    """Collect what is new in the project's source, and say what of it could not be read."""
    from evals_pipeline.engine.spans import collect_spans

    with screen.progress(hidden=hidden) as bars:
        bar = bars.add_task("collecting spans", total=None)
        collected = collect_spans(
            here, project, now=utc_now, progressed=lambda done, total: bars.update(bar, completed=done, total=total)
        )
    if collected.files:
        spans = screen.counted(sum(collected.spans.values()), "new span")
        screen.note(f"collected {spans} from {screen.counted(collected.files, 'file')}")
    note_problems(here, project.name)


def note_problems(here: Installation, project: str) -> None:
    """Name the first lines and files of the project that could not be read."""
    problems = here.ledger.problems(project, limit=_SHOWN_PROBLEMS + 1)
    for problem in problems[:_SHOWN_PROBLEMS]:
        place = problem.uri if problem.line is None else f"{problem.uri}, line {problem.line}"
        screen.note(f"could not be read: {place}: {screen.clean(problem.message, limit=200)}", style="yellow")
    if len(problems) > _SHOWN_PROBLEMS:
        screen.note(f"and more that could not be read; see: {screen.command()} doctor", style="yellow")
