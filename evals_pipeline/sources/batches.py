"""What reading a file gives: spans in bounded batches, and problems that say what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from evals_pipeline.core import columns as c
from evals_pipeline.sources.flat import spans_in
from evals_pipeline.sources.normalise import BadSpanError, span_row, span_table

MAX_SPANS = 5_000
MAX_BYTES = 64 * 2**20
"""A batch ends with the span that reaches one of these."""
MAX_PROBLEMS = 100
"""Problems kept per file; of the rest only the number is told."""

_LONG_COLUMNS = [name for name, type_ in c.SPAN_COLUMNS.items() if type_ in (c.TEXT, c.JSON_TEXT)]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file, or a place in it, that could not be read, and why. Holds no text of the spans."""

    uri: str
    line_number: int | None
    """Counted from 1; None where the file has no lines or the whole file is meant."""
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans of one file as a table of `SPAN_SCHEMA`, and what went wrong since the batch before."""

    spans: pa.Table
    problems: list[Problem]


class Entry(NamedTuple):
    """A value read from a file that should be a span or hold spans, or the error that stands in its place."""

    line_number: int | None
    value: Any


@dataclass(slots=True)
class ProblemLog:
    """The problems of one file, the first hundred in full."""

    uri: str
    _kept: list[Problem] = field(default_factory=list)
    _count: int = 0

    def add(self, line_number: int | None, message: str) -> None:
        """Note one problem."""
        self._count += 1
        if self._count <= MAX_PROBLEMS:
            self._kept.append(Problem(self.uri, line_number, message))

    def take(self) -> list[Problem]:
        """The problems noted since the last call."""
        taken, self._kept = self._kept, []
        return taken

    def take_last(self) -> list[Problem]:
        """Like `take`, with the number of those that were not kept."""
        left_out = self._count - MAX_PROBLEMS
        rest = [Problem(self.uri, None, f"{left_out} more problems like these")] if left_out > 0 else []
        return self.take() + rest


def batches(uri: str, entries: Iterable[Entry]) -> Iterator[Batch]:
    """The spans inside `entries`, normalised; a bad one becomes a problem and the others go on."""
    log = ProblemLog(uri)
    rows: list[Mapping[str, Any]] = []
    size = 0
    for row in _rows(entries, log):
        rows.append(row)
        size += sum(len(row[name] or "") for name in _LONG_COLUMNS)
        if len(rows) >= MAX_SPANS or size >= MAX_BYTES:
            yield Batch(span_table(rows), log.take())
            rows, size = [], 0
    problems = log.take_last()
    if rows or problems:
        yield Batch(span_table(rows), problems)


def _rows(entries: Iterable[Entry], log: ProblemLog) -> Iterator[Mapping[str, Any]]:
    for line_number, value in entries:
        if isinstance(value, BadSpanError):
            log.add(line_number, str(value))
            continue
        try:
            yield from _rows_of_value(line_number, value, log)
        except RecursionError:
            log.add(line_number, "nested too deeply")


def _rows_of_value(line_number: int | None, value: Any, log: ProblemLog) -> Iterator[Mapping[str, Any]]:
    for position, span in enumerate(spans_in(value), start=1):
        try:
            row = span_row(span)
        except BadSpanError as bad:
            log.add(line_number, str(bad) if span is value else f"span {position}: {bad}")
        else:
            yield row
