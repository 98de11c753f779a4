"""Rows a second beside `phoenix.evals.async_evaluate_dataframe`: same mock, same rows, as many calls in flight."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.judge_asking import Work, ledger_folder, run
from benchmarks.judge_mock import Mock
from benchmarks.judge_peers import phoenix
from benchmarks.meter import show
from benchmarks.peers.environment import peer_python

LATENCY_MS = 50
TARGET = 10

LIMITED_ROWS = 200
"""For the peer with its limiter as it comes, at some 9 rows a second."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Rows a second, and milliseconds of CPU a row."""

    rate: float
    cpu_ms: float

    @classmethod
    def of(cls, report: dict[str, Any], judged: int) -> Speed:
        """From what a process reports."""
        return cls(judged / report["wall"], report["cpu"] / judged * 1000)


def main(*, quick: bool = False) -> None:
    """Print both and their ratio, medians of rounds in turn, the peer's rate limiter lifted; then as it comes."""
    python = peer_python()
    for in_flight, count in ((20, 200), (100, 500)) if quick else ((20, 1_000), (100, 4_000), (200, 4_000)):
        ours, theirs = [], []
        for _ in range(1 if quick else 3):
            ours.append(_ours(in_flight, count))
            theirs += [_phoenix(python, in_flight, count)] if python else []
        _show(in_flight, count, ours, theirs)
    if python and not quick:
        limited = _phoenix(python, 20, LIMITED_ROWS, is_limited=True)
        show("phoenix.evals with its limiter as it comes, 20 in flight", rows=LIMITED_ROWS, rows_per_s=limited.rate)


def _show(in_flight: int, count: int, ours: list[Speed], theirs: list[Speed]) -> None:
    most = in_flight / LATENCY_MS * 1000
    show(f"evals_pipeline, {in_flight} in flight", rows=count, **_told(ours), most_possible=most)
    if theirs:
        times = median(speed.rate for speed in ours) / median(speed.rate for speed in theirs)
        cpu_times = median(speed.cpu_ms for speed in theirs) / median(speed.cpu_ms for speed in ours)
        show(f"phoenix.evals, {in_flight} in flight", rows=count, **_told(theirs))
        show("ratio", times=times, target=TARGET, times_per_cpu_second=cpu_times)


def _told(speeds: list[Speed]) -> dict[str, object]:
    rates = sorted(speed.rate for speed in speeds)
    cpu_ms = median(speed.cpu_ms for speed in speeds)
    return {"rows_per_s": median(rates), "all": [round(rate) for rate in rates], "cpu_ms_per_row": cpu_ms}


def _ours(in_flight: int, count: int) -> Speed:
    with Mock(latency_ms=LATENCY_MS) as mock, ledger_folder() as folder:
        report = run(Work(mock.base_url, folder, count, in_flight)).report
    return Speed.of(report, report["said"]["Answer"])


def _phoenix(python: str, in_flight: int, count: int, *, is_limited: bool = False) -> Speed:
    with Mock(latency_ms=LATENCY_MS) as mock:
        report = phoenix(python, mock, in_flight, count, is_limited=is_limited)
    return Speed.of(report, report["judged"])
