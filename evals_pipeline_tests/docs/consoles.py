"""Consoles as the pages show them: commands run for real, and what was shown held against what they print.

A line with `$ ` is a command. What follows is what it prints: each line must be printed, in this order; `…` stands for
lines that are left out, or for the rest of a line. Days, times, run ids and decimal numbers differ from run to run and
are not compared. The pages were written on `WRITTEN_ON`; days in commands are moved as if that were today.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline.cli.options import PROJECT_DIR_VARIABLE
from evals_pipeline.engine.installation import opened
from evals_pipeline_tests.cli.conftest import OF_A_TERMINAL

WRITTEN_ON = date(2026, 11, 22)
SHOWN_FOLDER = "/home/you"
_COLUMNS = "200"
_MASKS = {
    r"[0-9a-f]{8}-[0-9a-f-]{27}": "RUN",
    r"\b[0-9a-f]{8}\b": "RUN",
    r"\d{4}-\d\d-\d\d": "DAY",
    r"\d\d:\d\d:\d\d(\.\d+)?": "TIME",
    r"\(\d[\d,]* a second\)": "(N a second)",
    r"\b\d+\.\d+\b(?!%)": "N",
    r"─{3,}": "",
}


@dataclass(frozen=True)
class Step:
    """A command and the lines shown below it."""

    command: str
    shown: tuple[str, ...]


def steps(text: str) -> list[Step]:
    joined = text.replace("\\\n", " ")
    found: list[tuple[str, list[str]]] = []
    for line in joined.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return [Step(command, tuple(shown)) for command, shown in found]


class Console:
    """A terminal: a folder, an environment and the last exit code."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = folder.parent
        self.monkeypatch = monkeypatch
        self.code = 0
        monkeypatch.setenv("COLUMNS", _COLUMNS)
        for name in OF_A_TERMINAL:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(PROJECT_DIR_VARIABLE, raising=False)
        monkeypatch.chdir(folder)

    def run(self, command: str) -> str:
        """What the command prints, stdout and stderr in their order."""
        words = shlex.split(_moved(command.replace("$PWD", str(Path.cwd()))))
        match words:
            case ["echo", "$?"]:
                printed, self.code = f"{self.code}\n", 0
            case ["cd", folder]:
                printed = self._cd(folder)
            case ["export", setting]:
                printed = self._export(*setting.split("=", 1))
            case ["make", "demo"]:
                printed = self._evals(["demo"])
            case ["evals", "logs", _, *options]:
                printed = self._evals(["logs", newest_run(), *options])
            case ["evals", *arguments]:
                printed = self._evals(arguments)
            case ["dagster", *arguments]:
                printed = self._dagster(arguments)
            case _:
                raise AssertionError(f"no test knows how to run {command!r}; use a `sh` block for what is not run")
        return printed.replace(str(self.home), SHOWN_FOLDER)

    def _cd(self, folder: str) -> str:
        self.monkeypatch.chdir(folder)
        return ""

    def _export(self, name: str, value: str) -> str:
        self.monkeypatch.setenv(name, value)
        return ""

    def _evals(self, arguments: list[str]) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code = result.exit_code
        return result.output

    def _dagster(self, arguments: list[str]) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "dagster", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.code = done.returncode
        return done.stdout + done.stderr


def newest_run() -> str:
    with opened(Path.cwd()) as here:
        return here.ledger.runs(limit=1)[0].key.run_id


def difference(shown: tuple[str, ...], printed: str) -> str:
    """The first line that is shown and was not printed, with what was; empty when all were."""
    lines = iter([_masked(line) for line in printed.splitlines()])
    for line in shown:
        wanted = _masked(line)
        if wanted in ("", "…"):
            continue
        start = wanted.removesuffix("…").rstrip()
        if not any(found.startswith(start) if wanted.endswith("…") else found == wanted for found in lines):
            return f"{line!r} was not printed there; all that was:\n{printed}"
    return ""


def _masked(line: str) -> str:
    for pattern, word in _MASKS.items():
        line = re.sub(pattern, word, line)
    return " ".join(line.split())


def _moved(command: str) -> str:
    """The command with its days as far from today as they were from `WRITTEN_ON`."""
    by = datetime.now(UTC).date() - WRITTEN_ON
    return re.sub(r"\d{4}-\d\d-\d\d", lambda found: str(date.fromisoformat(found[0]) + by), command)


def shell_commands(text: str) -> Iterator[list[str]]:
    """The commands of a `sh` block, without comments and settings in front."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            yield words
