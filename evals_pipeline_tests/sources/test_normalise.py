import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.sources.normalise import SPAN_SCHEMA, BadSpanError, span_row, span_table
from evals_pipeline_tests.sources.building import SPAN_ID, TRACE_ID, others, row, span

NOON = datetime(2025, 3, 19, 12, tzinfo=UTC)
NANOSECONDS = 1_742_385_600_000_000_000


def test_a_row_has_exactly_the_columns_of_the_lake_in_order() -> None:
    assert list(row()) == list(c.SPAN_COLUMNS) == SPAN_SCHEMA.names


def test_the_barest_span_is_a_row_of_nulls_and_defaults() -> None:
    given = {name: value for name, value in row().items() if value is not None}

    assert given == {
        c.SPAN_ID: SPAN_ID,
        c.TRACE_ID: TRACE_ID,
        c.START_TIME: datetime(2025, 3, 19, 16, 40, 25, 633012, tzinfo=UTC),
        c.SPAN_KIND: "UNKNOWN",
        c.STATUS_CODE: "UNSET",
    }


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("context.span_id", "no span id; there is: context.trace_id, start_time"),
        ("context.trace_id", "no trace id; there is: context.span_id, start_time"),
        ("start_time", "no start time; there is: context.span_id, context.trace_id"),
    ],
)
def test_a_span_without_what_it_needs_is_bad(missing: str, reason: str) -> None:
    incomplete = {name: value for name, value in span().items() if name != missing}

    with pytest.raises(BadSpanError, match=f"^{reason}$"):
        span_row(incomplete)


@pytest.mark.parametrize("value", [None, 7, "text", [1], True], ids=repr)
def test_what_is_no_object_is_bad(value: object) -> None:
    with pytest.raises(BadSpanError, match="a span is an object of fields, not"):
        span_row(value)


def test_an_error_names_fields_and_never_values() -> None:
    with pytest.raises(BadSpanError) as caught:
        span_row(span(start_time="secret of the user"))

    assert str(caught.value) == "its start time cannot be read as one"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2025-03-19T12:00:00Z", id="ISO"),
        pytest.param("2025-03-19T12:00:00", id="ISO without zone is UTC"),
        pytest.param("2025-03-19 14:00:00.000000000+02:00", id="ISO of another zone, nanoseconds"),
        pytest.param(NANOSECONDS, id="nanoseconds"),
        pytest.param(str(NANOSECONDS), id="nanoseconds as text"),
        pytest.param(NANOSECONDS // 10**3, id="microseconds"),
        pytest.param(NANOSECONDS // 10**6, id="milliseconds"),
        pytest.param(NANOSECONDS / 10**9, id="seconds"),
        pytest.param([NANOSECONDS // 10**9, 0], id="seconds and nanoseconds"),
        pytest.param(datetime(2025, 3, 19, 7, tzinfo=timezone(timedelta(hours=-5))), id="datetime"),
        pytest.param(datetime(2025, 3, 19, 12), id="datetime without zone"),  # noqa: DTZ001 - the case itself
        pytest.param(pd.Timestamp("2025-03-19 12:00", tz="UTC"), id="pandas"),
        pytest.param(np.int64(NANOSECONDS), id="numpy"),
    ],
)
def test_a_time_is_read_however_it_is_written(value: Any) -> None:
    assert row(start_time=value, end_time=value)[c.START_TIME] == NOON


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("soon", id="nonsense"),
        pytest.param("", id="empty"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(pd.NaT, id="NaT"),
        pytest.param(0, id="zero"),
        pytest.param(-1, id="before 1970"),
        pytest.param(10**30, id="beyond any calendar"),
        pytest.param("0001-01-01T00:00:00Z", id="Go's zero time"),
        pytest.param("9999-12-31T23:59:59-14:00", id="beyond the last year"),
        pytest.param({"seconds": 1}, id="an object"),
        pytest.param(True, id="true"),
    ],
)
def test_a_time_that_is_none_makes_a_bad_start_and_a_null_end(value: Any) -> None:
    with pytest.raises(BadSpanError, match="its start time cannot be read"):
        row(start_time=value)
    assert row(end_time=value)[c.END_TIME] is None


def test_an_end_before_the_start_is_kept() -> None:
    assert row(start_time="2025-03-19T12:00:00Z", end_time="2025-03-19T11:00:00Z")[c.END_TIME] < NOON


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("PT5M54.567S", 354.567), ("PT0S", 0), ("PT1H", 3600), ("P1DT1S", 86_401)],
)
def test_a_duration_gives_the_end_where_there_is_none(duration: str, seconds: float) -> None:
    found = row(start_time="2025-03-19T12:00:00Z", duration=duration)

    assert found[c.END_TIME] == NOON + timedelta(seconds=seconds)
    assert found[c.OTHER_ATTRIBUTES] is None


@pytest.mark.parametrize("duration", ["P", "PT", "5 minutes", "P1Y", 12.5, "PT999999999999S"])
def test_a_duration_that_says_nothing_is_kept_as_an_attribute(duration: Any) -> None:
    assert row(duration=duration)[c.END_TIME] is None
    assert others(duration=duration) == {"duration": duration}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Ok", "OK"),
        ("Error", "ERROR"),
        ("Unset", "UNSET"),
        ("STATUS_CODE_ERROR", "ERROR"),
        ("StatusCode.OK", "OK"),
        (0, "UNSET"),
        (1, "OK"),
        (2, "ERROR"),
        ("2", "ERROR"),
        ({"code": 2}, "ERROR"),
        ({"status_code": "OK"}, "OK"),
        (None, "UNSET"),
        (99, "UNSET"),
        ("green", "UNSET"),
        ([], "UNSET"),
    ],
    ids=repr,
)
def test_a_status_has_one_of_three_codes(given: Any, code: str) -> None:
    name = "status" if isinstance(given, dict) else "status_code"

    assert row(**{name: given})[c.STATUS_CODE] == code


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"attributes.openinference.span.kind": "llm"}, "LLM"),
        ({"attributes": {"openinference": {"span": {"kind": "TOOL"}}}}, "TOOL"),
        ({"span_kind": "Chain"}, "CHAIN"),
        ({"span_kind": "SPAN_KIND_INTERNAL"}, "UNKNOWN"),
        ({"span_kind": "Internal"}, "UNKNOWN"),
        ({"kind": "SpanKind.SERVER"}, "UNKNOWN"),
        ({"span_kind": "Server", "attributes.openinference.span.kind": "AGENT"}, "AGENT"),
        ({"span_kind": 3}, "UNKNOWN"),
        ({"attributes.openinference.span.kind": 3}, "UNKNOWN"),
        ({}, "UNKNOWN"),
    ],
    ids=repr,
)
def test_the_kind_is_openinference_s_and_never_opentelemetry_s(fields: dict[str, Any], kind: str) -> None:
    assert row(**fields)[c.SPAN_KIND] == kind


@pytest.mark.parametrize(
    ("given", "number"),
    [(3817, 3817), ("3817", 3817), (3817.0, 3817), ("3817.0", 3817), (np.int32(3817), 3817), (" 12 ", 12)],
    ids=repr,
)
def test_a_token_count_is_a_number_however_it_is_written(given: Any, number: int) -> None:
    assert row(**{c.TOKENS_PROMPT: given})[c.TOKENS_PROMPT] == number


@pytest.mark.parametrize("given", ["many", "1_000", 12.5, True, 2**70, [1]], ids=repr)
def test_a_token_count_that_is_no_number_stays_an_attribute(given: Any) -> None:
    assert row(**{c.TOKENS_PROMPT: given})[c.TOKENS_PROMPT] is None
    assert others(**{c.TOKENS_PROMPT: given}) == {"llm.token_count.prompt": given}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("00F067AA0BA902B7", "00F067AA0BA902B7"),
        ("0x00f067aa0ba902b7", "00f067aa0ba902b7"),
        ("APBnqgupArc=", "00f067aa0ba902b7"),
        (b"\x00\xf0", "00f0"),
        (12345, "12345"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
    ids=repr,
)
def test_an_id_is_text_as_given_and_base64_becomes_hex(given: Any, found: str) -> None:
    assert row(**{c.SPAN_ID: given})[c.SPAN_ID] == found


@pytest.mark.parametrize("given", ["", " ", 1.5, True, [], {}, b""], ids=repr)
def test_what_is_no_id_is_bad(given: Any) -> None:
    with pytest.raises(BadSpanError, match="span id"):
        row(**{c.SPAN_ID: given})


MESSAGES = [
    {"message.role": "user", "message.content": "weather?"},
    {
        "message.role": "assistant",
        "message.tool_calls": [
            {"tool_call.id": "a", "tool_call.function.name": "f", "tool_call.function.arguments": "{}"}
        ],
    },
]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"attributes.llm.input_messages": MESSAGES}, id="a list with dotted keys"),
        pytest.param(
            {
                "attributes": {
                    "llm.input_messages.1.message.role": "assistant",
                    "llm.input_messages.0.message.role": "user",
                    "llm.input_messages.0.message.content": "weather?",
                    "llm.input_messages.1.message.tool_calls.0.tool_call.id": "a",
                    "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "f",
                    "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": "{}",
                }
            },
            id="flattened indices",
        ),
        pytest.param(
            {
                "attributes": {
                    "llm": {
                        "input_messages": [
                            {"message": {"role": "user", "content": "weather?"}},
                            {
                                "message": {
                                    "role": "assistant",
                                    "tool_calls": [
                                        {"tool_call": {"id": "a", "function": {"name": "f", "arguments": "{}"}}}
                                    ],
                                }
                            },
                        ]
                    }
                }
            },
            id="nested objects",
        ),
        pytest.param(
            {"attributes.llm.input_messages": [MESSAGES[0] | {"message.tool_calls": None}, MESSAGES[1]]},
            id="null members as Parquet has them",
        ),
        pytest.param({"attributes.llm.input_messages": np.array(MESSAGES, dtype=object)}, id="numpy as pandas has it"),
        pytest.param({"attributes.llm.input_messages": json.dumps(MESSAGES)}, id="JSON text"),
    ],
)
def test_messages_are_one_list_however_they_come(fields: dict[str, Any]) -> None:
    found = row(**fields)

    assert json.loads(found[c.INPUT_MESSAGES]) == MESSAGES
    assert found[c.OTHER_ATTRIBUTES] is None


def test_a_retriever_that_found_nothing_says_so() -> None:
    assert row(**{c.DOCUMENTS: []})[c.DOCUMENTS] == "[]"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"env": "prod", "n": [1]}, '{"env":"prod","n":[1]}'),
        ('{"env": "prod"}', '{"env": "prod"}'),
        ("no JSON", "no JSON"),
        ([1, 2], "[1,2]"),
    ],
    ids=repr,
)
def test_metadata_is_json_text(given: Any, found: str) -> None:
    assert row(**{c.METADATA: given})[c.METADATA] == found


def test_metadata_that_was_flattened_is_one_object_again() -> None:
    found = row(**{"attributes.metadata.env": "prod", "attributes.metadata.run.id": 7})

    assert json.loads(found[c.METADATA]) == {"env": "prod", "run.id": 7}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("text", "text"),
        ("", ""),
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'),
        (7, "7"),
        (True, "true"),
        (b"bytes", "bytes"),
        ("a\0b", "a\0b"),
        ("a\ud800b", "a\ufffdb"),
        (None, None),
        (float("nan"), None),
    ],
    ids=repr,
)
def test_an_input_is_text_or_json_text(given: Any, found: str | None) -> None:
    assert row(**{c.INPUT_VALUE: given})[c.INPUT_VALUE] == found


def test_an_input_of_many_megabytes_passes() -> None:
    long = "é" * 8_000_000

    spans = span_table([row(**{c.INPUT_VALUE: long})])

    assert spans.column(c.INPUT_VALUE)[0].as_py() == long


def test_every_other_attribute_is_kept_under_its_own_name() -> None:
    found = others(
        **{
            "attributes.llm.invocation_parameters": '{"temperature": 0}',
            "attributes": {"my": {"key": 3}, "tags": ["a"], "deep": {"er": {"x": None, "y": 1}}, "empty": {}},
            "resource": {"attributes": {"service.name": "bot"}, "schema_url": ""},
            "links": [{"span_id": "x"}],
            "trace_state": "",
        }
    )

    assert found == {
        "llm.invocation_parameters": '{"temperature": 0}',
        "my.key": 3,
        "tags": ["a"],
        "deep.er.y": 1,
        "empty": {},
        "resource.service.name": "bot",
        "resource.schema_url": "",
        "links": [{"span_id": "x"}],
    }


def test_attributes_that_json_cannot_hold_are_made_safe() -> None:
    found = row(
        attributes={"nan": [float("nan")], "raw": b"\xff\xfe", "big": 2**80, "half": "\ud800", "at": NOON, "set": {1}}
    )

    assert json.loads(found[c.OTHER_ATTRIBUTES]) == {
        "nan": [None],
        "raw": "//4=",
        "big": 2**80,
        "half": "\ufffd",
        "at": "2025-03-19T12:00:00+00:00",
        "set": [1],
    }


def test_our_own_export_reads_back_as_it_was() -> None:
    original = row(**{c.INPUT_VALUE: "x", "attributes.my.key": 3, c.METADATA: {"a": 1}, "span_kind": "LLM"})

    assert span_row(original) == original


@pytest.mark.parametrize(
    "event",
    [
        {"name": "exception", "timestamp": NOON, "attributes": {"exception.type": "E"}},
        {"Name": "exception", "Timestamp": "2025-03-19T12:00:00", "Attributes": {"exception.type": "E"}},
        {"name": "exception", "timeUnixNano": str(NANOSECONDS), "attributes": {"exception.type": "E"}},
    ],
    ids=["Phoenix", "TRAIL", "OTLP"],
)
def test_events_have_one_form(event: dict[str, Any]) -> None:
    assert json.loads(row(events=[event])[c.EVENTS]) == [
        {"name": "exception", "timestamp": "2025-03-19T12:00:00+00:00", "attributes": {"exception.type": "E"}}
    ]


@pytest.mark.parametrize("events", [[], None, "[]", np.array([])], ids=repr)
def test_no_events_are_null(events: Any) -> None:
    assert row(events=events)[c.EVENTS] is None


def test_messages_of_parts_and_tool_calls_are_read_from_genai_names() -> None:
    parts = [
        {"role": "user", "parts": [{"type": "text", "content": "weather?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "f", "arguments": {"x": 1}}]},
    ]

    found = row(attributes={"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(parts)})

    assert found[c.SPAN_KIND] == "LLM"
    assert json.loads(found[c.INPUT_MESSAGES]) == [
        {"message.role": "user", "message.content": "weather?"},
        {
            "message.role": "assistant",
            "message.tool_calls": [
                {"tool_call.id": "a", "tool_call.function.name": "f", "tool_call.function.arguments": '{"x":1}'}
            ],
        },
    ]


def test_genai_names_never_replace_what_openinference_says() -> None:
    found = row(attributes={"llm.model_name": "mine", "gen_ai.request.model": "theirs", "gen_ai.prompt.0.role": "user"})

    assert found[c.MODEL_NAME] == "mine"
    assert json.loads(found[c.INPUT_MESSAGES]) == [{"message.role": "user"}]
    assert json.loads(found[c.OTHER_ATTRIBUTES])["gen_ai.request.model"] == "theirs"


def test_a_span_nested_beyond_measure_is_bad() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(BadSpanError, match="nested too deeply"):
        row(attributes=deep)
