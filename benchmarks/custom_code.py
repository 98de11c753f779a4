"""A trivial custom evaluator in the sandbox, beside `phoenix.evals.evaluate_dataframe` on the same rows."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks.custom_kill import HANGING, seconds_until_nothing_is_left
from benchmarks.custom_rows import write_rows
from benchmarks.meter import Child, run_child, show
from benchmarks.peers.environment import peer_python
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits
from evals_pipeline.sandbox.settings import SandboxSettings

PEER_ROWS = 4_000


def main(quick: bool = False) -> None:
    """Print rows a second and per CPU second, with ratios, in every tier; then what a hanging row and a kill cost."""
    rows, rounds = (200_000, 1) if quick else (1_000_000, 3)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "rows.parquet"
        write_rows(file, rows)
        for tier in (1, 2, 3):
            one = _median([_child(file, 1, tier) for _ in range(rounds)])
            _show_one(one)
            if tier == 1:
                ours = one.report["rows"] / one.report["cpu"]
        _show_all_cores(
            _median([_child(file, 1) for _ in range(rounds)]), _median([_child(file, 2) for _ in range(rounds)])
        )
        _beside_peer(file, ours)
    _hang()
    _kill()


def _child(file: Path, workers: int, tier: int | None = None) -> Child:
    more = () if tier is None else (str(tier),)
    return run_child("-m", "benchmarks.custom_rows", str(file), str(workers), *more)


def _median(children: list[Child]) -> Child:
    middle = median(child.report["wall"] for child in children)
    return min(children, key=lambda child: abs(child.report["wall"] - middle))


def _show_one(child: Child) -> None:
    told = child.report
    show(
        told["sandbox"],
        rows=told["rows"],
        rows_per_s_of_a_worker=told["rows"] / told["wall"],
        times_target=told["rows"] / told["wall"] / 100_000,
        rows_per_cpu_s_all_in=told["rows"] / told["cpu"],
        rows_per_cpu_s_of_the_parent=told["rows"] / told["parent_cpu"],
        fork_server_s=told["server"],
        worker_ready_ms=told["ready"] * 1000,
    )


def _show_all_cores(one: Child, two: Child) -> None:
    show(
        "two workers beside one",
        rows_per_s=two.report["rows"] / two.report["wall"],
        times=one.report["wall"] / two.report["wall"],
        same_verdicts=one.report["true"] == two.report["true"],
    )


def _beside_peer(file: Path, ours: float) -> None:
    python = peer_python()
    if python is None:
        return
    script = Path(__file__).parent / "peers" / "phoenix_code.py"
    peer = run_child(str(script), str(file), str(PEER_ROWS), python=python).report
    theirs = peer["rows"] / peer["cpu"]
    show("phoenix.evals", version=peer["version"], rows=peer["rows"], rows_per_cpu_s=theirs)
    show("ratio per CPU second, fork server included", ours=ours, theirs=theirs, times=ours / theirs, target=50)


def _hang() -> None:
    texts = ["fine"] * 10_000
    texts[5_000] = "hang"
    limits = Limits(row_seconds=5.0)
    with Sandbox.start(SandboxSettings()) as sandbox, sandbox.session(HANGING, limits) as session:
        began = time.perf_counter()
        found = session.evaluate(pa.record_batch({"text": texts}))
        seconds = time.perf_counter() - began
    errors = [kind for kind in found.column("error_type").to_pylist() if kind]
    scored = found.num_rows - found.column("score").null_count
    show(
        "a row that never returns",
        cost_s=seconds,
        limit_s=limits.row_seconds,
        over_the_limit_s=seconds - limits.row_seconds,
        target_s=3,
        scored=scored,
        errors=errors,
    )


def _kill() -> None:
    for tier in (1, 2, 3):
        processes, seconds = seconds_until_nothing_is_left(tier)
        show(f"SIGKILL of the pipeline, tier {tier}", processes=processes, all_gone_after_s=seconds, target_s=1)
