"""How a limit is divided: evenly between tasks, then between a task's runs; what one does not need goes to the others.

Max-min fairness by water-filling. Every run computes all shares from the same notices, so nobody has to assign them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run could use of a limit, and the task that it belongs to."""

    task: str
    amount: float


def filled(limit: float, wishes: Mapping[str, float]) -> dict[str, float]:
    """Name -> share: nobody gets more than the wish, and nobody less than another who wished for more."""
    shares: dict[str, float] = {}
    left = limit
    for place, (name, wish) in enumerate(sorted(wishes.items(), key=lambda item: item[1])):
        shares[name] = min(wish, left / (len(wishes) - place))
        left -= shares[name]
    return shares


def divided(limit: float, wishes: Mapping[str, Wish]) -> dict[str, float]:
    """Run -> share of `limit`, fair between tasks first; what nobody wishes for is room to grow for all."""
    by_task: dict[str, dict[str, float]] = {}
    for run, wish in wishes.items():
        by_task.setdefault(wish.task, {})[run] = wish.amount
    of_tasks = filled(limit, {task: sum(runs.values()) for task, runs in by_task.items()})
    shares = {run: share for task, runs in by_task.items() for run, share in filled(of_tasks[task], runs).items()}
    room = max(0.0, limit - sum(shares.values())) / len(shares)
    return {run: share + room for run, share in shares.items()}


def counted(limit: int, wishes: Mapping[str, Wish], turn: int) -> dict[str, int]:
    """Run -> share in whole calls, `limit` in all; who gets the odd ones changes with `turn`."""
    shares = divided(limit, wishes)
    whole = {run: int(share + 1e-9) for run, share in shares.items()}
    odd = limit - sum(whole.values())
    for run in sorted(shares, key=lambda run: zlib.crc32(f"{run} {turn}".encode()))[:odd]:
        whole[run] += 1
    return whole
