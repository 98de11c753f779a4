"""The provider of the judge benchmarks: a mock on the loopback, in a process of its own, and what it saw over time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

MOCK = Path(__file__).parent.parent.parent / "shared" / "bench" / "mock_llm.py"

SECONDS_A_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """What the mock had answered and refused, all told, `at` so many seconds of the machine's clock since the epoch."""

    at: float
    answered: int
    refused: int


class Mock:
    """The mock as a child process; it ends with the block, or with this process."""

    def __init__(self, **options: object) -> None:
        if not MOCK.is_file():
            raise SystemExit(
                f"there is no {MOCK.name} in {MOCK.parent}\nHint: it lies beside the repository, not in it"
            )
        self._options = options

    def __enter__(self) -> Mock:
        command = [sys.executable, str(MOCK), "--port", "0", "--with-parent"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self._process.stdout.readline() if self._process.stdout else ""
        if not first.startswith("listening"):
            raise SystemExit("the mock did not start; it needs uvloop and httptools, which dagster-webserver brings")
        self._address = f"http://127.0.0.1:{first.split()[1]}"
        self.base_url = f"{self._address}/v1"
        self.change(**self._options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def change(self, **options: object) -> None:
        """Go on with these options and all others as they come, and count from nought."""
        self._call("/reset", json.dumps(options).encode())

    def stats(self) -> dict[str, Any]:
        """What it counted since `change`."""
        found: dict[str, Any] = json.loads(self._call("/stats", None))
        return found

    def seen(self) -> Seen:
        """What it counted since `change`, and when."""
        kinds = self.stats()["by_kind"]
        return Seen(time.time(), kinds.get("ok", 0), kinds.get("429", 0))

    def _call(self, path: str, body: bytes | None) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self._address + path, data=body), timeout=30) as reply:
            content: bytes = reply.read()
        return content


class Watch:
    """Looks at the mock five times a second while in the block."""

    def __init__(self, mock: Mock) -> None:
        self.looks: list[Seen] = []
        self._mock = mock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self.looks.append(self._mock.seen())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SECONDS_A_LOOK):
            self.looks.append(self._mock.seen())

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Answers a second, and the share of requests refused, from `start` to `end` seconds since the first look."""
        began = self.looks[0].at
        within = [look for look in self.looks if start <= look.at - began <= end] or self.looks
        first, last = within[0], within[-1]
        answered, refused = last.answered - first.answered, last.refused - first.refused
        return answered / max(last.at - first.at, SECONDS_A_LOOK), refused / max(1, answered + refused)

    def reached_after(self, limit: float, *, window: float = 3.0) -> float | None:
        """Seconds from the first look until `window` seconds begin with at least 90% of `limit` answers a second."""
        return next(
            (start for start in self._starts(window) if self.between(start, start + window)[0] >= 0.9 * limit), None
        )

    def calm_after(self, start: float, *, window: float = 5.0) -> float | None:
        """Seconds from the first look until, not before `start`, `window` seconds begin with at most 1% refused."""
        starts = (each for each in self._starts(window) if each >= start)
        return next((each for each in starts if self.between(each, each + window)[1] <= 0.01), None)

    def _starts(self, window: float) -> list[float]:
        seconds = self.looks[-1].at - self.looks[0].at
        return [tenth / 10 for tenth in range(int((seconds - window) * 10))]
