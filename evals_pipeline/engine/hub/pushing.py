"""From the folder `evaluators` into the hub: what is pushed, by whom, and what must hold before it is."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.core.granularity import Granularity
from evals_pipeline.core.version import MESSAGE_LENGTH, Draft, Version
from evals_pipeline.engine.catalog import read_evaluators
from evals_pipeline.engine.hub.files import ANY_MODEL, EVALUATORS, Definition, EvaluatorFile
from evals_pipeline.engine.hub.resolving import Hub
from evals_pipeline.engine.settings import Settings
from evals_pipeline.evaluators.custom.custom import CodeDefinition
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names
from evals_pipeline.hub.contents import content_hash
from evals_pipeline.ledger.values import storable

if TYPE_CHECKING:
    from evals_pipeline.ledger.evaluator_versions import EvaluatorVersions

AUTHOR_LENGTH = 200

_SUFFIXES = (".py", ".yaml", ".yml")
_GIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Pushed:
    """The newest version of what was pushed; not a new one where nothing had changed."""

    version: Version
    is_new: bool


def push(folder: Path, given: Sequence[str], message: str, author: str | None = None) -> tuple[Pushed, ...]:
    """Make the files of a project folder the newest versions of their evaluators; all are checked before the first one.

    Args:
        folder: The project folder.
        given: Names of evaluators or their files; none for all that the folder has.
        message: Why.
        author: Who; absent: whom git or the system knows.

    Raises:
        ConfigError: Something is unknown, prebuilt or broken, or the message is too short or too long.
        LedgerError: The ledger cannot be written.
    """
    said = _line(message, "message", MESSAGE_LENGTH)
    by = _line(" ".join((author or default_author(folder)).split()), "author", AUTHOR_LENGTH)
    hub, broken = read_evaluators(folder)
    names = [_name(text, folder) for text in given] or sorted(hub.files)
    if not names:
        raise ConfigError(f"{str(folder / EVALUATORS)!r} holds no evaluators", hint="write evaluators/NAME.py first")
    for file in broken:
        if file.kind == "evaluator" and (file.name in names or not given):
            raise ConfigError(str(file))
    files = [_file(name, hub) for name in dict.fromkeys(names)]
    drafts = [_draft(file, definition, said, by) for file, definition in files]
    with versions_of(folder) as versions:
        return tuple(Pushed(*versions.push(draft)) for draft in drafts)


@contextmanager
def versions_of(folder: Path) -> Iterator[EvaluatorVersions]:
    """The project folder's hub, to be changed; its ledger is made where it is missing."""
    from evals_pipeline.ledger.database import Database
    from evals_pipeline.ledger.evaluator_versions import EvaluatorVersions

    database = Database(Settings.of(folder).database)
    try:
        yield EvaluatorVersions(database)
    finally:
        database.close()


def refuse_prebuilt(name: str, verb: str) -> None:
    """Raises ConfigError where `name` is prebuilt and has no file that takes its place."""
    if name in (*prebuilt_names(), *prebuilt_judge_names()):
        raise ConfigError(
            f"{name!r} is prebuilt and read-only: it cannot be {verb}",
            hint=f"see it with: evals hub show {name}; write your own under another name in {EVALUATORS}/",
        )


def default_author(folder: Path) -> str:
    """`Name <address>` as git would sign a commit in the folder, else the user of the system."""
    name, address = (_git(folder, f"user.{part}") for part in ("name", "email"))
    if name:
        return f"{name} <{address}>" if address else name
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"


def _git(folder: Path, setting: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    asked = [program, "-C", str(folder), "config", "--get", setting]
    try:
        said = subprocess.run(asked, capture_output=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):  # who pushes is worth a look, not a failure
        return ""
    return said.stdout.decode(errors="replace").strip() if said.returncode == 0 else ""


def _line(text: str, what: str, length: int) -> str:
    """`text` without white space around it, if it can be the message or the author."""
    said = text.strip()
    if not said:
        raise ConfigError(f"the {what} is empty", hint=f"say it in 1 to {length:,} characters")
    if len(said) > length:
        raise ConfigError(f"the {what} has {len(said):,} characters; {length:,} are the most", hint="say it shorter")
    if said != storable(said):
        raise ConfigError(f"the {what} holds a NUL or bytes that are no UTF-8", hint="write it as plain text")
    return said


def _name(given: str, folder: Path) -> str:
    """The evaluator that a word of the command line means: its name or one of its files."""
    path = Path(given)
    if path.suffix not in _SUFFIXES and len(path.parts) == 1:
        return given
    home = (folder / EVALUATORS).resolve()
    places = (path.resolve(), (folder / path).resolve(), home / path)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ConfigError(f"there is no file {given!r}", hint=f"name an evaluator of {EVALUATORS}/, or its file")
    if found.parent != home:
        raise ConfigError(
            f"{given!r} is no evaluator of this project, whose evaluators lie in {str(home)!r}",
            hint="move the file there, or choose the project with --project-dir DIR",
        )
    return found.stem


def _file(name: str, hub: Hub) -> tuple[EvaluatorFile, Definition]:
    file = hub.files.get(name)
    if file is None:
        refuse_prebuilt(name, "pushed")
        raise UnknownNameError.of("file of an evaluator", name, hub.files)
    if file.definition is None:
        raise ConfigError(f"{file.file} cannot be used", hint="evals check says why")
    return file, file.definition


def _draft(file: EvaluatorFile, definition: Definition, message: str, author: str) -> Draft:
    evaluator = definition if isinstance(definition, CodeDefinition) else Judge(definition, ANY_MODEL)
    return Draft(
        name=file.name,
        content=file.content,
        content_hash=content_hash(file.content),
        message=message,
        author=author,
        variables=evaluator.variables,
        parameters=definition.parameters if isinstance(definition, CodeDefinition) else (),
        granularity=str(Granularity.SPAN),
        filter=definition.filter,
    )
