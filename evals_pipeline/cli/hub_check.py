"""`evals hub check`: whether files can be evaluators, as people type and in CI; nothing in them is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.options import Json, ProjectDir, project_folder
from evals_pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from evals_pipeline.core.evaluator import Parameter
    from evals_pipeline.engine.broken_files import BrokenFile
    from evals_pipeline.engine.hub.checking import CheckedFile
    from evals_pipeline.engine.hub.history import ComparedFile

_STDIN = "-"
_SHOWN_WIDTH = 140
_STYLES = {"error": "red", "warning": "yellow"}
_HINTS = {"unavailable-module": "the operator can add an installed package: EVALS_SANDBOX_PACKAGES"}


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...", help="Python files, or - for standard input; absent: all evaluators of the project."
        ),
    ] = None,
    stdin_filename: Annotated[
        Path | None,
        typer.Option(
            "--stdin-filename",
            metavar="PATH",
            help="The file whose text comes on standard input: for messages, and settings beside it.",
        ),
    ] = None,
    require_pushed: Annotated[
        bool, typer.Option("--require-pushed", help="Fail where a file is not as its newest version in the hub.")
    ] = False,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Check the files of evaluators, without running them: syntax, class, signature, parameters and imports.

    Without FILE all evaluators of the project folder are checked and compared with their newest versions in the hub.
    """
    if files:
        if require_pushed:
            raise ConfigError("--require-pushed is for the whole project", hint="leave out the files")
        _report([_checked(file, stdin_filename) for file in files], as_json=as_json)
    else:
        _check_project(project_folder(project_dir), require_pushed=require_pushed, as_json=as_json)


def _checked(file: str, stdin_filename: Path | None) -> CheckedFile:
    from evals_pipeline.engine.hub.checking import check_bytes, check_file

    if file != _STDIN:
        return check_file(Path(file))
    called = "<stdin>" if stdin_filename is None else str(stdin_filename)
    return check_bytes(sys.stdin.buffer.read(), called, beside=stdin_filename)


def _report(checked: list[CheckedFile], *, as_json: bool) -> None:
    from evals_pipeline.engine.hub.checking import checked_document

    is_ok = all(each.is_ok for each in checked)
    if as_json:
        screen.print_json({"is_ok": is_ok, "files": [checked_document(each) for each in checked]})
    else:
        for each in checked:
            _show(each)
    if not is_ok:
        raise typer.Exit(exits.BROKEN)


def _check_project(folder: Path, *, require_pushed: bool, as_json: bool) -> None:
    from evals_pipeline.engine.hub.checking import checked_document
    from evals_pipeline.engine.hub.history import compare_files

    compared = compare_files(folder)
    checked = {each.name: code for each in compared if (code := _checked_code(folder, each)) is not None}
    is_ok = all(each.problem is None for each in compared) and not (require_pushed and any(map(_is_new, compared)))
    if as_json:
        documents = {name: checked_document(each) for name, each in checked.items()}
        found = [{**_compared_document(each), "check": documents.get(each.name)} for each in compared]
        screen.print_json({"is_ok": is_ok, "files": found})
    else:
        for each in compared:
            _show_compared(each, checked.get(each.name), folder)
        if not compared:
            screen.note(f"{str(folder / 'evaluators')!r} holds no evaluators")
    if not is_ok:
        raise typer.Exit(exits.BROKEN)


def _checked_code(folder: Path, compared: ComparedFile) -> CheckedFile | None:
    from evals_pipeline.engine.hub.checking import check_file

    if not compared.file.endswith(".py"):
        return None
    try:
        return check_file(folder / compared.file)
    except ConfigError:  # it cannot be read, which is its problem already
        return None


def _is_new(compared: ComparedFile) -> bool:
    return compared.notice is not None


def _compared_document(compared: ComparedFile) -> dict[str, Any]:
    notice, problem = compared.notice, compared.problem
    return {
        "name": compared.name,
        "file": compared.file,
        "is_ok": problem is None,
        "state": compared.state.value,
        "latest": compared.latest,
        "notice": None if notice is None else {"message": notice.message, "hint": notice.hint},
        "problem": None
        if problem is None
        else {"field": problem.field, "message": problem.message, "hint": problem.hint},
    }


def _show_compared(compared: ComparedFile, checked: CheckedFile | None, folder: Path) -> None:
    latest = "" if compared.latest is None else f", newest version {compared.latest}"
    if compared.problem is None:
        screen.say(f"ok      {compared.file} ({compared.state.value}{latest})")
    else:
        screen.say(f"broken  {compared.problem.place}: {compared.problem.message}", style="red")
        if compared.problem.hint and not _all_follow(compared.problem, checked):
            screen.say(f"        Hint: {compared.problem.hint}")
    if checked is not None:
        _show_problems(checked, compared.file)
    if compared.notice is not None:
        screen.say(f"        {compared.notice.message}", style="yellow")
        screen.say(f"        Hint: {compared.notice.hint}")


def _all_follow(problem: BrokenFile, checked: CheckedFile | None) -> bool:
    """Whether every problem of that file is shown below, so that a hint to look for them would be odd."""
    return problem.path.suffix == ".py" and checked is not None and not checked.report.is_ok


def _show(checked: CheckedFile) -> None:
    _show_problems(checked, checked.file)
    if checked.settings_error is not None:
        where = f"{checked.settings_file}: {checked.settings_error.field}".removesuffix(": ")
        screen.say(f"{where}: error {checked.settings_error.message}", style="red")
        if checked.settings_error.hint:
            screen.say(f"    Hint: {checked.settings_error.hint}")
    screen.say(f"{checked.file}: {_verdict(checked)} in {checked.milliseconds:.1f} ms")
    report = checked.report
    if report.class_name is None:
        return
    variables = [each.name + (" (required)" if each.is_required else "") for each in report.variables]
    for name, values in (
        ("class", [report.class_name]),
        ("variables", variables),
        ("parameters", [_spelled(each) for each in report.parameters]),
        ("imports", report.imports),
    ):
        screen.say(f"    {name + ':':12}{', '.join(values) or 'none'}")
    if report.takes_row:
        screen.say("    takes dataset_row")


def _verdict(checked: CheckedFile) -> str:
    found = [problem.severity for problem in checked.report.problems]
    errors = found.count("error") + (checked.settings_error is not None)
    warnings = found.count("warning")
    counts = [screen.counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    return ", ".join(counts) or "ok"


def _show_problems(checked: CheckedFile, file: str) -> None:
    for problem in checked.report.problems:
        place = f"{file}:{problem.line}:{problem.column}"
        screen.say(f"{place}: {problem.severity} {problem.code} {problem.message}", style=_STYLES[problem.severity])
        end = problem.end_column if problem.end_line == problem.line else None
        for line in _underlined(checked.lines[problem.line - 1], problem.column, end):
            screen.say(f"    {line}")
        if problem.code in _HINTS:
            screen.say(f"    Hint: {_HINTS[problem.code]}")


def _underlined(line: str, column: int, end: int | None) -> tuple[str, str]:
    """The line, and carets below what is meant; of a long one the part around it. Wide characters take two carets."""
    from rich.cells import cell_len

    start = max(column - 1 - _SHOWN_WIDTH // 2, 0) if len(line) > _SHOWN_WIDTH else 0
    stop = start + _SHOWN_WIDTH
    before, meant = (
        _shown(line[start : column - 1]),
        _shown(line[column - 1 : stop if end is None else min(end - 1, stop)]),
    )
    shown = f"{'…' if start else ''}{before}{meant}"
    rest = _shown(line[min(end - 1, stop) : stop]) if end is not None else ""
    carets = "^" * max(cell_len(meant), 1)
    return f"{shown}{rest}{'…' if len(line) > stop else ''}", f"{' ' * (cell_len(before) + (start > 0))}{carets}"


def _shown(text: str) -> str:
    return screen.clean(text, one_line=False).replace("\t", "    ")


def _spelled(parameter: Parameter) -> str:
    kind = parameter.type or "of any type"
    if parameter.is_required:
        return f"{parameter.name} ({kind}, required)"
    default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    return f"{parameter.name} ({kind}, default {default!r})"
