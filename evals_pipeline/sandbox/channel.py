"""One worker as the pipeline sees it: pipes, patience and an end.

Nothing here waits without a limit, and nothing that a worker does gets further than a `LostWorkerError`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from evals_pipeline.sandbox.frames import OUT_OF_MEMORY, Frame, Incoming, Kind, ViolationError, header
from evals_pipeline.sandbox.pipes import LOG_BYTES, PIPE_BYTES, Log, Pipes

GRACE_SECONDS = 0.5
"""What a worker may take beyond its time: to be scheduled, to pass results on."""

_LOOK_SECONDS = 0.1
_LEAVING_SECONDS = 0.2
_LAST_READS = 4


class LostWorkerError(Exception):
    """A worker had to be given up; its class and text are for the row that it was at.

    Attributes:
        error_type: `TimeoutError`, `MemoryError`, `WorkerCrashed`, `ProtocolError` or `InvalidResult`.
    """

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type

    @property
    def told(self) -> tuple[str, str]:
        """Class and text, as a row shows them."""
        return self.error_type, str(self)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended: its exit status, or the negative number of a signal; whether it had to be killed."""

    status: int
    was_killed: bool


class Patience:
    """How long a worker may go without a sign of life: a frame, or a row begun."""

    def __init__(self, seconds: float, begun: Callable[[], int], rows: int) -> None:
        self._seconds = seconds
        self._begun = begun
        self._rows = rows
        self._seen = 0
        self.renew()

    def renew(self) -> None:
        """Start again."""
        self._until = monotonic() + self._seconds

    def left(self) -> float:
        """Seconds that are left; negative when it is over."""
        begun = self._begun()
        if self._seen < begun <= self._rows:  # it cannot buy more time than its rows have
            self._seen = begun
            self.renew()
        return self._until - monotonic()


class Channel:
    """Talks to one worker.

    Args:
        pipes: To the worker; the channel closes them.
        end: Waits so many seconds for the worker to end, then kills it.
        log: Takes what it prints.
    """

    def __init__(self, pipes: Pipes, end: Callable[[float], Ending], log: Log) -> None:
        self._pipes = pipes
        self._end = end
        self._log = log
        self._ending: Ending | None = None
        self._is_ending = threading.Lock()
        self._incoming = Incoming(pipes.results)
        self._unsent = memoryview(b"")
        self._poll = select.poll()
        self._poll.register(pipes.results, select.POLLIN)
        self._poll.register(pipes.log, select.POLLIN)

    def begun(self) -> int:
        """The row of the batch, from 1, that the worker says it is at; it may say anything."""
        return int.from_bytes(os.pread(self._pipes.progress, 8, 0), sys.byteorder)

    def send(self, kind: Kind, number: int, payload: bytes) -> None:
        """Begin to send a frame; `frames` goes on with it as the worker takes it."""
        os.pwrite(self._pipes.progress, bytes(8), 0)
        self._unsent = memoryview(header(kind, len(payload), number) + payload)
        self._poll.register(self._pipes.rows, select.POLLOUT)

    def answer(self, seconds: float, what: str) -> Frame:
        """What a worker says before its first batch; as in `frames`."""
        return next(self.frames(seconds, what))

    def frames(self, seconds: float, what: str, *, number: int = 0, rows: int = 0) -> Iterator[Frame]:
        """What comes back, for as long as it is asked for.

        Args:
            seconds: Wall time that the worker may go without a sign of life, a bit of grace not counted.
            what: What took too long, if it does.
            number: Of the batch; whatever comes must have it.
            rows: Of the batch; a row begun is a sign of life.

        Raises:
            LostWorkerError: The worker is stuck, gone, or says what it must not.
        """
        patience = Patience(seconds + GRACE_SECONDS, self.begun, rows)
        is_over = False
        while not is_over:
            left = patience.left()
            # What is there already came in time: it may be the pipeline that was held up, or stopped by Ctrl-Z.
            is_over = left <= 0
            for descriptor, _ in self._poll.poll(1_000 * max(0.0, min(left, _LOOK_SECONDS))):
                if descriptor == self._pipes.rows:
                    self._send_more()
                elif descriptor == self._pipes.log:
                    self._keep_log()
                elif frame := self._received(number):
                    patience.renew()
                    is_over = False
                    yield frame
        raise LostWorkerError("TimeoutError", f"{what} took longer than {seconds:g} s")

    def end(self, grace: float = 0.0) -> Ending:
        """Have the worker killed if it does not end within `grace` seconds; may be called from any thread."""
        with self._is_ending:
            if self._ending is None:
                self._ending = self._end(grace)
            return self._ending

    def close(self) -> None:
        """End the worker and keep the last of what it printed."""
        try:
            self.end()
            for _ in range(_LAST_READS):
                self._keep_log()
        finally:
            self._pipes.close()

    def _send_more(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._pipes.rows, self._unsent[:PIPE_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            raise self._lost() from None
        if not self._unsent:
            self._poll.unregister(self._pipes.rows)

    def _keep_log(self) -> None:
        """Take what one read gives: who prints without end must not keep the pipeline from looking at the clock."""
        try:
            data = os.read(self._pipes.log, LOG_BYTES)
        except BlockingIOError:
            return
        self._log.add(data)
        if not data:
            with contextlib.suppress(KeyError):  # seen closed before
                self._poll.unregister(self._pipes.log)

    def _received(self, number: int) -> Frame | None:
        try:
            frame = self._incoming.read()
            if frame and (frame.number != number or self._unsent):
                raise ViolationError("an answer to what it was not asked")
        except EOFError:
            raise self._lost() from None
        except ViolationError as error:
            raise violation(error) from error
        return frame

    def _lost(self) -> LostWorkerError:
        ending = self.end(_LEAVING_SECONDS)
        if ending.was_killed:
            return violation("it closed its pipes")
        if ending.status == OUT_OF_MEMORY:
            return LostWorkerError("MemoryError", "the memory limit was reached between two rows, or by a row's values")
        return LostWorkerError("WorkerCrashed", _told(ending.status))


def violation(what: object) -> LostWorkerError:
    """What becomes of a worker that sends what ours do not send."""
    return LostWorkerError("ProtocolError", f"the worker did not keep to its protocol: {what}")


def _told(status: int) -> str:
    if status >= 0:
        return f"the worker left with exit status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    why = ", as the kernel does when memory runs out" if -status == signal.SIGKILL else ""
    return f"the worker was ended by {name}{why}"
