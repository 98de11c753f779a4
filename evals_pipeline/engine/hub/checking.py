"""Checking files of evaluators, without running what they hold, and telling what was found as plain JSON.

Nothing here loads the ledger or the lake: editors ask while people type.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.documents import read_named
from evals_pipeline.evaluators.custom.checking import CheckReport, check_source
from evals_pipeline.evaluators.custom.findings import Problem, SourceText
from evals_pipeline.sandbox.settings import SandboxSettings, allowed_packages


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file with custom code, and what the check says.

    Attributes:
        file: As it was asked for.
        lines: The source by lines, for showing them.
        settings_file: The YAML beside it; None where there is none.
        settings_error: Why that cannot be used; None where it can.
        milliseconds: Time that the check took, without reading files.
    """

    file: str
    lines: tuple[str, ...]
    report: CheckReport
    settings_file: Path | None
    settings_error: ConfigError | None
    milliseconds: float

    @property
    def is_ok(self) -> bool:
        """Whether it can be an evaluator."""
        return self.report.is_ok and self.settings_error is None


def check_file(path: Path) -> CheckedFile:
    """Check a Python file and the YAML beside it; raises ConfigError when the file is none or cannot be read."""
    if path.suffix != ".py":
        raise ConfigError(f"{str(path)!r} is no Python file", hint=_hint_for(path))
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise ConfigError(f"{str(path)!r} cannot be read: {cause.strerror or cause}") from cause
    return check_bytes(content, str(path), beside=path)


def check_bytes(content: bytes, file: str, *, beside: Path | None = None) -> CheckedFile:
    """Check what a Python file holds.

    Args:
        content: Its bytes.
        file: What to call it.
        beside: Where the file is or would be, for the YAML beside it.
    """
    settings_file, settings, settings_error = _settings(beside)
    try:
        source = content.decode()
    except UnicodeDecodeError as error:
        source, report, seconds = content.decode(errors="replace"), _not_unicode(content, error), 0.0
    else:
        start = time.perf_counter()
        report = check_source(source, packages=allowed_packages(), settings=settings)
        seconds = time.perf_counter() - start
    lines = tuple(SourceText(source).lines)
    return CheckedFile(file, lines, report, settings_file, settings_error, seconds * 1_000)


def checked_document(checked: CheckedFile) -> dict[str, Any]:
    """Plain JSON of it; lines and columns count from 1, in characters, and ends are exclusive."""
    report = checked.report
    places = {name: asdict(place) for name, place in report.places.items()}
    return {
        "file": checked.file,
        "is_ok": checked.is_ok,
        "class_name": report.class_name,
        "description": report.docstring,
        "variables": [asdict(each) for each in report.variables],
        "takes_row": report.takes_row,
        "parameters": [{**asdict(each), **places[each.name]} for each in report.parameters],
        "imports": list(report.imports),
        "problems": [asdict(each) for each in report.problems],
        "settings": _settings_document(checked),
        "milliseconds": round(checked.milliseconds, 3),
    }


def sandbox_problem() -> ConfigError | None:
    """What is wrong with the operator's settings of the sandbox; None where nothing is. No file is to blame for it."""
    try:
        SandboxSettings.of()
    except ConfigError as error:
        return error
    return None


def _hint_for(path: Path) -> str:
    if path.suffix in (".yaml", ".yml"):
        return "judges are checked by `evals check`, and settings beside code with the .py file"
    if path.name == str(path) and path.name.isidentifier():
        return f"name its file: evals hub check evaluators/{path.name}.py"
    return "name the .py file of an evaluator, or - for standard input"


def _settings(beside: Path | None) -> tuple[Path | None, CodeSettings | None, ConfigError | None]:
    found = [path for suffix in (".yaml", ".yml") if beside and (path := beside.with_suffix(suffix)).is_file()]
    if not found:
        return None, None, None
    try:
        return found[0], read_named(found[-1], CodeSettings), None
    except ConfigError as error:
        return found[0], None, error


def _settings_document(checked: CheckedFile) -> dict[str, Any] | None:
    if checked.settings_file is None:
        return None
    error = checked.settings_error
    problem = None if error is None else {"field": error.field, "message": error.message, "hint": error.hint}
    return {"file": str(checked.settings_file), "problem": problem}


def _not_unicode(content: bytes, error: UnicodeDecodeError) -> CheckReport:
    before = SourceText(content[: error.start].decode(errors="replace"))
    line, column = len(before.lines), len(before.lines[-1]) + 1
    message = "the file is not saved as UTF-8: save it so in your editor"
    return CheckReport(problems=(Problem(line, column, line, column + 1, "error", "encoding", message),))
