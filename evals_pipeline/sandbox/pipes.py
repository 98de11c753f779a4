"""What connects the pipeline with a worker, and the head of what comes through the log."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile

LOG_BYTES = 64 * 1024
"""What is kept of what a session prints; the rest is read and counted."""

PIPE_BYTES = 2**20


class Log:
    """The head of what the workers of a session print."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        room = max(0, LOG_BYTES - len(self._head))
        self._head += data[:room]
        self._dropped += len(data) - len(data[:room])

    def __str__(self) -> str:
        more = f"\n[{self._dropped:,} more bytes were printed]" if self._dropped else ""
        return self._head.decode("utf-8", "replace") + more


class Pipes:
    """Three pipes and eight bytes in common: the pipeline's ends, and those that are a worker's."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as made:  # where one cannot be made, those before it are closed
            its_rows, self.rows = _pipe(made)
            self.log, its_log = _pipe(made)
            self.results, its_results = _pipe(made)
            # Shared memory: where a row never ends, nobody in there can be asked which one it is.
            self.progress = _shared_page()
            made.pop_all()
        self._for_worker = [its_rows, its_log, its_results]
        for each in (*self._for_worker, self.progress):
            # A worker of the same user could open them again through /proc/self/fd, which Landlock does not rule.
            os.fchmod(each, 0)
        for each in (self.rows, self.log, self.results):
            os.set_blocking(each, False)
        for each in (self.rows, self.results):
            _enlarge(each)

    @property
    def for_worker(self) -> list[int]:
        """What a worker gets: its ends for rows, log and results, and the shared page."""
        return [*self._for_worker, self.progress]

    def give_away(self) -> None:
        """Close the worker's ends here, so that its end is the end of the pipes."""
        while self._for_worker:
            os.close(self._for_worker.pop())

    def close(self) -> None:
        """Close all that is open."""
        self.give_away()
        for each in (self.rows, self.log, self.results, self.progress):
            os.close(each)


def _pipe(made: contextlib.ExitStack) -> tuple[int, int]:
    pipe = os.pipe()
    for each in pipe:
        made.callback(os.close, each)
    return pipe


def _enlarge(pipe: int) -> None:
    """Make room for a batch of short texts, where that can be done: a worker then need not wait for the pipeline."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # a user may have used up what is allowed
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _shared_page() -> int:
    if hasattr(os, "memfd_create"):
        page = os.memfd_create("progress")
    else:
        with tempfile.TemporaryFile() as file:
            page = os.dup(file.fileno())
    os.truncate(page, mmap.PAGESIZE)
    return page
