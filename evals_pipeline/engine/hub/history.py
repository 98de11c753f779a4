"""What happened to an evaluator in the hub: its versions, how they differ, and the end of its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.core.version import Content, Notice, Version
from evals_pipeline.engine.catalog import BrokenFile, read_catalog, read_evaluators
from evals_pipeline.engine.documents import settings_in, text_of, yaml_files
from evals_pipeline.engine.hub.entries import hub_entry
from evals_pipeline.engine.hub.pushing import default_author, refuse_prebuilt, versions_of
from evals_pipeline.engine.hub.resolving import Hub, pinned_number
from evals_pipeline.engine.settings import Settings
from evals_pipeline.hub.differences import difference
from evals_pipeline.hub.states import FileState, notice_of
from evals_pipeline.hub.summaries import summary

if TYPE_CHECKING:
    from evals_pipeline.ledger.evaluator_versions import Deletion


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Something that happened to a name.

    Attributes:
        event: `pushed`, `deleted`, or `prebuilt` for an evaluator that comes with the package.
        number: Of the version; for a prebuilt evaluator as results carry it, empty where a judge's model is not known.
        message: Empty for a deletion.
        at: UTC; None for a prebuilt evaluator.
        version: Plain JSON of what was pushed; None otherwise.
    """

    event: str
    number: str
    message: str
    author: str
    at: datetime | None
    version: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ComparedFile:
    """A file of the folder `evaluators` beside the newest version of its name.

    Attributes:
        latest: Number of that version; None where there is none.
        notice: What to do about the state; None where file and version are the same.
        problem: Why the file cannot be used; None where it can.
    """

    name: str
    file: str
    state: FileState
    latest: int | None
    notice: Notice | None
    problem: BrokenFile | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two contents of an evaluator; `text` is a unified diff, empty when they are the same."""

    old: str
    new: str
    text: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """The newest version of a name that is hidden from now on, and its file where there still is one."""

    version: Version
    file: str | None


def compare_files(folder: Path) -> tuple[ComparedFile, ...]:
    """Every file of the project folder's evaluators beside its newest version, by name; raises ConfigError."""
    hub, broken = read_evaluators(folder)
    hub.versions.refuse_unknown()
    problems = {file.name: file for file in broken if file.kind == "evaluator"}
    unread = [_unread(file, hub) for name, file in problems.items() if name not in hub.files]
    return tuple(sorted([*unread, *(_compared(name, hub, problems.get(name)) for name in hub.files)], key=_by_name))


def _by_name(compared: ComparedFile) -> str:
    return compared.name


def _compared(name: str, hub: Hub, problem: BrokenFile | None) -> ComparedFile:
    file, latest = hub.files[name], hub.versions.latest.get(name)
    state = hub.state(name) or FileState.NEVER_PUSHED
    runs_nowhere = problem is not None and state is FileState.NEVER_PUSHED
    notice = None if runs_nowhere else notice_of(name, file.file, state, latest)
    return ComparedFile(name, file.file, state, latest.number if latest else None, notice, problem)


def _unread(problem: BrokenFile, hub: Hub) -> ComparedFile:
    """A file whose text is not known."""
    latest = hub.versions.latest.get(problem.name)
    state = FileState.NEVER_PUSHED if latest is None else FileState.CHANGED
    return ComparedFile(problem.name, problem.file, state, latest.number if latest else None, None, problem)


def log(folder: Path | None, name: str) -> tuple[LogEntry, ...]:
    """What happened to that name, newest first; nothing for a file that was never pushed. Raises ConfigError."""
    hub = Hub() if folder is None else read_evaluators(folder)[0]
    hub.versions.refuse_unknown()
    _refuse_version(name, "listed alone", hub)
    entries = _pushed(folder, name) if folder is not None else ()
    if entries or name in hub.files:
        return tuple(entries)
    if name not in hub.names:
        raise UnknownNameError.of("evaluator", name, hub.names)
    message = f"comes with evals-pipeline {package_version('evals-pipeline')}, read-only"
    return (LogEntry("prebuilt", hub_entry(name, hub).version, message, "evals-pipeline", None),)


def _pushed(folder: Path, name: str) -> Sequence[LogEntry]:
    if Settings.of(folder).ledger_is_missing:
        return ()
    with versions_of(folder) as versions:
        found = versions.log(name)
    return [_entry(each) if isinstance(each, Version) else _deletion(each) for each in found]


def _entry(version: Version) -> LogEntry:
    draft = version.draft
    return LogEntry("pushed", str(version.number), draft.message, draft.author, version.pushed_at, summary(version))


def _deletion(deletion: Deletion) -> LogEntry:
    return LogEntry("deleted", str(deletion.number), "", deletion.author, deletion.deleted_at)


def differ(folder: Path, old: str, new: str | None = None) -> Difference:
    """How two contents of evaluators differ.

    Args:
        folder: The project folder.
        old: `polite@1`, or `polite` for the newest version.
        new: The same; absent: the file as it stands, and where there is none the newest version.

    Raises:
        ConfigError: One of them does not exist.
    """
    hub, _ = read_evaluators(folder)
    hub.versions.refuse_unknown()
    before = _version(folder, hub, old)
    if new is not None:
        after = _version(folder, hub, new)
        return _difference((before.spelled, before.content), (after.spelled, after.content), before.name)
    file = hub.files.get(before.name)
    if file is None:
        latest = hub.versions.latest[before.name]
        return _difference((before.spelled, before.content), (latest.spelled, latest.content), before.name)
    return _difference((before.spelled, before.content), (file.file, file.content), before.name)


def _difference(old: tuple[str, Content], new: tuple[str, Content], name: str) -> Difference:
    return Difference(old[0], new[0], difference(name, old, new))


def _version(folder: Path, hub: Hub, spelled: str) -> Version:
    """That version, whether it can still be used or not."""
    name, at, digits = spelled.partition("@")
    latest = hub.versions.latest.get(name)
    if latest is None:
        if name in hub.files:
            raise ConfigError(f"{name!r} has no versions in the hub", hint=f"push it: evals hub push {name} -m '...'")
        refuse_prebuilt(name, "compared")
        raise UnknownNameError.of("pushed evaluator", name or spelled, hub.versions.latest)
    if not at:
        return latest
    number = pinned_number(name, digits)
    with versions_of(folder) as versions:
        found = next((each for each in versions.log(name) if isinstance(each, Version) and each.number == number), None)
    if found is None:
        raise UnknownNameError.of("version", spelled, [f"{name}@{each}" for each in range(1, latest.number + 1)])
    return found


def delete(folder: Path, name: str, author: str | None = None) -> Deleted:
    """Hide a name from the hub until it is pushed again; its results and their versions stay.

    Raises:
        ConfigError: It is prebuilt or was never pushed, or tasks use it, readable or not.
    """
    hub, _ = read_evaluators(folder)
    hub.versions.refuse_unknown()
    _refuse_version(name, "deleted: versions stay for good", hub)
    if name not in hub.versions.latest:
        if name in hub.files:
            raise ConfigError(f"{name!r} has no versions in the hub", hint=f"it is only a file: {hub.files[name].file}")
        refuse_prebuilt(name, "deleted")
        raise UnknownNameError.of("pushed evaluator", name, hub.versions.latest)
    tasks = tasks_using(folder, name)
    if tasks:
        raise ConfigError(
            f"{name!r} is in use by {', '.join(f'tasks/{file}' for file in tasks)}",
            hint="let these tasks use another evaluator first",
        )
    with versions_of(folder) as versions:
        version = versions.delete(name, author or default_author(folder)) or hub.versions.latest[name]
    return Deleted(version, hub.files[name].file if name in hub.files else None)


def _refuse_version(spelled: str, what: str, hub: Hub) -> None:
    name, at, _ = spelled.partition("@")
    if at and name in hub.names:
        raise ConfigError(f"{spelled!r} names one version, which cannot be {what}", hint=f"name it without: {name}")


def broken_tasks(folder: Path, names: Collection[str]) -> tuple[BrokenFile, ...]:
    """Tasks that cannot be used and name one of these evaluators, which may have got another signature."""
    using = {file for name in names for file in tasks_using(folder, name)}
    return tuple(file for file in read_catalog(folder).broken if file.kind == "task" and file.path.name in using)


def tasks_using(folder: Path, name: str) -> list[str]:
    """Files of tasks that name the evaluator, whatever version of it, and whether the task can be used or not."""
    return [path.name for path in yaml_files(folder / "tasks") if _names(path, name)]


def _names(path: Path, name: str) -> bool:
    try:
        text = text_of(path)
    except ConfigError:
        return False  # nobody can say what an unreadable file names
    try:
        uses = settings_in(text, "").get("evaluators")
    except ConfigError:  # no YAML, yet someone may be about to mend it
        return re.search(rf"\bevaluator\s*:\s*['\"]?{re.escape(name)}(?![a-z0-9_])", text) is not None
    named = [use.get("evaluator") for use in uses if isinstance(use, dict)] if isinstance(uses, list) else []
    return any(isinstance(each, str) and each.partition("@")[0] == name for each in named)
