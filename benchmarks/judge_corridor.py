"""A task with one judge, lake to committed results: what the corridor adds to the calls themselves."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.judge_mock import Mock
from benchmarks.judge_rows import CHOICES, TEMPLATE
from benchmarks.meter import Meter, run_child, show
from benchmarks.spans import DAY, PROJECT, fill_lake, make_project
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.inputs import select_inputs
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.ledger.ledger import RunKey

LATENCY_MS = 50


def main(*, quick: bool = False) -> None:
    """Print rows a second and CPU a row, selection and commit included."""
    for in_flight, count in ((20, 400), (100, 2_000)) if quick else ((20, 4_000), (100, 10_000)):
        with Mock(latency_ms=LATENCY_MS) as mock, tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "project"
            _make_project(folder, mock, in_flight)
            with opened(folder) as here:
                fill_lake(here, count)
            child = run_child("-m", "benchmarks.judge_corridor", str(folder))
        ideal = in_flight / LATENCY_MS * 1000
        rate = child.report["evaluated"] / child.report["wall"]
        cpu_ms = child.report["cpu"] / count * 1000
        show(f"{in_flight} in flight", rows=count, rows_per_s=rate, share_of_ideal=rate / ideal, cpu_ms_per_row=cpu_ms)


def _make_project(folder: Path, mock: Mock, in_flight: int) -> None:
    """The spans' project with a task of one judge."""
    make_project(folder)
    price = {"input": 0.15, "output": 0.6}
    model = {"name": "gpt-4o-mini", "base_url": mock.base_url, "max_in_flight": in_flight, "price": price}
    judge = {"name": "tone", "kind": "judge", "template": TEMPLATE, "choices": CHOICES, "model": model}
    (folder / "evaluators").mkdir()
    (folder / "evaluators" / "tone.yaml").write_text(yaml.safe_dump(judge))
    checks = folder / "tasks" / "checks.yaml"
    use = {"evaluator": "tone", "mapping": {"input": "name", "output": "attributes.output.value"}}
    (folder / "tasks" / "tones.yaml").write_text(
        yaml.safe_dump({**yaml.safe_load(checks.read_text()), "evaluators": [use], "name": "tones"})
    )
    checks.unlink()


def walk(folder: Path) -> None:
    """Select, judge and commit the day; print the cost as JSON."""
    plan = read_catalog(folder).task("tones")
    key = RunKey("judge_corridor", PROJECT, "tones", DAY)
    with opened(folder) as here, Meter() as meter:
        select_inputs(here, plan, key, Overrides(), now=datetime.now(UTC))
        found = evaluate_inputs(here, plan, key, now=lambda: datetime.now(UTC))
    evaluated = found.counts["tone"].get(Outcome.EVALUATED, 0)
    print(json.dumps({"wall": meter.wall, "cpu": meter.cpu, "evaluated": evaluated}))


if __name__ == "__main__":
    walk(Path(sys.argv[1]))
