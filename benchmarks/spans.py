"""A lake of made-up spans of about 1 KB text each, written as ingestion would write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from evals_pipeline.core.columns import SPAN_COLUMNS
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.spans import spans_key
from evals_pipeline.lake.tables import SPANS

DAY = date(2026, 1, 15)
PROJECT = "bench"
FILE_SPANS = 500_000

_MIDNIGHT = int(datetime(2026, 1, 15, tzinfo=UTC).timestamp()) * 1_000_000

_RARE = ["refund", "order", "ticket", "chargeback", "error", "null"]
"""Words that the checks look for; about one word in a hundred is one of them."""

TASK = """
project: bench
evaluators:
  - evaluator: json_parseable
    mapping: {text: attributes.output.value}
  - evaluator: matches_regex
    parameters: {pattern: "ORD-[0-9]{6}"}
    mapping: {text: attributes.output.value}
  - evaluator: contains_any_keyword
    parameters: {keywords: [refund, chargeback, "pay back"]}
    mapping: {text: attributes.output.value}
  - evaluator: contains_all_keywords
    parameters: {keywords: [order, ticket]}
    mapping: {text: attributes.output.value}
  - evaluator: exact_match
    parameters: {expected: "none"}
    mapping: {text: attributes.output.value}
"""
"""Five prebuilt checks on the same text."""


def make_project(folder: Path) -> None:
    """A project folder with the task above; its source is never read."""
    (folder / "projects").mkdir(parents=True)
    (folder / "tasks").mkdir()
    (folder / "traces").mkdir()
    (folder / "projects" / f"{PROJECT}.yaml").write_text("source: {type: files, path: ./traces}\n")
    (folder / "tasks" / "checks.yaml").write_text(TASK)


def fill_lake(here: Installation, count: int, *, first: int = 0, file_spans: int = FILE_SPANS) -> None:
    """Append `count` spans of one day, numbered from `first`; every third text is JSON, the others are words."""
    for start in range(first, first + count, file_spans):
        end = min(start + file_spans, first + count)
        with here.connect() as connection:
            snapshot = here.lake.snapshot(SPANS)
            stamp = here.lake.next_stamp(snapshot, spans_key(PROJECT), now=datetime.now(UTC))
            written = here.lake.write(connection, SPANS, {"project": PROJECT, "day": DAY}, _spans(start, end, stamp))
            here.lake.commit(snapshot, spans_key(PROJECT), stamp, [written] if written else [])


def _spans(start: int, end: int, stamp: int) -> str:
    draw = "hash(seed * 1000 + i)"
    rare = "[" + ", ".join(literal(word) for word in _RARE) + "]"
    word = f"if({draw} % 100 = 0, {rare}[1 + ({draw} // 100 % {len(_RARE)})::INT], 'word' || {draw} % 400)"
    words = f"list_reduce(list_transform(range(150), lambda i: {word}), lambda one, other: one || ' ' || other)"
    prose = f"{words} || if(seed % 7 = 0, ' ORD-123456', '')"
    document = f"""'{{"id": ' || seed || ', "note": "' || {words} || '"}}'"""
    text = f"if(seed % 3 = 0, {document}, {prose})"
    values = {
        "context.span_id": "lpad(to_hex(hash(seed)), 16, '0')",
        "context.trace_id": "md5((seed // 4)::VARCHAR)",
        "name": "'chat'",
        "span_kind": "'LLM'",
        "start_time": f"make_timestamptz({_MIDNIGHT} + (seed % 86000) * 1000000)",
        "end_time": f"make_timestamptz({_MIDNIGHT} + (seed % 86000 + 1) * 1000000)",
        "status_code": "'OK'",
        "attributes.output.value": text,
        "attributes.llm.model_name": "'model-' || (seed % 3)",
    }
    columns = ", ".join(
        f"{values.get(name, 'NULL')}::{'VARCHAR' if kind == 'JSON' else kind} AS {identifier(name)}"
        for name, kind in SPAN_COLUMNS.items()
    )
    return f"SELECT {columns}, make_timestamptz({stamp}) AS ingested_at FROM range({start}, {end}) AS numbers(seed)"
