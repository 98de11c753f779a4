"""The form of a file told from its content, and the values inside it: JSON lines, one JSON document, OTLP protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import zstandard

from evals_pipeline.sources.batches import Entry
from evals_pipeline.sources.normalise import BadSpanError
from evals_pipeline.sources.protobuf import document_of
from evals_pipeline.sources.streams import MAX_LINE_BYTES, ZSTD_MAGIC, lines
from evals_pipeline.sources.values import from_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MESSAGE_START = b"\n"
"""Tag of field 1, `resource_spans`: every OTLP message begins with it."""
_LENGTH_BYTES = 4
_PROTOBUF_ENDINGS = (".pb", ".bin", ".binpb", ".otlp")
_LINES_ENDINGS = (".jsonl", ".ndjson")
_JSON_ENDINGS = (".json", *_LINES_ENDINGS)


def entries(name: str, data: Iterator[bytes]) -> Iterator[Entry]:
    """The values in a file's decompressed bytes; the last entry is an error where the bytes break off.

    `name` is the file's without an ending of compression; it decides only where the content leaves two readings.
    """
    try:
        first = next((block for block in data if block), b"")
        rest = chain((first,), data)
        if is_json(name, first):
            yield from _json_entries(name, rest)
        elif first:
            yield from _protobuf_entries(rest)
    except BadSpanError as bad:
        yield Entry(None, bad)


def is_json(name: str, first: bytes) -> bool:
    """Whether content that begins with `first` is JSON rather than protobuf, which may begin with a line feed."""
    if name.endswith(_JSON_ENDINGS):
        return True
    start = first.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
    is_plausible = start in (b"{", b"[") or not start
    return is_plausible and not (name.endswith(_PROTOBUF_ENDINGS) and first.startswith(_MESSAGE_START))


def _json_entries(name: str, data: Iterator[bytes]) -> Iterator[Entry]:
    if not name.endswith(_LINES_ENDINGS):
        first_line, data = _first_line(data)
        if first_line and not _is_value(first_line):
            yield from _document_entry(data)
            return
    line_number = 0
    try:
        for line_number, line in enumerate(lines(data), start=1):
            entry = _line_entry(line_number, line)
            if entry is not None:
                yield entry
    except BadSpanError as bad:
        yield Entry(None, BadSpanError(f"after line {line_number}: {bad}"))


def _first_line(data: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first line that is not blank, and the data from its beginning again."""
    read: list[bytes] = []
    for block in data:
        read.append(block)
        content = b"".join(read).removeprefix(_BYTE_ORDER_MARK).lstrip()
        if b"\n" in content:
            break
    return content.partition(b"\n")[0], chain(read, data)


def _is_value(line: bytes) -> bool:
    """Whether a line is JSON by itself, or was meant to be: `{"a": 1}` and `{"a": oops}`, but not `{` or `[`."""
    try:
        from_json(line)
    except ValueError:
        return len(line) > 2 and line.startswith(b"{") and line.rstrip().endswith(b"}")
    return True


def _line_entry(line_number: int, line: bytes) -> Entry | None:
    if len(line) > MAX_LINE_BYTES:
        return Entry(line_number, BadSpanError(f"the line is longer than {MAX_LINE_BYTES // 2**20} MB"))
    content = line.removeprefix(_BYTE_ORDER_MARK) if line_number == 1 else line
    return Entry(line_number, _parsed(content)) if content.strip() else None


def _document_entry(data: Iterator[bytes]) -> Iterator[Entry]:
    value = _parsed(b"".join(data).removeprefix(_BYTE_ORDER_MARK))
    yield Entry(None, value)


def _parsed(content: bytes) -> Any:
    """The JSON value, or a BadSpanError that says where it breaks off."""
    try:
        return from_json(content)
    except UnicodeDecodeError as cause:
        return BadSpanError(f"no UTF-8 text: byte {cause.start + 1} cannot be read")
    except ValueError as cause:
        return BadSpanError(f"no JSON: {cause}")


def _protobuf_entries(data: Iterator[bytes]) -> Iterator[Entry]:
    held = bytearray(next(data))
    if held.startswith(_MESSAGE_START):
        yield Entry(None, _message(b"".join((held, *data))))
        return
    position = 0
    for block in chain(data, (b"",)):
        held += block
        while (size := _frame_size(held)) is not None:
            yield Entry(None, _message(bytes(held[_LENGTH_BYTES:size])))
            del held[:size]
            position += size
    if held:
        yield Entry(None, _broken_frame(position))


def _frame_size(held: bytearray) -> int | None:
    """Bytes of the first frame with its length in front; None where it is not whole."""
    length = int.from_bytes(held[:_LENGTH_BYTES], "big")
    return _LENGTH_BYTES + length if length and len(held) >= _LENGTH_BYTES + length else None


def _broken_frame(position: int) -> BadSpanError:
    if position == 0:
        return BadSpanError("no form of spans that we know: neither Parquet, JSON, nor OTLP protobuf")
    return BadSpanError(f"the protobuf data is cut off or damaged after byte {position}")


def _message(payload: bytes) -> Any:
    """One request as a collector writes it: protobuf or JSON, perhaps compressed by itself."""
    try:
        if payload.startswith(ZSTD_MAGIC):
            payload = zstandard.ZstdDecompressor().decompressobj().decompress(payload)
        return from_json(payload) if payload[:1] == b"{" else document_of(payload)
    except (ValueError, zstandard.ZstdError) as cause:
        return BadSpanError(str(cause))
