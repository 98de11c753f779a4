"""Judge calls beside the ideal, which is calls in flight divided by latency, and beside what bare aiohttp reaches."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.judge_asking import Work, ledger_folder, run
from benchmarks.judge_mock import Mock, Watch
from benchmarks.judge_peers import client
from benchmarks.meter import show
from benchmarks.peers.environment import peer_python

TARGET = 0.95


@dataclass(frozen=True, slots=True)
class Pace:
    """So many calls in flight at a provider that takes so long; `rounds` are measured and their medians told."""

    latency_ms: float
    in_flight: int
    rows: int
    rounds: int

    @property
    def ideal(self) -> float:
        """Calls a second."""
        return self.in_flight / self.latency_ms * 1000


def main(*, quick: bool = False) -> None:
    """Print shares of the ideal: over the whole run, over its middle, and what bare aiohttp reaches just then."""
    rows = 1_000 if quick else 4_000
    python = peer_python()
    for pace in (Pace(50, 20, rows, 1 if quick else 3), Pace(1_000, 200, rows, 1)):
        rounds = [(*_ours(pace), _bare(python, pace)) for _ in range(pace.rounds)]
        whole, middle, bare = ([round(share, 3) for share in shares] for shares in zip(*rounds, strict=True))
        show(
            f"{pace.latency_ms:g} ms, {pace.in_flight} in flight",
            rows=pace.rows,
            ideal_rows_per_s=pace.ideal,
            share_of_ideal=median(whole),
            share_in_the_middle=median(middle),
            bare_aiohttp=median(bare),
            all_shares=whole,
            all_bare=bare,
            target=TARGET,
        )


def _ours(pace: Pace) -> tuple[float, float]:
    with Mock(latency_ms=pace.latency_ms) as mock, ledger_folder() as folder, Watch(mock) as watch:
        child = run(Work(mock.base_url, folder, pace.rows, pace.in_flight))
    ends = child.report["ended_at"] - watch.looks[0].at
    wall = child.report["wall"]
    middle, _ = watch.between(ends - wall * 0.9, ends - wall * 0.1)
    return pace.rows / wall / pace.ideal, middle / pace.ideal


def _bare(python: str | None, pace: Pace) -> float:
    """Where the machine is busy nobody reaches the ideal; this says how near one could come."""
    if python is None:
        return float("nan")
    with Mock(latency_ms=pace.latency_ms) as mock:
        wall: float = client(python, "aiohttp", mock, pace.in_flight, pace.rows)["wall"]
    return pace.rows / wall / pace.ideal
