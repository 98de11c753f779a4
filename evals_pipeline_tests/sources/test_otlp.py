import base64
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from google.protobuf.json_format import MessageToDict, MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from evals_pipeline.core import columns as c
from evals_pipeline_tests.sources.building import ids, line, places, read


def attribute(key: str, **value: Any) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(**value))


def request(number: int = 0) -> ExportTraceServiceRequest:
    """One request with two spans, in which every type of attribute occurs."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.append(attribute("service.name", string_value="bot"))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "openinference", "1.0"
    root = scope.spans.add(
        trace_id=bytes([number]) * 15 + b"\1", span_id=bytes([number]) * 7 + b"\1", name="root", kind=1
    )
    root.start_time_unix_nano, root.end_time_unix_nano = 1_742_385_600_000_000_000, 1_742_385_601_500_000_000
    child = scope.spans.add(trace_id=root.trace_id, span_id=bytes([number]) * 7 + b"\2", parent_span_id=root.span_id)
    child.name, child.start_time_unix_nano, child.kind = "ChatCompletion", 1_742_385_600_500_000_000, 3
    child.attributes.extend(
        [
            attribute("openinference.span.kind", string_value="LLM"),
            attribute("input.value", string_value="Grüße \0 🎈"),
            attribute("llm.token_count.prompt", int_value=2**53 + 1),
            attribute("llm.input_messages.0.message.role", string_value="user"),
            attribute("temperature", double_value=0.5),
            attribute("streaming", bool_value=False),
            attribute("zero", int_value=0),
            attribute("tags", array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=7)])),
            attribute("nested", kvlist_value=KeyValueList(values=[attribute("inner", int_value=1)])),
            attribute("raw", bytes_value=b"\xff"),
        ]
    )
    child.status.code, child.status.message = 2, "boom"
    event = child.events.add(name="exception", time_unix_nano=1_742_385_600_600_000_000)
    event.attributes.append(attribute("exception.type", string_value="ValueError"))
    child.links.add(trace_id=root.trace_id, span_id=root.span_id)
    return message


def hex_json(message: ExportTraceServiceRequest) -> dict[str, Any]:
    """OTLP/JSON: as protobuf's JSON, but with ids in hex."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for holder in (span, *span.get("links", [])):
            for key in {"traceId", "spanId", "parentSpanId"} & set(holder):
                holder[key] = base64.b64decode(holder[key]).hex()
    return document


def framed(*payloads: bytes) -> bytes:
    return b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads)


FORMS = {
    "protobuf.pb": lambda message: message.SerializeToString(),
    "protobuf without an ending": lambda message: message.SerializeToString(),
    "framed.bin": lambda message: framed(message.SerializeToString()),
    "framed and compressed one by one.otlp": lambda message: framed(zstandard.compress(message.SerializeToString())),
    "framed json.bin": lambda message: framed(json.dumps(hex_json(message)).encode()),
    "line.jsonl": lambda message: line(hex_json(message)).encode(),
    "document.json": lambda message: json.dumps(hex_json(message), indent=2).encode(),
    "base64 ids.json": lambda message: MessageToJson(message).encode(),
    "snake case.json": lambda message: MessageToJson(message, preserving_proto_field_name=True).encode(),
    "compressed.pb.zst": lambda message: zstandard.compress(message.SerializeToString()),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_request_gives_the_same_spans_in_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name](request()))

    spans, problems = read(tmp_path)

    root, child = spans.to_pylist()
    assert problems == []
    assert (root[c.SPAN_ID], root[c.TRACE_ID], root[c.PARENT_ID]) == ("0" * 15 + "1", "0" * 31 + "1", None)
    assert (root[c.END_TIME] - root[c.START_TIME]).total_seconds() == 1.5
    assert (root[c.SPAN_KIND], root[c.STATUS_CODE], root[c.EVENTS]) == ("UNKNOWN", "UNSET", None)
    assert child[c.PARENT_ID] == root[c.SPAN_ID]
    assert (child[c.SPAN_KIND], child[c.STATUS_CODE], child[c.STATUS_MESSAGE]) == ("LLM", "ERROR", "boom")
    assert child[c.INPUT_VALUE] == "Grüße \0 🎈"
    assert child[c.TOKENS_PROMPT] == 2**53 + 1
    assert child[c.INPUT_MESSAGES] == '[{"message.role":"user"}]'
    assert json.loads(child[c.EVENTS])[0]["attributes"] == {"exception.type": "ValueError"}
    others = json.loads(child[c.OTHER_ATTRIBUTES])
    assert others.pop("otel.kind") in (3, "SPAN_KIND_CLIENT")
    assert others == {
        "temperature": 0.5,
        "streaming": False,
        "zero": 0,
        "tags": ["a", 7],
        "nested.inner": 1,
        "raw": "/w==",
        "links": [{"traceId": root[c.TRACE_ID], "spanId": root[c.SPAN_ID], "attributes": {}}],
        "resource.service.name": "bot",
        "scope.name": "openinference",
        "scope.version": "1.0",
    }


def test_a_collector_s_file_holds_many_requests(tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_text("".join(line(hex_json(request(number))) for number in range(1, 4)))
    (tmp_path / "frames.pb").write_bytes(framed(*(request(number).SerializeToString() for number in range(4, 8))))

    spans, problems = read(tmp_path)

    assert problems == []
    assert len(set(ids(spans))) == 2 * 7


def test_frames_before_a_cut_are_kept(tmp_path: Path) -> None:
    first, second = (request(number).SerializeToString() for number in (1, 2))
    (tmp_path / "cut.pb").write_bytes(framed(first, second)[:-5])

    spans, problems = read(tmp_path)

    assert spans.num_rows == 2
    assert [problem.message for problem in problems] == [
        f"the protobuf data is cut off or damaged after byte {len(first) + 4}"
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("cut.pb", request().SerializeToString()[:-5]), ("noise.bin", bytes(range(256))), ("text", b"hello, world\n")],
    ids=["cut message", "noise", "text"],
)
def test_bytes_that_are_no_spans_are_one_problem(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    spans, problems = read(tmp_path)

    assert spans.num_rows == 0
    assert len(problems) == 1


def test_malformed_parts_of_a_request_do_not_cost_the_others(tmp_path: Path) -> None:
    document = hex_json(request())
    document["resourceSpans"].insert(0, 5)
    document["resourceSpans"].append({"scopeSpans": [None, {"spans": ["x", {"name": "no ids"}]}]})
    (tmp_path / "mixed.jsonl").write_text(line(document))

    spans, problems = read(tmp_path)

    assert spans.num_rows == 2
    assert places(problems) == [1, 1, 1, 1]


def test_ids_of_zeros_are_no_ids(tmp_path: Path) -> None:
    document = hex_json(request())
    root, child = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    root["parentSpanId"], child["spanId"] = "0" * 16, "0" * 16
    (tmp_path / "zeros.json").write_text(line(document))

    spans, problems = read(tmp_path)

    assert spans.column(c.PARENT_ID).to_pylist() == [None]
    assert "span 2: no span id" in problems[0].message
