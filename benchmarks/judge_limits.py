"""A provider that really limits requests, by a limit that nobody was told: how much of it is used, what is refused."""

from __future__ import annotations

from benchmarks.judge_asking import Work, ledger_folder, running
from benchmarks.judge_mock import Mock, Watch
from benchmarks.meter import show

LATENCY_MS = 200
IN_FLIGHT = 100
TARGETS = {"target_share": 0.95, "limit_refused": 0.005}


def main(*, quick: bool = False) -> None:
    """Print the share of the limit that was reached, and of requests that were refused, in steady state."""
    warm_up, seconds = (5, 7) if quick else (10, 60)
    for limit in (50, 200):
        ends = warm_up + seconds
        with Mock(latency_ms=LATENCY_MS, limit_rps=limit) as mock, ledger_folder() as folder:
            work = Work(mock.base_url, folder, limit * ends * 2, IN_FLIGHT, seconds=ends + 3, warm_up=1)
            with Watch(mock) as watch, running(work):
                pass
        starts = next(look.at for look in watch.looks if look.answered) - watch.looks[0].at
        rate, refused = watch.between(starts + warm_up, starts + ends)
        _, refused_before = watch.between(starts, starts + warm_up)
        show(
            f"{limit} requests a second allowed",
            seconds=seconds,
            share_of_limit=rate / limit,
            refused=refused,
            refused_while_warming_up=refused_before,
            **TARGETS,
        )
