"""The support bot records again what the demo bundles, with its real model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evals_pipeline.sources.files import list_files, read_file
from evals_pipeline_tests.conftest import REPOSITORY

BOT = REPOSITORY / "examples" / "support_bot"


@pytest.fixture
def recorder() -> Path:
    """The interpreter that has the model; `make test-llm` installs it."""
    python = REPOSITORY / ".venv-record" / "bin" / "python"
    if not python.exists():
        pytest.skip("no .venv-record here: make test-llm installs the model")
    return python


@pytest.mark.llm
@pytest.mark.timeout(400)
def test_a_new_recording_is_whole_and_can_be_read(recorder: Path, tmp_path: Path) -> None:
    subprocess.run([recorder, BOT / "record.py", "--sessions", "2", "--out", tmp_path], check=True)

    subprocess.run([recorder, BOT / "check_traces.py", tmp_path], check=True)
    batches = [batch for file in list_files(str(tmp_path)).files for batch in read_file(file)]

    assert sum(batch.spans.num_rows for batch in batches) > 10
    assert not [problem for batch in batches for problem in batch.problems]
