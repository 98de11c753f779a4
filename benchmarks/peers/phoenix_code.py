"""The trivial evaluator of `custom_rows` through `phoenix.evals`; runs in the peers' environment, prints JSON."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from importlib.metadata import version

import pandas as pd
from phoenix.evals import Score, create_evaluator, evaluate_dataframe


@create_evaluator(name="is_long", kind="code")
def is_long(text: str) -> Score:
    """Whether the text is longer than 100 characters."""
    found = len(text) > 100
    return Score(score=1.0 if found else 0.0, label="long" if found else "short")


def main() -> None:
    """Judge the first rows of the Parquet file that is named and print the cost as JSON."""
    frame = pd.read_parquet(sys.argv[1]).head(int(sys.argv[2]))
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = evaluate_dataframe(dataframe=frame, evaluators=[is_long], hide_tqdm_bar=True)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scores = result["is_long_score"].map(lambda value: value if isinstance(value, dict) else json.loads(value))
    true = int(sum(score["label"] == "long" for score in scores))
    print(
        json.dumps(
            {"version": version("arize-phoenix-evals"), "rows": len(frame), "wall": wall, "cpu": cpu, "true": true}
        )
    )


if __name__ == "__main__":
    main()
