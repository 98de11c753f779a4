import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.sources.normalise import SPAN_SCHEMA
from evals_pipeline_tests.sources.building import read

NESTED = "trail_nested_swe.jsonl.zst"


@pytest.fixture(scope="module")
def trail(shared_data: Path) -> pa.Table:
    return read(shared_data / "trail_spans.parquet")[0]


@pytest.fixture(scope="module")
def nested(shared_data: Path) -> pa.Table:
    return read(shared_data / NESTED)[0]


def values(spans: pa.Table, column: str) -> list:
    return spans.column(column).to_pylist()


@pytest.mark.parametrize(
    ("name", "spans", "traces"),
    [
        ("trail_spans.parquet", 1854, 69),
        ("tau_airline_spans.parquet", 2608, 765),
        ("whowhen_spans.parquet", 2272, 88),
        ("halueval_spans.parquet", 2254, 2254),
        ("grounded_spans.parquet", 7998, 2666),
        (NESTED, 450, 12),
        ("formats/otel_sdk_vercel_ai_v6.json", 10, 10),
        ("formats/otlp_json_minimal.json", 1, 1),
    ],
)
def test_every_file_of_spans_loads_whole(shared_data: Path, name: str, spans: int, traces: int) -> None:
    found, problems = read(shared_data / name)

    assert problems == []
    assert found.schema.equals(SPAN_SCHEMA)
    assert found.num_rows == spans
    assert len(set(values(found, c.TRACE_ID))) == traces


def test_what_the_file_has_is_what_the_row_has(shared_data: Path, trail: pa.Table) -> None:
    plain = [
        *(c.SPAN_ID, c.TRACE_ID, c.PARENT_ID, c.NAME, c.SPAN_KIND, c.START_TIME, c.END_TIME, c.STATUS_CODE),
        *(c.STATUS_MESSAGE, c.INPUT_VALUE, c.OUTPUT_VALUE, c.MODEL_NAME, c.TOKENS_PROMPT, c.TOOL_NAME, c.METADATA),
    ]

    original = pq.read_table(shared_data / "trail_spans.parquet", columns=plain)

    assert {name: values(trail, name) for name in plain} == {name: values(original, name) for name in plain}


def test_trail_keeps_its_oddities(trail: pa.Table) -> None:
    kinds = Counter(values(trail, c.SPAN_KIND))
    statuses = Counter(values(trail, c.STATUS_CODE))
    llm_models = [
        model
        for kind, model in zip(values(trail, c.SPAN_KIND), values(trail, c.MODEL_NAME), strict=True)
        if kind == "LLM"
    ]
    events = [event for text in values(trail, c.EVENTS) if text for event in json.loads(text)]

    assert kinds == {"LLM": 786, "CHAIN": 497, "UNKNOWN": 252, "TOOL": 227, "AGENT": 92}
    assert statuses == {"OK": 1456, "UNSET": 250, "ERROR": 148}
    assert trail.column(c.OUTPUT_VALUE).null_count == 488
    assert trail.column(c.INPUT_VALUE).null_count == 281
    assert llm_models.count(None) == 3
    assert sum(event["name"] == "exception" for event in events) == 148


def test_the_longest_input_arrives_uncut(trail: pa.Table) -> None:
    assert max(len(value or "") for value in values(trail, c.INPUT_VALUE)) == 181_582


def test_trail_times_are_the_real_ones(trail: pa.Table) -> None:
    starts = values(trail, c.START_TIME)

    assert min(starts) == datetime(2025, 3, 19, 16, 37, 54, 921788, tzinfo=UTC)
    assert max(starts) == datetime(2025, 3, 25, 12, 34, 54, 368932, tzinfo=UTC)


def test_nested_spans_get_the_end_that_their_duration_says(nested: pa.Table) -> None:
    first = nested.slice(0, 1).to_pylist()[0]

    assert first[c.SPAN_ID] == "c29bbceafcf4c0c9"
    assert first[c.START_TIME] == datetime(2025, 3, 25, 9, 18, 51, 448551, tzinfo=UTC)
    assert (first[c.END_TIME] - first[c.START_TIME]).total_seconds() == pytest.approx(80.922797)
    assert nested.column(c.END_TIME).null_count == 0


def test_nested_spans_count_tokens_as_numbers(nested: pa.Table) -> None:
    llm = [span for span in nested.to_pylist() if span[c.SPAN_KIND] == "LLM"]

    totals = {
        span[c.TOKENS_PROMPT] + span[c.TOKENS_COMPLETION] - span[c.TOKENS_TOTAL] for span in llm if span[c.TOKENS_TOTAL]
    }

    assert totals == {0}


def test_nested_spans_have_their_messages_folded(nested: pa.Table) -> None:
    span = next(span for span in nested.to_pylist() if span[c.INPUT_MESSAGES])

    messages = json.loads(span[c.INPUT_MESSAGES])

    assert {frozenset(message) for message in messages} == {frozenset({"message.role", "message.content"})}
    assert "llm.input_messages" not in (span[c.OTHER_ATTRIBUTES] or "")


def test_nested_spans_keep_logs_and_resource_beside_events(nested: pa.Table) -> None:
    root = nested.slice(0, 1).to_pylist()[0]

    others = json.loads(root[c.OTHER_ATTRIBUTES])

    assert others["logs"][0]["severity_text"] == "INFO"
    assert others["resource.telemetry.sdk.language"] == "python"
    assert others["scope.name"] == "patronus.sdk"
    assert others["pat.app"] == "SWEBenchLite"
    assert others["otel.kind"] == "Internal"
    assert (root[c.SPAN_KIND], root[c.STATUS_CODE]) == ("UNKNOWN", "UNSET")


def test_every_child_of_a_nested_trace_has_its_parent_in_it(nested: pa.Table) -> None:
    parents = {parent for parent in values(nested, c.PARENT_ID) if parent}

    assert parents <= set(values(nested, c.SPAN_ID))
    assert nested.column(c.PARENT_ID).null_count == 12


def test_spans_that_only_call_a_tool_have_the_call_and_no_output(shared_data: Path) -> None:
    spans, _ = read(shared_data / "tau_airline_spans.parquet")

    silent = [span for span in spans.to_pylist() if span[c.SPAN_KIND] == "LLM" and span[c.OUTPUT_VALUE] is None]
    calls = [json.loads(span[c.OUTPUT_MESSAGES])[0]["message.tool_calls"][0] for span in silent]

    assert len(calls) > 500
    assert all(call["tool_call.function.name"] for call in calls)
    assert len(set(values(spans, c.SESSION_ID))) == 100


def test_retrieved_documents_are_a_list_of_objects(shared_data: Path) -> None:
    spans, _ = read(shared_data / "grounded_spans.parquet")

    found = [json.loads(value) for value in values(spans, c.DOCUMENTS) if value]

    assert len(found) == 2666
    assert {key for documents in found for document in documents for key in document} == {
        "document.id",
        "document.content",
    }


def test_genai_names_fill_the_columns_that_openinference_would(shared_data: Path) -> None:
    spans, _ = read(shared_data / "formats" / "otel_sdk_vercel_ai_v6.json")

    chat = spans.slice(0, 1).to_pylist()[0]

    assert chat[c.SPAN_KIND] == "LLM"
    assert chat[c.MODEL_NAME] == "gpt-4o-mini-2024-07-18"
    assert (chat[c.TOKENS_PROMPT], chat[c.TOKENS_COMPLETION], chat[c.TOKENS_TOTAL]) == (14, 20, 34)
    assert json.loads(chat[c.INPUT_MESSAGES]) == [
        {"message.role": "user", "message.content": "Write a haiku about programming."}
    ]
    assert chat[c.OUTPUT_VALUE].startswith("Lines of code align")
    assert json.loads(chat[c.OTHER_ATTRIBUTES])["gen_ai.usage.input_tokens"] == 14
    assert chat[c.START_TIME] == datetime(2026, 2, 3, 15, 19, 52, 242000, tzinfo=UTC)


def test_the_minimal_otlp_example_of_the_specification_loads(shared_data: Path) -> None:
    spans, _ = read(shared_data / "formats" / "otlp_json_minimal.json")

    span = spans.to_pylist()[0]

    assert (span[c.SPAN_ID], span[c.PARENT_ID]) == ("eee19b7ec3c1b174", "eee19b7ec3c1b173")
    assert span[c.START_TIME] == datetime(2018, 12, 13, 14, 51, tzinfo=UTC)
    assert json.loads(span[c.OTHER_ATTRIBUTES]) == {
        "my.span.attr": "some value",
        "otel.kind": 2,
        "resource.service.name": "my.service",
        "scope.my.scope.attribute": "some scope attribute",
        "scope.name": "my.library",
        "scope.version": "1.0.0",
    }


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("trail_gold_errors.jsonl", 371),
        ("trail_gold_scores.jsonl", 69),
        ("whowhen_gold.jsonl", 88),
        ("grounded_gold.jsonl", 2666),
        ("pairwise.jsonl.gz", 846),
    ],
)
def test_files_of_labels_are_no_spans_and_say_so_line_by_line(shared_data: Path, name: str, rows: int) -> None:
    spans, problems = read(shared_data / name)

    assert spans.num_rows == 0
    assert [problem.line_number for problem in problems[:100]] == list(range(1, min(rows, 100) + 1))
    assert problems[100:] == [] or problems[100].message == f"{rows - 100} more problems like these"
