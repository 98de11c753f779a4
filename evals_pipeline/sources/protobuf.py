"""OTLP protobuf read into the objects of OTLP/JSON, so that both have one meaning (`otlp`)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, TracesData


def document_of(payload: bytes) -> dict[str, Any]:
    """An `ExportTraceServiceRequest` or `TracesData` message in the form of OTLP/JSON.

    Raises:
        ValueError: The bytes are no such message.
    """
    try:
        message = TracesData.FromString(payload)
    except DecodeError as cause:
        raise ValueError("no OTLP protobuf message, or a damaged one") from cause
    if payload and not message.resource_spans:
        raise ValueError("a protobuf message without spans")
    return {"resourceSpans": list(_resource_spans(message.resource_spans))}


def _resource_spans(members: Iterable[ResourceSpans]) -> Iterator[dict[str, Any]]:
    for member in members:
        scopes = [
            {"scope": _scope(scope_spans.scope), "spans": [_span(span) for span in scope_spans.spans]}
            for scope_spans in member.scope_spans
        ]
        yield {"resource": {"attributes": _attributes(member.resource.attributes)}, "scopeSpans": scopes}


def _scope(scope: InstrumentationScope) -> dict[str, Any]:
    return {"attributes": _attributes(scope.attributes)} | _given(name=scope.name, version=scope.version)


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "attributes": _attributes(span.attributes),
        "status": {"code": span.status.code, **_given(message=span.status.message)},
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        **_given(
            parentSpanId=span.parent_span_id,
            kind=span.kind,
            startTimeUnixNano=span.start_time_unix_nano,
            endTimeUnixNano=span.end_time_unix_nano,
            traceState=span.trace_state,
            flags=span.flags,
            droppedAttributesCount=span.dropped_attributes_count,
            droppedEventsCount=span.dropped_events_count,
            droppedLinksCount=span.dropped_links_count,
        ),
    }


def _event(event: Span.Event) -> dict[str, Any]:
    given = _given(droppedAttributesCount=event.dropped_attributes_count)
    attributes = _attributes(event.attributes)
    return {"timeUnixNano": event.time_unix_nano, "name": event.name, "attributes": attributes, **given}


def _link(link: Span.Link) -> dict[str, Any]:
    given = _given(traceState=link.trace_state, flags=link.flags, droppedAttributesCount=link.dropped_attributes_count)
    return {"traceId": link.trace_id, "spanId": link.span_id, "attributes": _attributes(link.attributes), **given}


def _given(**values: Any) -> dict[str, Any]:
    """The fields that are set: protobuf does not tell an unset field from its default."""
    return {name: value for name, value in values.items() if value}


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(member) for member in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case name:
            return getattr(value, name)
