"""What a preview shows is what a run judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.previewing import preview_task
from evals_pipeline_tests.builders import project_folder, span, verdicts, walk, write_task

PATHS = ["start_time", "end_time", "latency_ms", c.TOKENS_TOTAL, c.METADATA, "attributes.metadata.answer"]


@pytest.mark.parametrize("path", PATHS)
def test_a_preview_shows_the_very_text_that_a_run_judges(tmp_path: Path, path: str) -> None:
    given = [span(**{c.TOKENS_TOTAL: 42, c.METADATA: '{"answer": 1.50}'})]
    folder = project_folder(tmp_path, given, format=_task(path, "json_parseable"))
    walk(folder)
    with opened(folder) as here:
        ((_, shown),) = preview_task(here, read_catalog(folder).task("format")).variables["json_parseable"][0].examples
    write_task(folder, "exact", _task(path, "exact_match", expected=shown))

    walk(folder, "exact", run_id="second")

    assert [label for (name, _), label in verdicts(folder).items() if name == "exact_match"] == ["match"]


def _task(path: str, evaluator: str, **parameters: str | None) -> str:
    use = {"evaluator": evaluator, "parameters": parameters, "mapping": {"text": path}}
    return json.dumps({"project": "shop", "evaluators": [use]})
