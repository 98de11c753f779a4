"""A provider's limit that is cut and raised while a run is under way: seconds until the run has adapted."""

from __future__ import annotations

import time

from benchmarks.judge_asking import Work, ledger_folder, running
from benchmarks.judge_mock import Mock, Watch
from benchmarks.meter import show

LATENCY_MS = 200
IN_FLIGHT = 100
HIGH, LOW = 200, 50
LIMIT_SECONDS = 10


def main(*, quick: bool = False) -> None:
    """Print seconds until answers come at 90% of the new limit, until refusals are under 1%, and what came after."""
    seconds = 12 if quick else 30
    changes = [(LOW, "cut"), (HIGH, "raised")] * (1 if quick else 3)
    with Mock(latency_ms=LATENCY_MS, limit_rps=HIGH) as mock, ledger_folder() as folder:
        work = Work(
            mock.base_url,
            folder,
            HIGH * seconds * 2 * len(changes),
            IN_FLIGHT,
            seconds=seconds * (len(changes) + 1) + 5,
            warm_up=1,
        )
        with running(work):
            _phase(mock, HIGH, seconds, "found out")
            for limit, what in changes:
                mock.change(latency_ms=LATENCY_MS, limit_rps=limit)
                _phase(mock, limit, seconds, what)


def _phase(mock: Mock, limit: int, seconds: int, what: str) -> None:
    while not mock.seen().answered:
        time.sleep(0.05)
    with Watch(mock) as watch:
        time.sleep(seconds)
    reached = watch.reached_after(limit)
    calm = None if reached is None else watch.calm_after(reached)
    rate, refused = watch.between(seconds / 2, seconds)
    show(
        f"limit of {limit} a second {what}",
        reached_after_s="never" if reached is None else reached,
        calm_after_s="never" if calm is None else calm,
        limit_s=LIMIT_SECONDS,
        share_of_limit_in_second_half=rate / limit,
        refused_in_second_half=refused,
    )
