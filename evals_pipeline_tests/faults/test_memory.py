"""A day that does not fit in memory."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.installation import Settings
from evals_pipeline_tests.builders import project_folder, span, verdicts, walk

LIMIT = "500MB"
TEXT_BYTES = 250_000
SPANS = 3_000


@pytest.mark.slow
def test_a_day_larger_than_the_memory_limit_is_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALS_MEMORY_LIMIT", LIMIT)
    assert Settings.of(tmp_path).memory_limit == LIMIT
    found = [span(f"{n:016x}", **{c.OUTPUT_VALUE: _text(n)}) for n in range(SPANS)]

    walked = walk(project_folder(tmp_path, found))

    assert walked.counts == {"json_parseable": {"evaluated": SPANS}}
    assert sum(label == "parseable" for label in verdicts(tmp_path).values()) == SPANS / 2


def _text(number: int) -> str:
    """Text that does not compress; every second one is JSON."""
    noise = Random(number).randbytes(TEXT_BYTES // 2).hex()
    return json.dumps({"text": noise}) if number % 2 else f"text: {noise}"
