"""The program as a person at a terminal meets it, and small real project folders."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline_tests.builders import DAY, JSON_TASK, ORDER_TASK, project_folder, spans

Evals = Callable[..., Result]

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


@pytest.fixture
def evals(shop: Path) -> Evals:
    """Runs the program on `shop`."""
    return caller(shop)


@pytest.fixture(scope="session")
def evaluated_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after task `format` has run on `DAY`; to copy, not to change."""
    folder = make_shop(tmp_path_factory.mktemp("evaluated") / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALS_FIRST_DAY", "2026-01-01")
        ran = caller(folder)("run", "format", "--day", str(DAY))
    assert ran.exit_code == 0, ran.output
    return folder


@pytest.fixture
def evaluated(evaluated_shop: Path, tmp_path: Path) -> Evals:
    """Runs the program on a copy of `evaluated_shop`."""
    return caller(Path(shutil.copytree(evaluated_shop, tmp_path / "evaluated")))


def document(result: Result) -> Any:
    """The one JSON document on stdout."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def program(*arguments: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the program as a process of its own, in `folder`."""
    command = [sys.executable, "-m", "evals_pipeline", *arguments]
    return subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, check=False)
