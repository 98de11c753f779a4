"""Two tasks in two processes on one ledger, against one limit: together they keep it, and each gets its half."""

from __future__ import annotations

from benchmarks.judge_asking import Work, ledger_folder, running
from benchmarks.judge_mock import Mock, Watch
from benchmarks.meter import show

LATENCY_MS = 200
IN_FLIGHT = 100
LIMIT = 100


def main(*, quick: bool = False) -> None:
    """Print what both used of the limit, what was refused, and the share that each got, after a warm-up."""
    warm_up, seconds = (5, 7) if quick else (10, 40)
    ends = warm_up + seconds
    with Mock(latency_ms=LATENCY_MS, limit_rps=LIMIT) as mock, ledger_folder() as folder:
        works = [
            Work(mock.base_url, folder, LIMIT * ends * 2, IN_FLIGHT, ends + 3, task, first, warm_up=1)
            for task, first in (("tone_of_day", 0), ("tone_of_night", 1_000_000))
        ]
        with Watch(mock) as watch, running(*works) as children:
            pass
        peak = mock.stats()["peak_concurrency"]
    began = next(look.at for look in watch.looks if look.answered)
    starts = began - watch.looks[0].at
    rate, refused = watch.between(starts + warm_up, starts + ends)
    counts = [_within(child.result().report["arrived"], began + warm_up, began + ends) for child in children]
    show(
        f"two tasks, {LIMIT} requests a second allowed",
        seconds=seconds,
        share_of_limit=rate / LIMIT,
        refused=refused,
        shares=[round(count / max(1, sum(counts)), 3) for count in counts],
        most_in_flight=peak,
        allowed_in_flight=IN_FLIGHT,
    )


def _within(arrived: dict[str, int], start: float, end: float) -> int:
    return sum(count for second, count in arrived.items() if start <= int(second) < end)
