"""`evals hub push`, `log`, `diff` and `delete`: evaluators in the hub and what becomes of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evals_pipeline.cli import screen
from evals_pipeline.cli.options import Json, ProjectDir, nearest_project_folder, project_folder
from evals_pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from evals_pipeline.engine.hub.history import LogEntry
    from evals_pipeline.engine.hub.pushing import Pushed

Author = Annotated[
    str | None,
    typer.Option("--author", metavar="WHO", help="Who does it; absent: as git signs, or the user of the system."),
]
EvaluatorName = Annotated[str, typer.Argument(metavar="NAME", help="Name of an evaluator.")]


def push(
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", help="What changed and why, 1 to 1,000 characters.")
    ],
    evaluators: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|NAME]...", help="Evaluators, or their files; for all of them: --all."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Push all evaluators of the project folder.")] = False,
    author: Author = None,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Make the files of evaluators the newest versions in the hub, which run from then on.

    All of them are checked first. One that is as its newest version is left as it is. Tasks that do not fit are told.
    """
    from evals_pipeline.engine.hub.history import broken_tasks
    from evals_pipeline.engine.hub.pushing import push as push_files

    given = evaluators or []
    if everything == bool(given):
        raise ConfigError("name evaluators or say --all, one of the two", hint="evals hub push polite -m 'Less strict'")
    folder = project_folder(project_dir)
    pushed = push_files(folder, given, message, author)
    if as_json:
        screen.print_json([_pushed_document(each) for each in pushed])
    else:
        for each in pushed:
            said = "pushed " if each.is_new else "unchanged "
            screen.say(f"{said}{each.version.spelled}" + ("" if each.is_new else ": its file is as that version"))
    for file in broken_tasks(folder, [each.version.name for each in pushed]):
        screen.note(f"broken  {file}", style="red")


def log(name: EvaluatorName, project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """List what was pushed of an evaluator, newest first: who, when and why."""
    from evals_pipeline.engine.hub.history import log as log_of

    entries = log_of(nearest_project_folder(project_dir), name)
    if as_json:
        screen.print_json([asdict(entry) for entry in entries])
        return
    if not entries:
        screen.note(f"{name} was never pushed: its file runs as it stands")
        return
    screen.table(("version", "when (UTC)", "who", "kind", "content", "message"), [_log_row(entry) for entry in entries])


def diff(
    old: Annotated[str, typer.Argument(metavar="NAME[@N]", help="An evaluator, or one of its versions.")],
    new: Annotated[
        str | None, typer.Argument(metavar="[NAME[@N]]", help="What to compare with; absent: the file as it stands.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show how two versions of an evaluator differ, or a version and the file."""
    from evals_pipeline.engine.hub.history import differ

    found = differ(project_folder(project_dir), old, new)
    if as_json:
        screen.print_json({"old": found.old, "new": found.new, "is_same": not found.text, "diff": found.text})
    elif found.text:
        for line in found.text.splitlines():
            screen.say(line, style=_style(line))
    else:
        screen.note(f"{found.old} and {found.new} are the same")


def delete(name: EvaluatorName, author: Author = None, project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """Hide an evaluator that no task uses from the hub; results keep what they have, and a push brings it back."""
    from evals_pipeline.engine.hub.history import delete as delete_name

    deleted = delete_name(project_folder(project_dir), name, author)
    if as_json:
        screen.print_json({"name": name, "latest": deleted.version.number, "file": deleted.file})
        return
    screen.say(f"deleted {name}, whose newest version was {deleted.version.number}")
    if deleted.file:
        screen.note(f"{deleted.file} is still there, and runs as it stands where a task names it")


def _pushed_document(pushed: Pushed) -> dict[str, object]:
    version = pushed.version
    return {
        "name": version.name,
        "number": version.number,
        "is_new": pushed.is_new,
        "kind": str(version.content.kind),
        "message": version.draft.message,
        "author": version.draft.author,
        "pushed_at": version.pushed_at,
    }


def _log_row(entry: LogEntry) -> list[object]:
    kind, content = (entry.version["kind"], entry.version["content_hash"]) if entry.version else ("", "")
    said = entry.message if entry.event == "pushed" else f"({entry.event}) {entry.message}".strip()
    return [entry.number, screen.moment(entry.at) if entry.at else "", entry.author, kind, content, said]


def _style(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
