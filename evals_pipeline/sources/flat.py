"""Spans as objects of their own: rows of an export, objects of a JSON-lines file, members of a JSON list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evals_pipeline.sources import otlp, trail

_LISTS = ("spans", "data")
"""Fields that hold a list of spans: Phoenix's REST API says `data`, most dumps say `spans`."""


def spans_in(value: Any) -> Iterator[Any]:
    """Each span of a parsed JSON value, whichever form it has; what is no span comes as it is, to be refused."""
    if isinstance(value, list):
        for member in value:
            yield from spans_in(member) if isinstance(member, dict) else (member,)
    elif not isinstance(value, dict):
        yield value
    elif otlp.is_document(value):
        yield from otlp.spans_of_json(value)
    elif (members := _listed(value)) is not None:
        yield from _spans_of_trace(value, members)
    elif trail.is_nested(value):
        yield from trail.spans_of(value)
    else:
        yield value


def _listed(value: Mapping[str, Any]) -> list[Any] | None:
    found = [value[name] for name in _LISTS if isinstance(value.get(name), list)]
    return found[0] if found and not _is_span(value) else None


def _is_span(value: Mapping[str, Any]) -> bool:
    return not value.keys().isdisjoint(("span_id", "context.span_id", "spanId", "context", "spanContext"))


def _spans_of_trace(trace: Mapping[str, Any], members: list[Any]) -> Iterator[Any]:
    """The spans under `members`, with the trace's id where a span names none."""
    trace_id = trace.get("trace_id", trace.get("traceId"))
    for member in members:
        for span in spans_in(member):
            is_anonymous = isinstance(span, dict) and trace_id is not None and not _has_trace_id(span)
            yield {**span, "trace_id": trace_id} if is_anonymous else span


def _has_trace_id(span: Mapping[str, Any]) -> bool:
    return not span.keys().isdisjoint(("trace_id", "traceId", "context.trace_id", "context", "spanContext"))
