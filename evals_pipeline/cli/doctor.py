"""`evals doctor`: versions, paths, databases, what is missing and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from rich.text import Text

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.models import model_text
from evals_pipeline.cli.options import Json, ProjectDir, project_folder, utc_now
from evals_pipeline.core.errors import ConfigError, EvalsError

if TYPE_CHECKING:
    from evals_pipeline.engine.installation import Installation

_PACKAGE = "evals-pipeline"
_LOW_DISK_BYTES = 2**30
_EXTRAS = {"postgresql": ("psycopg", "postgres"), "s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "abfss": ("adlfs", "")}
_STYLES = {"ok": "green", "note": "yellow", "missing": "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `status` is ok, note or missing."""

    what: str
    status: str
    detail: str
    hint: str = ""


def doctor(project_dir: ProjectDir = None, as_json: Json = False) -> None:
    """Look at versions, paths, lake, ledger and disk; say what is missing and how to get it."""
    found = [*_python(), *_packages(), *_sandbox(), *_project(project_dir)]
    if as_json:
        screen.print_json([asdict(finding) for finding in found])
    else:
        rows = [[Text(each.status, _STYLES[each.status]), each.what, each.detail] for each in found]
        screen.table(("", "what", "found"), rows)
        for each in found:
            if each.hint:
                screen.note(f"{each.what}: {each.detail}\n  Hint: {each.hint}")
    if any(each.status == "missing" for each in found):
        raise typer.Exit(exits.BROKEN)


def _python() -> Iterator[Finding]:
    is_enough = sys.version_info >= (3, 11)
    hint = "" if is_enough else "install Python 3.11 or newer"
    place = f"{platform.python_version()} at {sys.executable}"
    yield Finding("Python", "ok" if is_enough else "missing", place, hint)


def _packages() -> Iterator[Finding]:
    yield Finding(_PACKAGE, "ok", _version(_PACKAGE) or "not installed as a package")
    for requirement in _requirements():
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        installed = _version(name)
        hint = "" if installed else f"pip install '{requirement.strip()}'"
        yield Finding(name, "ok" if installed else "missing", installed or "not installed", hint)
    for scheme, (name, extra) in _EXTRAS.items():
        settings = (os.environ.get("EVALS_LAKE", ""), os.environ.get("EVALS_DATABASE", ""))
        if any(value.startswith(scheme) for value in settings) and _version(name) is None:
            hint = f"pip install '{_PACKAGE}[{extra}]'" if extra else f"pip install {name}"
            yield Finding(name, "missing", f"not installed, and the settings name {scheme}://", hint)


def _requirements() -> list[str]:
    try:
        return [line for line in requires(_PACKAGE) or () if "extra ==" not in line]
    except PackageNotFoundError:
        return []


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _sandbox() -> Iterator[Finding]:
    """How custom evaluators are confined here; without a sandbox everything else works."""
    from evals_pipeline.engine.sandboxes import look_at_sandbox

    try:
        report = look_at_sandbox()
    except ConfigError as error:
        yield Finding("sandbox", "missing", error.message, error.hint)
        return
    except EvalsError as error:
        message, _, hint = str(error).partition("\nHint: ")
        yield Finding("sandbox", "note", message, hint)
        return
    yield Finding("sandbox", "ok" if report.is_confined else "note", report.summary)
    yield Finding("sandbox kernel", "ok", f"{report.kernel} on {report.machine}")
    absent = [name for name in report.packages if find_spec(name.partition(".")[0]) is None]
    yield Finding("sandbox packages", "ok", ", ".join(name for name in report.packages if name not in absent))
    for name in absent:
        hint = "install it where evals-pipeline is, or take it out of EVALS_SANDBOX_PACKAGES"
        yield Finding(f"sandbox package {name}", "missing", "not installed", hint)
    for reason in report.reasons:
        yield Finding("sandbox reason", "note", reason)


def _project(chosen: Path | None) -> Iterator[Finding]:
    try:
        folder = project_folder(chosen)
    except ConfigError as error:
        yield Finding("project folder", "note" if chosen is None else "missing", error.message, error.hint)
        return
    yield Finding("project folder", "ok", str(folder))
    yield from _tried("files", lambda: _files(folder))
    yield from _tried("lake and ledger", lambda: _storage(folder))
    yield from _tried("models", lambda: _models(folder))
    yield from _tried("first day", lambda: _first_day(folder))
    yield from _tried("Dagster instance", lambda: _instance(folder))
    yield _disk(folder)


def _tried(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except EvalsError as error:
        message, _, hint = str(error).partition("\nHint: ")
        return [Finding(what, "missing", message, hint)]


def _files(folder: Path) -> list[Finding]:
    from evals_pipeline.engine.catalog import read_catalog

    catalog = read_catalog(folder)
    counts = f"{screen.counted(len(catalog.projects), 'project')} and {screen.counted(len(catalog.tasks), 'task')}"
    if catalog.hub.judges or catalog.hub.models:
        judges, models = (
            screen.counted(len(catalog.hub.judges), "judge"),
            screen.counted(len(catalog.hub.models), "model"),
        )
        counts = f"{counts}, {judges} and {models}"
    good = Finding("files", "ok", f"{counts} can be used")
    broken = [Finding("file", "missing", str(file).partition("\nHint: ")[0], file.hint) for file in catalog.broken]
    return [good, *broken]


def _storage(folder: Path) -> list[Finding]:
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.contents import table_sizes
    from evals_pipeline.engine.installation import opened

    with opened(folder) as here:
        url = here.ledger.database.url.render_as_string(hide_password=True)
        sizes = table_sizes(here)
        problems = [found for name in read_catalog(folder).projects for found in _problems(here, name)]
    tables = [
        Finding(f"table {of.name}", "ok", f"{screen.counted(of.rows, 'row')} in {screen.counted(of.files, 'file')}")
        for of in sizes
    ]
    return [Finding("ledger", "ok", url), Finding("lake", "ok", here.lake.root), *tables, *problems]


def _models(folder: Path) -> list[Finding]:
    from evals_pipeline.engine.catalog import read_hub
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.models import model_states

    hub = read_hub(folder)
    if not (hub.models or hub.judges):
        return []
    with opened(folder) as here:
        states = model_states(here, hub)
    return [
        Finding(
            f"model {state.name}", "note" if state.problem else "ok", state.problem or model_text(state), state.hint
        )
        for state in states
    ]


def _problems(here: Installation, project: str) -> Iterator[Finding]:
    for problem in here.ledger.problems(project, limit=20):
        place = problem.uri if problem.line is None else f"{problem.uri}, line {problem.line}"
        yield Finding(f"source of {project}", "note", f"{place}: {screen.clean(problem.message, limit=200)}")


def _first_day(folder: Path) -> list[Finding]:
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.orchestration.partitions import FIRST_DAY_VARIABLE, first_day

    with opened(folder) as here:
        settings = _Unwritten(here)
        day = first_day(cast(Any, settings), now=utc_now())  # asks a ledger for nothing else
    later = f"; written down by the first run, {FIRST_DAY_VARIABLE} chooses another" if settings.is_asked_first else ""
    return [Finding("first day", "ok", f"{day}{later}")]


@dataclass(slots=True)
class _Unwritten:
    """The settings of a ledger as they are or would become; looking at them settles nothing."""

    here: Installation
    is_asked_first: bool = False

    def setting(self, key: str, default: str) -> str:
        import sqlalchemy as sa

        query = sa.text("SELECT value FROM settings WHERE key = :key")
        with self.here.ledger.database.begin() as connection:
            written = connection.execute(query, {"key": key}).scalar()
        self.is_asked_first = written is None
        return default if written is None else str(written)


def _instance(folder: Path) -> list[Finding]:
    from evals_pipeline.orchestration.instance import dagster_home

    return [Finding("Dagster instance", "ok", str(dagster_home(folder)))]


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    is_low = free < _LOW_DISK_BYTES
    hint = "make room: runs fail, and commit nothing, when the disk is full" if is_low else ""
    return Finding("disk", "note" if is_low else "ok", f"{free / 2**30:.1f} GiB free", hint)
