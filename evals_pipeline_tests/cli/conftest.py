"""The program as a person at a terminal meets it, and small real project folders."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline.orchestration.instance import dagster_home
from evals_pipeline_tests.builders import DAY, JSON_TASK, ORDER_TASK, project_folder, spans

Evals = Callable[..., Result]

OF_A_TERMINAL = ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM", "LINES")
"""What Rich heeds, and whoever starts the tests may have set."""

BROKEN_TASK = """
project: shop
filtr: "span_kind = 'LLM'"
evaluators:
  - evaluator: json_parseable
    mapping: {text: attributes.output.value}
"""


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVALS_PROJECT_DIR", raising=False)
    monkeypatch.setenv("EVALS_FIRST_DAY", "2026-01-01")
    monkeypatch.setenv("COLUMNS", "200")
    for name in OF_A_TERMINAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", None)


def make_shop(folder: Path) -> Path:
    return project_folder(folder, spans(9), format=JSON_TASK, orders=ORDER_TASK)


def caller(folder: Path) -> Evals:
    """Runs the program on `folder` in this process."""

    def call(*arguments: str, folder: Path = folder) -> Result:
        return CliRunner().invoke(app, [*arguments, "--project-dir", str(folder)], prog_name="evals")

    return call


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with nine spans on `DAY` and two tasks; nothing has been collected yet."""
    return make_shop(tmp_path / "shop")


@pytest.fixture(scope="session")
def shop_with_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with Dagster's databases, which take half a second to make; to copy, not to change."""
    folder = make_shop(tmp_path_factory.mktemp("instance") / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        dagster_home(folder)
    return folder


@pytest.fixture
def evals(shop: Path) -> Evals:
    """Runs the program on `shop`."""
    return caller(shop)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The same after task `format` has run on `DAY`, to copy and not to change, and what the run printed."""
    folder = make_shop(tmp_path_factory.mktemp("evaluated") / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALS_FIRST_DAY", "2026-01-01")
        patch.setenv("COLUMNS", "200")
        ran = caller(folder)("run", "format", "--day", str(DAY))
    assert ran.exit_code == 0, ran.output
    return folder, ran


@pytest.fixture
def evaluated(first_run: tuple[Path, Result], tmp_path: Path) -> Evals:
    """Runs the program on a copy of that folder."""
    return caller(Path(shutil.copytree(first_run[0], tmp_path / "evaluated")))


def document(result: Result) -> Any:
    """The one JSON document on stdout."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, is_running: Callable[[], bool]) -> bool:
    """Whether the server comes up."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and is_running():
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            time.sleep(0.3)
    return False


def program(*arguments: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the program as a process of its own, in `folder`."""
    command = [sys.executable, "-m", "evals_pipeline", *arguments]
    return subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, check=False)
