"""The same rows through `phoenix.evals.async_evaluate_dataframe`; runs in the peers' environment, prints JSON.

    python phoenix_judge.py BASE_URL IN_FLIGHT WORK.json

WORK.json holds `template`, `choices`, `rows`, `is_limited` (or else its rate limiter is lifted) and `give_up_seconds`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from phoenix.evals import LLM, async_evaluate_dataframe, create_classifier

LIFTED = 100_000
"""Requests a second that its limiter begins with."""


async def judged(base_url: str, in_flight: int, work: dict[str, Any]) -> dict[str, object]:
    """What the rows took, without the imports that a first row brings; `give_up_seconds` bounds it."""
    limits = {} if work["is_limited"] else {"initial_per_second_request_rate": LIFTED}
    llm = LLM(provider="openai", model="gpt-4o-mini", api_key="none", base_url=base_url, **limits)
    judge = create_classifier(name="tone", llm=llm, prompt_template=work["template"], choices=work["choices"])
    frame = pd.DataFrame(work["rows"])
    options = {"evaluators": [judge], "concurrency": in_flight, "hide_tqdm_bar": True, "exit_on_error": False}
    await async_evaluate_dataframe(dataframe=frame[:1], **options)
    wall, cpu = time.perf_counter(), time.process_time()
    judging = async_evaluate_dataframe(dataframe=frame, **options)
    try:
        result = await asyncio.wait_for(judging, work["give_up_seconds"])
        found = {"has_ended": True, "judged": int(result["tone_score"].notna().sum())}
    except TimeoutError:
        found = {"has_ended": False, "judged": 0}
    return {**found, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main() -> None:
    """Judge the rows of the file that is named and print the cost as JSON."""
    base_url, in_flight, path = sys.argv[1:]
    work = json.loads(Path(path).read_text())
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        report = asyncio.run(judged(base_url, int(in_flight), work))
    print(json.dumps({"version": version("arize-phoenix-evals"), **report}))


if __name__ == "__main__":
    main()
