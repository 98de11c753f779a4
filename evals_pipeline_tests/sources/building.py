"""The ordinary span and the ordinary file; a test names only what it is about."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from evals_pipeline.sources.batches import Batch, Problem
from evals_pipeline.sources.files import list_files, read_file
from evals_pipeline.sources.normalise import span_row, span_table

SPAN_ID = "00f067aa0ba902b7"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
START = "2025-03-19T16:40:25.633012Z"


def span(**fields: Any) -> dict[str, Any]:
    """A good span as an export writes it, with `fields` on top."""
    return {"context.span_id": SPAN_ID, "context.trace_id": TRACE_ID, "start_time": START} | fields


def row(**fields: Any) -> dict[str, Any]:
    return span_row(span(**fields))


def others(**fields: Any) -> dict[str, Any]:
    """What the span's column `attributes` holds."""
    return json.loads(row(**fields)["attributes"] or "{}")


def line(value: Any) -> str:
    return json.dumps(value) + "\n"


def read_batches(path: Path | str) -> list[Batch]:
    return [batch for file in list_files(str(path)).files for batch in read_file(file)]


def read(path: Path | str) -> tuple[pa.Table, list[Problem]]:
    """All spans and problems at `path`."""
    found = read_batches(path)
    spans = pa.concat_tables([batch.spans for batch in found] or [span_table([])])
    return spans, [problem for batch in found for problem in batch.problems]


def ids(spans: pa.Table) -> list[str]:
    return spans.column("context.span_id").to_pylist()


def places(problems: Iterable[Problem]) -> list[int | None]:
    return [problem.line_number for problem in problems]
