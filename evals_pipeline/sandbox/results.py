"""Results on their way out of a worker: numbers of fixed size, then text, and every byte accounted for.

A worker packs, the pipeline unpacks and believes nothing: sizes, lengths, characters, order, scores. There is no
decoder between the two that could be tricked, neither pickle nor Arrow's own format: the pipeline computes every
offset itself from the lengths it was told, once they add up to the bytes that are there.

Layout, little-endian: eight counts (rows, errors, bytes of the five texts, zero); scores (float64, NaN for none); the
lengths in bytes of labels, explanations and metadata (int32, -1 for none); for each error its row, the length of its
type and of its message (int32); a byte for each row that says whether its explanation was cut; the texts.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from evals_pipeline.core.evaluator import EXPLANATION_LENGTH
from evals_pipeline.sandbox.frames import ViolationError
from evals_pipeline.sandbox.program import result_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers: TypeAlias = np.ndarray[Any, Any]

LABEL_LENGTH = 100
METADATA_LENGTH = 10_000
ERROR_TYPE_LENGTH = 100
ERROR_MESSAGE_LENGTH = 4_096
LOAD_ERROR_LENGTH = 1_000
"""Longest texts in characters; the explanation's is `EXPLANATION_LENGTH`. An error of loading is one of every row."""

_COUNTS = struct.Struct("<8I")
_NOT_A_NUMBER = float("nan")


Row: TypeAlias = "tuple[str | None, float | None, str | None, str | None, bool]"
"""What a worker has to say of one row: label, score, explanation, metadata, and whether the explanation was cut."""


class Failure(NamedTuple):
    """Why one row has no result; `row` counts from the start of the chunk."""

    row: int
    type: str
    message: str


NOTHING: Row = (None, None, None, None, False)
"""The row of a failure."""


def pack(rows: Sequence[Row], failures: Sequence[Failure]) -> bytes:
    """A chunk as it is sent; lone surrogates, which are no text, become question marks."""
    labels, scores, explanations, metadata, cut = zip(*rows, strict=True)
    at, types, messages = zip(*failures, strict=True) if failures else ((), (), ())
    texts = [_packed(each) for each in (labels, explanations, metadata, types, messages)]
    return b"".join(
        (
            _COUNTS.pack(len(rows), len(failures), *(len(data) for _, data in texts), 0),
            array("d", [_NOT_A_NUMBER if score is None else score for score in scores]).tobytes(),
            *(lengths.tobytes() for lengths, _ in texts[:3]),
            array("i", at).tobytes(),
            *(lengths.tobytes() for lengths, _ in texts[3:]),
            bytes(cut),
            *(data for _, data in texts),
        )
    )


def _packed(texts: Iterable[str | None]) -> tuple[array[int], bytes]:
    text = "".join(filter(None, texts))
    if text.isascii():
        return array("i", [-1 if each is None else len(each) for each in texts]), text.encode()
    encoded = [None if each is None else each.encode("utf-8", "replace") for each in texts]
    return array("i", [-1 if each is None else len(each) for each in encoded]), b"".join(filter(None, encoded))


def unpack(payload: bytearray, most: int) -> pa.Table:
    """The chunk as a table of `result_schema()`, checked to the last byte.

    Args:
        payload: What the worker sent.
        most: Rows that have no result yet.

    Raises:
        ViolationError: It is not what `pack` makes of rows that keep to the limits.
    """
    chunk = _Chunk(payload, most)
    labels, explanations, metadata = (chunk.int32s(chunk.rows) for _ in range(3))
    at, types, messages = (chunk.int32s(chunk.errors) for _ in range(3))
    cut = chunk.flags(chunk.rows)
    _check_rows(chunk, labels, at)
    _check_bare_errors(at, explanations, metadata, cut)
    return _table(
        chunk.scores,
        {
            "label": chunk.text(labels, 1, LABEL_LENGTH),
            "explanation": chunk.text(explanations, 1, EXPLANATION_LENGTH),
            "metadata": _checked_metadata(chunk.text(metadata, 2, METADATA_LENGTH)),
            "error_type": chunk.text(_spread(types, at, chunk.rows), 1, ERROR_TYPE_LENGTH),
            "error_message": chunk.text(_spread(messages, at, chunk.rows), 0, ERROR_MESSAGE_LENGTH),
        },
        cut,
    )


def failed(count: int, error_type: str, message: str) -> pa.Table:
    """A table of `result_schema()` in which each of `count` rows has the same error."""
    import numpy as np
    import pyarrow as pa

    texts = {name: pa.nulls(count, pa.string()) for name in ("label", "explanation", "metadata")}
    for name, text in (("error_type", error_type), ("error_message", message)):
        encoded = text.encode("utf-8", "replace")
        texts[name] = _strings(np.full(count, len(encoded), np.int64), encoded * count)
    return _table(np.full(count, np.nan), texts, np.zeros(count, np.uint8))


def _table(scores: Numbers, texts: dict[str, pa.Array], cut: Numbers) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    missing = np.isnan(scores)
    validity = _bits(~missing) if missing.any() else None
    columns = {
        **texts,
        "score": pa.Array.from_buffers(pa.float64(), len(scores), [validity, pa.py_buffer(scores)]),
        "truncated": pa.Array.from_buffers(pa.bool_(), len(cut), [None, _bits(cut)]),
    }
    schema = result_schema()
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _bits(flags: Numbers) -> pa.Buffer:
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _strings(lengths: Numbers, data: bytes | memoryview) -> pa.Array:
    """Text of these lengths in bytes, -1 for none, which add up to `data`."""
    import numpy as np
    import pyarrow as pa

    missing = lengths < 0
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(np.where(missing, 0, lengths), out=offsets[1:])
    validity = _bits(~missing) if missing.any() else None
    return pa.Array.from_buffers(pa.string(), len(lengths), [validity, pa.py_buffer(offsets), pa.py_buffer(data)])


def _spread(lengths: Numbers, at: Numbers, rows: int) -> Numbers:
    import numpy as np

    if (lengths < 0).any():
        raise ViolationError("an error without type or message")
    whole = np.full(rows, -1, np.int32)
    whole[at] = lengths
    return whole


def _check_rows(chunk: _Chunk, labels: Numbers, at: Numbers) -> None:
    import numpy as np

    if np.isinf(chunk.scores).any():
        raise ViolationError("a score that is not finite")
    if not np.array_equal(np.flatnonzero((labels < 0) & np.isnan(chunk.scores)), at):
        raise ViolationError("rows with neither a result nor an error, or with both")


def _check_bare_errors(at: Numbers, *columns: Numbers) -> None:
    explanations, metadata, cut = columns
    if (explanations[at] >= 0).any() or (metadata[at] >= 0).any() or (cut.astype(bool) & (explanations < 0)).any():
        raise ViolationError("an explanation or metadata without a result")


def _checked_metadata(texts: pa.Array) -> pa.Array:
    if texts.null_count < len(texts):
        for text in texts.drop_null().to_pylist():
            if not _is_object(text):
                raise ViolationError("metadata that is no JSON object")
    return texts


def _is_object(text: str) -> bool:
    import orjson

    try:
        found = orjson.loads(text)
        orjson.dumps(found)  # reads what is nested deeper than it writes, and deeper than others can read later
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False
    return isinstance(found, dict)


class _Chunk:
    """A payload that is taken apart from front to back."""

    def __init__(self, payload: bytearray, most: int) -> None:
        if len(payload) < _COUNTS.size:
            raise ViolationError("a chunk without its counts")
        self.rows, self.errors, *sizes, zero = _COUNTS.unpack_from(payload)
        if not 0 < self.rows <= most or self.errors > self.rows:
            raise ViolationError(f"{self.rows} results and {self.errors} errors for {most} rows")
        fixed = _COUNTS.size + self.rows * (8 + 3 * 4 + 1) + self.errors * 3 * 4
        if zero or fixed + sum(sizes) != len(payload):
            raise ViolationError("counts that do not add up to the chunk")
        self._view = memoryview(payload)
        self._at = _COUNTS.size
        self._texts = self._view[fixed:]
        self._sizes = iter(sizes)
        self.scores = self._numbers("<f8", self.rows)

    def int32s(self, count: int) -> Numbers:
        return self._numbers("<i4", count)

    def flags(self, count: int) -> Numbers:
        flags = self._numbers("u1", count)
        if count and flags.max() > 1:
            raise ViolationError("a flag that is neither yes nor no")
        return flags

    def text(self, lengths: Numbers, least: int, most: int) -> pa.Array:
        """The next text, each value `least` to `most` characters long."""
        import pyarrow as pa

        size = next(self._sizes)
        data, self._texts = self._texts[:size], self._texts[size:]
        present = lengths[lengths >= 0]
        if (lengths < -1).any() or present.sum(dtype="int64") != size:
            raise ViolationError("lengths that do not add up to the text")
        if not len(present):
            return pa.nulls(len(lengths), pa.string())
        texts = _strings(lengths, data)
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise ViolationError("text that is no UTF-8") from error
        if present.min() < least or (present.max() > most and _longest(texts) > most):
            raise ViolationError("a text that is too short or too long")
        return texts

    def _numbers(self, kind: str, count: int) -> Numbers:
        import numpy as np

        numbers = np.frombuffer(self._view, kind, count, self._at)
        self._at += numbers.nbytes
        return numbers


def _longest(texts: pa.Array) -> int:
    import pyarrow.compute as pc

    return int(pc.max(pc.utf8_length(texts)).as_py())
