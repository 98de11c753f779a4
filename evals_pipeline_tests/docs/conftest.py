"""The project folder in which the pages' commands are run: scaffolded and evaluated once, copied for each page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline_tests.llm.provider import Provider

_HELPS = ("is moved to 16 June", "You can send photos", "is on its way", "The next flight is")
"""Answers of the sample and of the pages that the model calls helpful."""


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


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """What stands for OpenAI where a page shows a judge at work."""
    with Provider(answer=_verdict, explanation="It deals with what was asked.") as running:
        yield running


def _verdict(prompt: str) -> str:
    return "helpful" if any(words in prompt for words in _HELPS) else "unhelpful"


@pytest.fixture
def asked_model(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Lets every model without an address of its own be asked there."""
    monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    return provider
