"""Spans as OTLP/JSON, in the form the OpenTelemetry collector's file exporter writes."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

ID_KEYS = ("traceId", "spanId", "parentSpanId")
# Names the folders of the machine that recorded, and says nothing else about the bot.
STACKTRACE = "exception.stacktrace"


def encode(spans: Sequence[ReadableSpan], shift_nanoseconds: int = 0) -> ExportTraceServiceRequest:
    """One export request for these spans, all of their times moved by the same amount."""
    request = encode_spans(spans)
    for span in spans_of(request):
        _shift(span, shift_nanoseconds)
        _drop_stacktraces(span)
    return request


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Every span of a request."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def json_spans(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every span of a request that is still JSON."""
    for resource in content.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            yield from scope.get("spans", [])


def to_line(request: ExportTraceServiceRequest) -> str:
    """A request as one line of OTLP/JSON: hex ids, enums as numbers, 64-bit integers as strings."""
    content = MessageToDict(request, use_integers_for_enums=True)
    for span in json_spans(content):
        for key in ID_KEYS:
            if key in span:
                span[key] = base64.b64decode(span[key]).hex()
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def write(requests: Iterable[ExportTraceServiceRequest], path: Path) -> None:
    """Write one request per line, gzip-compressed; the same requests always make the same bytes."""
    text = "".join(to_line(request) + "\n" for request in requests)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _shift(span: Span, nanoseconds: int) -> None:
    span.start_time_unix_nano += nanoseconds
    span.end_time_unix_nano += nanoseconds
    for event in span.events:
        event.time_unix_nano += nanoseconds


def _drop_stacktraces(span: Span) -> None:
    for event in span.events:
        kept = [attribute for attribute in event.attributes if attribute.key != STACKTRACE]
        del event.attributes[:]
        event.attributes.extend(kept)
