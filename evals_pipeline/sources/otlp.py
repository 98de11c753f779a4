"""Spans as OpenTelemetry exports them: OTLP/JSON and OTLP protobuf, one request or a collector's file of many.

https://opentelemetry.io/docs/specs/otlp/ and the collector's `fileexporter`, which writes one JSON request per line, or
protobuf requests each behind its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evals_pipeline.sources.values import identifier

_RESOURCES = ("resourceSpans", "resource_spans")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
_SCOPE = ("scope", "instrumentationLibrary")
_VALUES = ("Value", "_value")
_NO_IDS = frozenset({"0" * 16, "0" * 32})
_ID_FIELDS = {
    "traceId": "traceId",
    "spanId": "spanId",
    "parentSpanId": "parentSpanId",
    "trace_id": "traceId",
    "span_id": "spanId",
    "parent_span_id": "parentSpanId",
}
"""Fields that hold ids, and the one name that each gets."""


def is_document(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is an export request or traces data."""
    return any(name in value for name in _RESOURCES)


def spans_of_json(document: Mapping[str, Any]) -> Iterator[Any]:
    """Each span of an OTLP/JSON object as flat fields; what is malformed comes as it is, to be refused."""
    for resource_spans in _members(document, _RESOURCES):
        if not isinstance(resource_spans, dict):
            yield resource_spans
            continue
        resource = _shared(resource_spans.get("resource"))
        for scope_spans in _members(resource_spans, _SCOPES):
            if not isinstance(scope_spans, dict):
                yield scope_spans
                continue
            scope = _shared(_first(scope_spans, _SCOPE))
            for span in _members(scope_spans, ("spans",)):
                yield _span(span, resource, scope) if isinstance(span, dict) else span


def _first(holder: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((holder[name] for name in names if name in holder), None)


def _members(holder: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    found = _first(holder, names)
    return found if isinstance(found, list) else [] if found is None else [found]


def _shared(holder: Any) -> dict[str, Any]:
    """A resource or a scope: its attributes beside its other fields."""
    if not isinstance(holder, dict):
        return {}
    rest = {name: value for name, value in holder.items() if name != "attributes"}
    return attributes_of(holder.get("attributes")) | rest


def _span(span: Mapping[str, Any], resource: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    fields = _with_attributes(span)
    for name in ("events", "links"):
        members = _members(span, (name,))
        fields[name] = [_with_attributes(member) if isinstance(member, dict) else member for member in members]
    return fields | {"resource": dict(resource), "scope": dict(scope)}


def _identified(value: Any) -> str | None:
    """An id as lower-case hex, so that JSON and protobuf of one span agree; ids of zeros mean none."""
    found = identifier(value)
    return found.lower() if found is not None and found not in _NO_IDS else None


def _with_attributes(member: Mapping[str, Any]) -> dict[str, Any]:
    """A span, an event or a link with its ids as hex and its attributes as a dict."""
    fields = {name: value for name, value in member.items() if name not in _ID_FIELDS}
    ids = {_ID_FIELDS[name]: _identified(value) for name, value in member.items() if name in _ID_FIELDS}
    return fields | ids | {"attributes": attributes_of(member.get("attributes"))}


def attributes_of(pairs: Any) -> dict[str, Any]:
    """OTLP's list of key and typed value as a dict; a dict is one already."""
    if isinstance(pairs, dict):
        return pairs
    members = pairs if isinstance(pairs, list) else []
    return {str(pair.get("key")): _value(pair.get("value")) for pair in members if isinstance(pair, dict)}


def _value(value: Any) -> Any:
    """The one value inside OTLP's AnyValue, whatever its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return None if value == {} else value
    ((name, inner),) = value.items()
    match name:
        case "intValue" | "int_value":
            return int(inner) if isinstance(inner, str) and inner.lstrip("-").isdecimal() and len(inner) < 21 else inner
        case "doubleValue" | "double_value":
            return _number(inner)
        case "arrayValue" | "array_value":
            return [_value(member) for member in _members(inner, ("values",))] if isinstance(inner, dict) else inner
        case "kvlistValue" | "kvlist_value":
            return attributes_of(inner.get("values")) if isinstance(inner, dict) else inner
    return inner if name.endswith(_VALUES) else value


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
