"""How the pipeline and a worker talk: frames over pipes.

A frame is a header of fixed layout (kind, length, number of the batch) and that many bytes. The pipeline sends the
program, then batches; a worker answers each in chunks. What comes from the pipeline is trusted, what comes from a
worker is not: `Incoming` takes nothing for granted.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import IntEnum

FRAME_BYTES = 32 * 2**20
"""Largest frame in either direction."""

OUT_OF_MEMORY = 12
"""Exit status of a worker that has no memory left for what it does between rows."""

_HEADER = struct.Struct("<BIQ")


class Kind(IntEnum):
    """What a frame holds."""

    LOCKED = 1  # from a worker: nothing, it is confined now and has not seen any code
    PROGRAM = 2  # to a worker: the program as JSON
    LOADED = 3  # from a worker: nothing, or the error with which the class failed to load
    ROWS = 4  # to a worker: the number of rows, then a batch as an Arrow stream
    RESULTS = 5  # from a worker: results of the next rows, laid out by `results`
    DONE = 6  # from a worker: nothing, the batch is through


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `number` is that of the batch it belongs to, 0 before the first."""

    kind: int
    number: int
    payload: bytearray


class ViolationError(Exception):
    """A worker sent what no worker of ours sends."""


def header(kind: Kind, length: int, number: int) -> bytes:
    """What comes before `length` bytes of payload."""
    return _HEADER.pack(kind, length, number)


def write(descriptor: int, kind: Kind, number: int, payload: bytes = b"") -> None:
    """Send a whole frame, waiting where the pipe is full."""
    left = memoryview(header(kind, len(payload), number) + payload)
    while left:
        left = left[os.write(descriptor, left) :]


def read(descriptor: int) -> Frame | None:
    """The next frame, waiting for it; None when the other side has closed the pipe."""
    start = _filled(descriptor, bytearray(_HEADER.size))
    if start is None:
        return None
    kind, length, number = _HEADER.unpack(start)
    payload = _filled(descriptor, bytearray(length))
    return None if payload is None else Frame(kind, number, payload)


def _filled(descriptor: int, block: bytearray) -> bytearray | None:
    left = memoryview(block)
    while left:
        count = os.readv(descriptor, [left])
        if not count:
            return None
        left = left[count:]
    return block


class Incoming:
    """Frames from a worker, put together from what a pipe has to give without waiting."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start = bytearray(_HEADER.size)
        self._payload: bytearray | None = None
        self._left = memoryview(self._start)

    def read(self) -> Frame | None:
        """The next frame; None while there is no whole one.

        Raises:
            EOFError: The pipe is closed.
            ViolationError: A header that means nothing, or too large a frame.
        """
        try:
            while self._left or self._payload is None:
                if not self._left:
                    self._begin()
                    continue
                count = os.readv(self._descriptor, [self._left])
                if not count:
                    raise EOFError
                self._left = self._left[count:]
        except BlockingIOError:
            return None
        return self._taken()

    def _begin(self) -> None:
        kind, length, _ = _HEADER.unpack(self._start)
        if kind not in (Kind.LOCKED, Kind.LOADED, Kind.RESULTS, Kind.DONE):
            raise ViolationError(f"a frame of kind {kind}")
        if length > FRAME_BYTES:
            raise ViolationError(f"a frame of {length:,} bytes; at most {FRAME_BYTES:,} are taken")
        self._payload = bytearray(length)
        self._left = memoryview(self._payload)

    def _taken(self) -> Frame:
        kind, _, number = _HEADER.unpack(self._start)
        payload, self._payload = self._payload or bytearray(), None
        self._left = memoryview(self._start)
        return Frame(kind, number, payload)
