"""The same five checks through `phoenix.evals.evaluate_dataframe`; runs in the peers' environment, prints JSON."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import time
from importlib.metadata import version

import pandas as pd
from phoenix.evals import create_evaluator, evaluate_dataframe

PATTERN = re.compile("ORD-[0-9]{6}")


@create_evaluator(name="json_parseable", kind="code")
def json_parseable(text: str) -> bool:
    """Whether it is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@create_evaluator(name="matches_regex", kind="code")
def matches_regex(text: str) -> bool:
    """Whether it holds an order number."""
    return PATTERN.search(text) is not None


@create_evaluator(name="contains_any_keyword", kind="code")
def contains_any_keyword(text: str) -> bool:
    """Whether it holds one of the words, in any case."""
    lowered = text.lower()
    return any(word in lowered for word in ("refund", "chargeback", "pay back"))


@create_evaluator(name="contains_all_keywords", kind="code")
def contains_all_keywords(text: str) -> bool:
    """Whether it holds all of the words, in any case."""
    lowered = text.lower()
    return all(word in lowered for word in ("order", "ticket"))


@create_evaluator(name="exact_match", kind="code")
def exact_match(text: str) -> bool:
    """Whether it is the word none."""
    return text == "none"


EVALUATORS = [json_parseable, matches_regex, contains_any_keyword, contains_all_keywords, exact_match]


def main() -> None:
    """Judge the rows of the Parquet file that is named and print the cost as JSON."""
    frame = pd.read_parquet(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = evaluate_dataframe(dataframe=frame, evaluators=EVALUATORS, hide_tqdm_bar=True)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scores = {
        e.name: result[f"{e.name}_score"].map(lambda value: value if isinstance(value, dict) else json.loads(value))
        for e in EVALUATORS
    }
    true = {name: int(sum(score["score"] == 1 for score in of)) for name, of in scores.items()}
    report = {
        "version": version("arize-phoenix-evals"),
        "rows": len(frame),
        "calls": len(frame) * len(EVALUATORS),
        "wall": wall,
        "cpu": cpu,
        "true": true,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
