"""Bytes of a file as they come: decompressed by their first bytes, cut into lines, never a whole file at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

import zstandard

from evals_pipeline.sources.normalise import BadSpanError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MAX_LINE_BYTES = 256 * 2**20
_READ_BYTES = 2**20
_ZSTD_READ_BYTES = 4096
"""Small, because zstandard hands out at once whatever the bytes expand to, up to 30,000 times as much."""


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of an open file, a megabyte at a time, decompressed if they are gzip or zstd.

    Raises BadSpanError where compressed data is damaged or ends early, after everything before it was given.
    """
    first = file.read(_READ_BYTES)
    rest = chain((first,), iter(lambda: file.read(_READ_BYTES), b""))
    if first.startswith(GZIP_MAGIC):
        return _gunzipped(rest)
    return _unzstandard(rest) if first.startswith(ZSTD_MAGIC) else rest


def _gunzipped(compressed: Iterable[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    is_open = False
    for data in compressed:
        while data:
            if not is_open and not data.lstrip(b"\0"):
                break  # padding after the last member, as tapes and some object stores add it
            is_open = True
            try:
                yield member.decompress(data, _READ_BYTES)
            except zlib.error as cause:
                raise BadSpanError("the gzip data is damaged here") from cause
            data = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member, is_open = zlib.decompressobj(wbits=31), False
    if is_open:
        raise BadSpanError("the gzip data ends early: the file is cut off or still being written")


def _unzstandard(compressed: Iterable[bytes]) -> Iterator[bytes]:
    frame = zstandard.ZstdDecompressor().decompressobj()
    is_open = False
    for data in _pieces(compressed):
        while data:
            is_open = True
            try:
                yield frame.decompress(data)
            except zstandard.ZstdError as cause:
                raise BadSpanError("the zstd data is damaged here") from cause
            data = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame, is_open = zstandard.ZstdDecompressor().decompressobj(), False
    if is_open:
        raise BadSpanError("the zstd data ends early: the file is cut off or still being written")


def _pieces(data: Iterable[bytes]) -> Iterator[bytes]:
    for block in data:
        for start in range(0, len(block), _ZSTD_READ_BYTES):
            yield block[start : start + _ZSTD_READ_BYTES]


def lines(data: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of `data` without their ends; the last may lack one.

    A line beyond MAX_LINE_BYTES comes as its first MAX_LINE_BYTES + 1 bytes, so that it can be told and no more. Lines
    that are whole are given before an error of `data` is raised.
    """
    parts: list[bytes] = []
    held = 0
    for block in data:
        *whole, tail = block.split(b"\n")
        for line in whole:
            yield b"".join((*parts, line))[: MAX_LINE_BYTES + 1]
            parts, held = [], 0
        if tail and held <= MAX_LINE_BYTES:
            parts.append(tail)
            held += len(tail)
    if parts:
        yield b"".join(parts)[: MAX_LINE_BYTES + 1]
