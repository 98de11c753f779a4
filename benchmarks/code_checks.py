"""Five prebuilt checks, lake to committed results, beside `phoenix.evals.evaluate_dataframe` on the same rows."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.meter import Child, Meter, run_child, show
from benchmarks.peers.environment import peer_python
from benchmarks.spans import DAY, PROJECT, fill_lake, make_project
from evals_pipeline.core.sql import literal
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.inputs import select_inputs
from evals_pipeline.engine.installation import Installation, opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.lake.tables import SPANS
from evals_pipeline.ledger.ledger import RunKey

CHECKS = 5
PEER_ROWS = 4_000


def main(spans: int = 1_000_000, rounds: int = 3) -> None:
    """Print evaluations per second and the ratio to the peer per CPU second."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        make_project(folder)
        with opened(folder) as here:
            fill_lake(here, spans)
            rows = folder / "rows.parquet"
            _export(here, rows)
        children = [_round(folder, number) for number in range(rounds)]
        children.sort(key=lambda child: child.report["wall"])
        median = children[len(children) // 2]
        wall, cpu = median.report["wall"], median.report["cpu"]
        show(
            "evals_pipeline",
            spans=spans,
            checks=CHECKS,
            wall_s=wall,
            cpu_s=cpu,
            evaluations_per_s=spans * CHECKS / wall,
            peak_MiB=median.peak_mib,
        )
        _beside_peer(rows, spans * CHECKS / cpu)


def _round(folder: Path, number: int) -> Child:
    """One first evaluation of the day: nothing but spans is in the lake before."""
    state = folder / ".evals"
    for table in ("evaluator_inputs", "evaluation_results"):
        shutil.rmtree(state / "lake" / table, ignore_errors=True)
    for file in state.glob("ledger.db*"):
        file.unlink()
    return run_child("-m", "benchmarks.code_checks", "--walk", str(folder), f"round{number}")


def _beside_peer(rows: Path, ours: float) -> None:
    python = peer_python()
    if python is None:
        return
    peer = run_child(str(Path(__file__).parent / "peers" / "phoenix_checks.py"), str(rows), python=python).report
    theirs = peer["calls"] / peer["cpu"]
    show(
        "phoenix.evals",
        version=peer["version"],
        rows=peer["rows"],
        evaluations_per_s=peer["calls"] / peer["wall"],
        evaluations_per_cpu_s=theirs,
    )
    show("ratio per CPU second", ours=ours, theirs=theirs, times=ours / theirs, target=200)
    show("same verdicts", **{name: f"{count} true of {peer['rows']}" for name, count in peer["true"].items()})


def _export(here: Installation, target: Path) -> None:
    """The first rows as the peer sees them."""
    with here.connect() as connection:
        snapshot = here.lake.snapshot(SPANS)
        relation = snapshot.relation(snapshot.files[:1])
        rows = f'SELECT "context.span_id", "attributes.output.value" AS text FROM {relation} LIMIT {PEER_ROWS}'
        connection.execute(f"COPY ({rows}) TO {literal(str(target))} (FORMAT parquet)")


def walk(folder: Path, run_id: str) -> None:
    """Select, evaluate and commit the day; print the cost as JSON."""
    plan = read_catalog(folder).task("checks")
    key = RunKey(run_id, PROJECT, "checks", DAY)
    with opened(folder) as here, Meter() as meter:
        select_inputs(here, plan, key, Overrides(), now=datetime.now(UTC))
        evaluated = evaluate_inputs(here, plan, key, now=lambda: datetime.now(UTC))
    print(json.dumps({"wall": meter.wall, "cpu": meter.cpu, "rows": evaluated.rows}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--walk"]:
        walk(Path(sys.argv[2]), sys.argv[3])
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("--spans", type=int, default=1_000_000)
        main(parser.parse_args().spans)
