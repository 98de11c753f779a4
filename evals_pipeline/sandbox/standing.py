"""What one evaluator has got itself into in a run, over all of its workers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TypeAlias

from evals_pipeline.sandbox.channel import LostWorkerError
from evals_pipeline.sandbox.program import Limits

Told: TypeAlias = tuple[str, str]
"""Class and text of an error."""


@dataclass(slots=True)
class Standing:
    """What an evaluator has got itself into; sessions of one run share it.

    Attributes:
        strikes: Workers that it cost.
        verdict: Class and text of the error that all further rows have.
    """

    strikes: int = 0
    verdict: Told | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lose(self, error: LostWorkerError, limits: Limits) -> None:
        """Count a lost worker, and draw the line where there were too many."""
        with self._lock:
            self.strikes += 1
            if error.error_type == "ProtocolError":
                self._condemn(error.told)
            elif self.strikes >= limits.strikes:
                text = f"the evaluator was stopped: it cost {self.strikes} workers, at last with {error.error_type}"
                self._condemn(("SandboxStopped", text))

    def condemn(self, verdict: Told) -> None:
        """Give all further rows this error, unless they have one already."""
        with self._lock:
            self._condemn(verdict)

    def _condemn(self, verdict: Told) -> None:
        self.verdict = self.verdict or verdict
