"""A provider's token bucket and runs that share it, in virtual time: a minute of theirs takes a moment."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from evals_pipeline.llm.governor import STEP_SECONDS, Governor
from evals_pipeline.llm.limits import LEAST_PACE, Pace
from evals_pipeline.llm.refusals import Seen

TICK_SECONDS = 0.3


@dataclass
class Bucket:
    """Admits `rate` requests a second, holds a second's worth, and refuses a share at random besides."""

    rate: float | None
    noise: float = 0.0
    level: float = 1.0
    filled: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def admits(self, now: float) -> bool:
        if self.rate:
            self.level = min(self.rate, self.level + (now - self.filled) * self.rate)
            self.filled = now
            if self.level < 1:
                return False
            self.level -= 1
        return self.random.random() >= self.noise


@dataclass
class Run:
    pace: Pace = field(default_factory=Pace)
    in_flight: int = 0
    sent: int = 0
    refused: int = 0
    posted: tuple[int, int] = (0, 0)
    fallback: float | None = None
    is_blind: bool = False
    has_fallen: bool = False
    word: tuple[float, int, int] = (0.0, 0, 0)
    heard: float = -1.0
    wakes: float = -1.0

    def allow(self, governor: Governor, runs: int, now: float) -> None:
        if not (self.has_fallen and self.heard == governor.at):
            self.pace.change(governor.pace and governor.pace / runs, now)
            self.word, self.has_fallen = (now, self.sent, self.refused), False
        self.fallback = governor.fallback and governor.fallback / runs
        self.is_blind, self.heard = governor.is_blind, governor.at

    def fall(self, now: float) -> None:
        pace = self.fallback
        if self.is_blind:
            at, sent, refused = self.word
            pace = max(pace or LEAST_PACE, (self.sent - sent - self.refused + refused) / max(now - at, 0.01))
        if pace is not None and (self.pace.rate is None or pace < self.pace.rate):
            self.pace.change(pace, now)
            self.has_fallen = True


class Simulation:
    """Runs with more to ask than they may, against one bucket; `admitted` and `refused` hold the times of requests."""

    def __init__(self, bucket: Bucket, *, runs: int = 1, in_flight: int = 20, seed: int = 0) -> None:
        self.bucket, self.in_flight = bucket, in_flight
        self.governor = Governor()
        self.admitted: list[float] = []
        self.refused: list[float] = []
        self._runs = [Run() for _ in range(runs)]
        self._random = random.Random(seed)
        self._count = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        for number, run in enumerate(self._runs):
            self.at(number * TICK_SECONDS / runs, lambda now, run=run: self._tick(run, now))

    def at(self, when: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._count), action))

    def until(self, end: float) -> Simulation:
        while self._events[0][0] <= end:
            now, _, action = heapq.heappop(self._events)
            action(now)
        return self

    def rate(self, start: float, end: float) -> float:
        """Admitted a second."""
        return sum(start <= at < end for at in self.admitted) / (end - start)

    def share_refused(self, start: float, end: float) -> float:
        refused = sum(start <= at < end for at in self.refused)
        return refused / max(1, refused + sum(start <= at < end for at in self.admitted))

    def _tick(self, run: Run, now: float) -> None:
        before = [each.posted for each in self._runs]
        run.posted = run.sent, run.refused
        place = self._runs.index(run)
        self._gathered = [
            old + new - then
            for old, new, then in zip(getattr(self, "_gathered", [0, 0]), run.posted, before[place], strict=True)
        ]
        if now - self.governor.at >= STEP_SECONDS:
            sent, refused = self._gathered
            self.governor = self.governor.after(Seen(sent, refused, 1.0 if refused else 0.0), now)
            self._gathered = [0, 0]
        run.allow(self.governor, len(self._runs), now)
        self.at(now + TICK_SECONDS * self._random.uniform(0.95, 1.05), lambda at: self._tick(run, at))
        self._send(run, now)

    def _send(self, run: Run, now: float) -> None:
        while run.in_flight < self.in_flight:
            if (wait := run.pace.wait(now)) > 0:
                if run.wakes <= now or run.wakes > now + wait:
                    run.wakes = now + wait
                    self.at(run.wakes + self._random.uniform(0, 0.001), lambda at: self._send(run, at))
                return
            run.pace.take(1, now)
            run.in_flight += 1
            run.sent += 1
            is_admitted = self.bucket.admits(now)
            (self.admitted if is_admitted else self.refused).append(now)
            takes = (0.05 if is_admitted else 0.004) * self._random.uniform(0.5, 1.5)
            self.at(now + takes, lambda at, ok=is_admitted: self._ended(run, ok, at))

    def _ended(self, run: Run, is_admitted: bool, now: float) -> None:
        run.in_flight -= 1
        if not is_admitted:
            run.refused += 1
            run.fall(now)
        self._send(run, now)
