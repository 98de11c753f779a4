"""CPU time of one judge call, everything included, beside bare aiohttp and the openai SDK with the same request."""

from __future__ import annotations

from statistics import median

from benchmarks.judge_asking import Work, ledger_folder, run
from benchmarks.judge_mock import Mock
from benchmarks.judge_peers import client
from benchmarks.meter import show, spinning_ns
from benchmarks.peers.environment import peer_python

IN_FLIGHT = 200
LATENCY_MS = 50
TARGET_MS = 1.5

PEERS = ("aiohttp", "openai-aiohttp", "openai")


def main(*, quick: bool = False) -> None:
    """Print milliseconds a call, medians of rounds in which all take turns."""
    rows, rounds = (1_000, 1) if quick else (4_000, 5)
    python = peer_python()
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    versions = {}
    with Mock(latency_ms=LATENCY_MS) as mock:
        for _ in range(rounds):
            ours.append(_ours(mock, rows) / rows * 1000)
            for kind in PEERS if python else ():
                peer = client(str(python), kind, mock, IN_FLIGHT, rows)
                theirs.setdefault(kind, []).append(peer["cpu"] / rows * 1000)
                versions[kind] = peer["version"]
    show("evals_pipeline", **_told(ours), rows=rows, limit_ms=TARGET_MS, loop_ns=spinning_ns())
    for kind, each in theirs.items():
        show(kind, version=versions[kind], **_told(each), ours_is_times=median(ours) / median(each))


def _ours(mock: Mock, rows: int) -> float:
    with ledger_folder() as folder:
        child = run(Work(mock.base_url, folder, rows, IN_FLIGHT, warm_up=IN_FLIGHT))
    if child.report["said"] != {"Answer": rows}:
        raise SystemExit(f"not all rows were judged: {child.report['said']}, {child.report['error']}")
    cpu: float = child.report["cpu"]
    return cpu


def _told(each: list[float]) -> dict[str, object]:
    return {"cpu_ms_per_call": median(each), "all_ms": [round(ms, 2) for ms in each]}
