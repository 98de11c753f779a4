"""The peers of the judge benchmarks: the same rows and requests, in processes of the peers' own environment."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.judge_mock import Mock
from benchmarks.judge_rows import CHOICES, TEMPLATE, questions, rows, tone_judge
from benchmarks.meter import run_child
from evals_pipeline.llm.forms import fields

_SCRIPTS = Path(__file__).parent / "peers"


def client(python: str, kind: str, mock: Mock, in_flight: int, count: int) -> dict[str, Any]:
    """What `kind` reports of the requests that our judge sends for the first `count` rows.

    `kind` is `aiohttp`, `openai` or `openai-aiohttp`; the report has `wall` and `cpu` in seconds and `version`.
    """
    form = fields("json_schema", tuple(CHOICES), True)
    judge = tone_judge(mock.base_url, in_flight)
    same = {"model": judge.model.name, "temperature": 0, "max_completion_tokens": 300, **form}
    asked = [question for batch in questions(judge, count) for _, question in batch]
    bodies = [{**same, "messages": [dict(message) for message in question.messages]} for question in asked]
    return _run(python, "judge_clients.py", bodies, kind, mock.base_url, str(in_flight))


def phoenix(
    python: str, mock: Mock, in_flight: int, count: int, *, is_limited: bool = False, give_up_seconds: float = 600
) -> dict[str, Any]:
    """What `phoenix.evals` reports of the first `count` rows: `wall`, `cpu`, `judged`, `has_ended` and `version`.

    `is_limited` leaves its rate limiter as it comes; else it is lifted.
    """
    work = {
        "template": TEMPLATE,
        "choices": CHOICES,
        "rows": list(rows(count)),
        "is_limited": is_limited,
        "give_up_seconds": give_up_seconds,
    }
    return _run(python, "phoenix_judge.py", work, mock.base_url, str(in_flight))


def _run(python: str, script: str, work: object, *arguments: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "work.json"
        path.write_text(json.dumps(work))
        return run_child(str(_SCRIPTS / script), *arguments, str(path), python=python).report
