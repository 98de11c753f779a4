"""The project folder in which the pages' commands are run: scaffolded and evaluated once, copied for each page."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.main import app


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `evals init` makes, after a backfill of its sample."""
    folder = tmp_path_factory.mktemp("docs") / "support"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        for name in ("EVALS_LAKE", "EVALS_DATABASE", "EVALS_FIRST_DAY", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        for arguments in (
            ["init", str(folder)],
            ["backfill", "answer_format", "--last", "7d", "--project-dir", str(folder)],
        ):
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(evaluated, tmp_path / "you" / "support"))
