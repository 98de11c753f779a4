import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from evals_pipeline.core import columns as c
from evals_pipeline.sources.batches import Entry, batches
from evals_pipeline.sources.fields import _FIELDS
from evals_pipeline.sources.files import list_files, read_file
from evals_pipeline.sources.normalise import ATTRIBUTE_COLUMNS, SPAN_SCHEMA, BadSpanError, span_row, span_table
from evals_pipeline_tests.sources.building import line, read, span

ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates included
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=9)
NAMES = st.sampled_from(
    [
        *_FIELDS,
        *(f"attributes.{name}" for name in ATTRIBUTE_COLUMNS),
        *(
            "attributes",
            "context",
            "status",
            "resource",
            "scope",
            "kind",
            "duration",
            "timestamp",
            "spans",
            "child_spans",
        ),
        *(
            "llm.input_messages.0.message.role",
            "metadata.a",
            "gen_ai.input.messages",
            "gen_ai.prompt.0.role",
            "ai.prompt",
        ),
        *("resourceSpans", "scopeSpans", "span_id", "key", "value", "stringValue", "intValue", "arrayValue", "values"),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | ANY_TEXT | st.integers(), inner, max_size=5),
    max_leaves=12,
)
SPANS = st.dictionaries(NAMES | ANY_TEXT, VALUES, max_size=8)


@settings(max_examples=200)
@given(SPANS)
def test_no_span_raises_anything_but_that_it_is_bad(fields: dict[str, Any]) -> None:
    try:
        row = span_row(fields)
    except BadSpanError:
        return

    assert span_table([row]).schema.equals(SPAN_SCHEMA)


@settings(max_examples=200)
@given(SPANS)
def test_a_span_with_what_it_needs_is_always_a_row(fields: dict[str, Any]) -> None:
    taken = {alias for alias, column in _FIELDS.items() if column in (c.SPAN_ID, c.TRACE_ID, c.START_TIME)}
    free = {name: value for name, value in fields.items() if name not in taken | {"context", "spanContext"}}

    row = span_row(span() | free)

    table = span_table([row])
    table.validate(full=True)
    assert row[c.STATUS_CODE] in ("OK", "ERROR", "UNSET")
    assert row[c.OTHER_ATTRIBUTES] is None or isinstance(json.loads(row[c.OTHER_ATTRIBUTES]), dict)


@settings(max_examples=150)
@given(st.lists(VALUES, max_size=5))
def test_every_value_of_a_file_is_a_span_or_a_problem(values: list[Any]) -> None:
    for batch in batches("somewhere", [Entry(number, value) for number, value in enumerate(values, start=1)]):
        assert batch.spans.schema.equals(SPAN_SCHEMA)
        assert batch.spans.num_rows + len(batch.problems) > 0


@settings(max_examples=100)
@given(content=st.binary(max_size=400), name=st.sampled_from(["a.jsonl", "b.json", "c.pb", "d", "e.gz", "f.parquet"]))
def test_no_bytes_stop_the_reading(tmp_path_factory: Any, content: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)

    _, problems = read(path)

    assert all(problem.uri == str(path) for problem in problems)


PLAIN_TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLAT_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": PLAIN_TEXT,
            "status_message": PLAIN_TEXT,
            "span_kind": PLAIN_TEXT,
            "attributes.input.value": PLAIN_TEXT,
            "attributes.llm.model_name": PLAIN_TEXT,
            "attributes.gen_ai.request.model": PLAIN_TEXT,
            "attributes.metadata": PLAIN_TEXT,
            "attributes.llm.token_count.prompt": st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
            "attributes.my.own": PLAIN_TEXT,
            "start_time": st.sampled_from(["2025-03-19T12:00:00Z", "soon"]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(FLAT_ROWS)
def test_parquet_s_short_way_gives_what_the_long_way_gives(tmp_path_factory: Any, rows: list[dict[str, Any]]) -> None:
    folder: Path = tmp_path_factory.mktemp("both")
    spans = [span(**row) for row in rows]
    pq.write_table(pa.Table.from_pylist(spans), folder / "a.parquet")
    (folder / "a.jsonl").write_text("".join(map(line, spans)))

    by_rows, by_columns = (
        pa.concat_tables([batch.spans for batch in read_file(file)]) for file in list_files(str(folder)).files
    )

    assert readable(by_columns) == readable(by_rows)


def readable(spans: pa.Table) -> list[dict[str, Any]]:
    """Rows whose attributes compare whatever their order."""
    return [row | {"attributes": json.loads(row["attributes"] or "{}")} for row in spans.to_pylist()]
