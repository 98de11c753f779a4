"""Check recorded traces and count what they hold: every line, every parent, every triage reply."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from openinference.semconv.trace import SpanAttributes
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

# isort: split
from recording.otlp_json import ID_KEYS, json_spans, spans_of

FOLDER = Path(__file__).parent
DAY_NANOSECONDS = 86_400_000_000_000
EVERY_SPAN = (SpanAttributes.SESSION_ID, SpanAttributes.USER_ID, SpanAttributes.METADATA)
REPLY = "llm.output_messages.0.message.content"


class BrokenTraceError(ValueError):
    """A trace file holds something that a recording must not hold."""

    @classmethod
    def of(cls, span: Span, trouble: str) -> BrokenTraceError:
        """The error for one span."""
        return cls(f"span {span.name!r} of trace {span.trace_id.hex()}: {trouble}")


def read(folder: Path) -> Iterator[ExportTraceServiceRequest]:
    """Every request of a folder, parsed as the OTLP message it is; anything unknown to OTLP raises."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(_request, lines)


def traces(requests: Iterator[ExportTraceServiceRequest]) -> Mapping[bytes, Sequence[Span]]:
    """The spans by their trace id."""
    grouped: defaultdict[bytes, list[Span]] = defaultdict(list)
    for request in requests:
        for span in spans_of(request):
            grouped[span.trace_id].append(span)
    return grouped


def check(spans: Sequence[Span]) -> None:
    """Raise `BrokenTraceError` unless these spans are one whole trace."""
    by_id = {span.span_id: span for span in spans}
    if len(by_id) < len(spans) or sum(not span.parent_span_id for span in spans) != 1:
        raise BrokenTraceError.of(spans[0], "two spans share an id, or there is not exactly one root")
    for span in spans:
        if span.parent_span_id and span.parent_span_id not in by_id:
            raise BrokenTraceError.of(span, "its parent is missing")
        if span.start_time_unix_nano > span.end_time_unix_nano:
            raise BrokenTraceError.of(span, "it ends before it starts")
        if missing := [key for key in EVERY_SPAN if key not in attributes(span)]:
            raise BrokenTraceError.of(span, f"it has no {missing}")


def attributes(span: Span) -> dict[str, Any]:
    """A span's attributes by name; the recorded values are all strings or numbers."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def summary(recorded: Mapping[bytes, Sequence[Span]]) -> dict[str, Any]:
    """What was recorded, by name of the count."""
    spans = [span for of_trace in recorded.values() for span in of_trace]
    roots = [span for span in spans if not span.parent_span_id]
    starts = [span.start_time_unix_nano for span in roots]
    seconds = [(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 for span in roots]
    return {
        "traces": len(recorded),
        "sessions": len({attributes(span)[SpanAttributes.SESSION_ID] for span in roots}),
        "days": len({start // DAY_NANOSECONDS for start in starts}),
        "spans by kind": Counter(attributes(span)[SpanAttributes.OPENINFERENCE_SPAN_KIND] for span in spans),
        "failed spans": sum(span.status.code == Status.STATUS_CODE_ERROR for span in spans),
        "answers with an order number": sum(_names_an_order(span) for span in roots),
        "triage replies by release, JSON or not": _triage_replies(spans),
        "seconds per turn": {"mean": round(sum(seconds) / len(seconds), 2), "longest": round(max(seconds), 2)},
    }


def _request(line: str) -> ExportTraceServiceRequest:
    content = json.loads(line)
    for span in json_spans(content):
        for key in ID_KEYS:
            if key in span:
                span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return ParseDict(content, ExportTraceServiceRequest())


def _triage_replies(spans: Sequence[Span]) -> Mapping[str, int]:
    triage = {span.span_id for span in spans if span.name == "triage"}
    replies = [attributes(span) for span in spans if span.parent_span_id in triage]
    return Counter(
        f"{json.loads(reply[SpanAttributes.METADATA])['release']} {'json' if _is_object(reply[REPLY]) else 'not json'}"
        for reply in replies
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False


def _names_an_order(root: Span) -> bool:
    return bool(re.search(r"ORD-\d{6}", attributes(root)[SpanAttributes.OUTPUT_VALUE]))


def main() -> None:
    """Check the folder that the command line names and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER / "traces")
    recorded = traces(read(parser.parse_args().folder))
    for spans in recorded.values():
        check(spans)
    for name, value in summary(recorded).items():
        print(f"{name}: {dict(value) if isinstance(value, Counter) else value}")


if __name__ == "__main__":
    main()
