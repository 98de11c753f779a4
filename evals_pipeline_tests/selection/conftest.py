"""A real DuckDB with a table `spans` of a few spans that differ in what filters ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.paths import PATH_FUNCTION, find_text
from evals_pipeline.core.sql import identifier

Matching = Callable[[str], list[str]]

SPANS: list[dict[str, object]] = [
    {
        c.SPAN_ID: "llm",
        c.TRACE_ID: "t1",
        c.PARENT_ID: "root",
        c.NAME: "ChatCompletion",
        c.SPAN_KIND: "LLM",
        c.START_TIME: "2026-01-10 12:00:00+00",
        c.END_TIME: "2026-01-10 12:00:02+00",
        c.STATUS_CODE: "OK",
        c.INPUT_VALUE: "where is 100% of my order?",
        c.OUTPUT_VALUE: "it's on C:\\temp",
        c.MODEL_NAME: "gpt-4o",
        c.OUTPUT_MESSAGES: '[{"message": {"content": "hello there"}}]',
        c.TOKENS_PROMPT: 120,
        c.TOKENS_TOTAL: 150,
        c.SESSION_ID: "s1",
        c.METADATA: '{"env": "prod", "tier": 2, "vip": true, "my-key": {"x": 0.5}}',
        c.OTHER_ATTRIBUTES: '{"order": {"end": "17"}, "größe": "nan"}',
    },
    {
        c.SPAN_ID: "root",
        c.TRACE_ID: "t1",
        c.NAME: "agent",
        c.SPAN_KIND: "CHAIN",
        c.START_TIME: "2026-01-10 11:59:59+00",
        c.END_TIME: "2026-01-10 12:00:03+00",
        c.STATUS_CODE: "ERROR",
        c.INPUT_VALUE: "",
        c.SESSION_ID: "s1",
        c.METADATA: '{"env": "dev", "tier": "10", "vip": false}',
    },
    {
        c.SPAN_ID: "tool",
        c.TRACE_ID: "t2",
        c.PARENT_ID: "root2",
        c.NAME: "look_up",
        c.SPAN_KIND: "TOOL",
        c.START_TIME: "2026-01-11 00:00:00+00",
        c.INPUT_VALUE: "100 orders",
        c.OUTPUT_VALUE: "100 orders",
        c.TOOL_NAME: "look_up",
        c.METADATA: "no JSON",
    },
]


@pytest.fixture(scope="session")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection; `evals_path` is there, as the engine registers it."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.create_function(PATH_FUNCTION, find_text, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling="special")
        stored = {**c.SPAN_COLUMNS, c.INGESTED_AT: c.TIMESTAMP}
        types = (kind.replace(c.JSON_TEXT, c.TEXT) for kind in stored.values())
        definition = ", ".join(f"{identifier(name)} {kind}" for name, kind in zip(stored, types, strict=True))
        connection.execute(f"CREATE TABLE spans ({definition})")
        for span in SPANS:
            names = ", ".join(identifier(name) for name in span)
            marks = ", ".join("?" for _ in span)
            connection.execute(f"INSERT INTO spans ({names}) VALUES ({marks})", list(span.values()))
        connection.execute("""UPDATE spans SET "ingested_at" = "start_time" + INTERVAL 1 HOUR""")
        yield connection


@pytest.fixture
def matching(database: duckdb.DuckDBPyConnection) -> Matching:
    """The ids of the spans for which a DuckDB expression is true, in the order of `SPANS`."""

    def run(sql: str) -> list[str]:
        rows = database.execute(f'SELECT "context.span_id" FROM spans WHERE {sql} ORDER BY rowid').fetchall()
        return [row[0] for row in rows]

    return run
