"""A tenth of all requests refused at random, each with `Retry-After: 1`: how much longer than the ideal that takes."""

from __future__ import annotations

from benchmarks.judge_asking import Work, ledger_folder, run
from benchmarks.judge_mock import Mock
from benchmarks.judge_peers import phoenix
from benchmarks.meter import show
from benchmarks.peers.environment import peer_python

LATENCY_MS = 50
IN_FLIGHT = 20
LIMIT = 3
REFUSED = {"p429": 0.1, "retry_after": 1}

PEER_ROWS = 300
PEER_IN_FLIGHT = 100
PEER_SECONDS = 112
"""What the peer took when it was measured for the project's start; 500 rows had not ended after 400 s."""


def main(*, quick: bool = False, with_slow_peer: bool = False) -> None:
    """Print the time it took as a multiple of the ideal."""
    count = 2_000 if quick else 6_000
    with Mock(latency_ms=LATENCY_MS, **REFUSED) as mock, ledger_folder() as folder:
        child = run(Work(mock.base_url, folder, count, IN_FLIGHT))
        kinds = mock.stats()["by_kind"]
    times = child.report["wall"] / (count * LATENCY_MS / 1000 / IN_FLIGHT)
    told = {"said": child.report["said"], "refused": kinds["429"] / sum(kinds.values())}
    show("evals_pipeline", rows=count, wall_s=child.report["wall"], times_the_ideal=times, limit=LIMIT, **told)
    _show_peer(with_slow_peer)


def _show_peer(is_measured: bool) -> None:
    ideal = PEER_ROWS * LATENCY_MS / 1000 / PEER_IN_FLIGHT
    python = peer_python() if is_measured else None
    if python is None:
        show("phoenix.evals, measured once", rows=PEER_ROWS, wall_s=PEER_SECONDS, times_the_ideal=PEER_SECONDS / ideal)
        return
    with Mock(latency_ms=LATENCY_MS, **REFUSED) as mock:
        peer = phoenix(python, mock, PEER_IN_FLIGHT, PEER_ROWS)
    wall = peer["wall"]
    about = {"version": peer["version"], "has_ended": peer["has_ended"], "judged": peer["judged"]}
    show("phoenix.evals", rows=PEER_ROWS, wall_s=wall, times_the_ideal=wall / ideal, **about)
