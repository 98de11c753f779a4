"""Which top-level field of a foreign span means what: the spellings of exports, SDKs and collectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals_pipeline.core import columns as c
from evals_pipeline.sources.attributes import flatten
from evals_pipeline.sources.values import from_json

DURATION = "duration"
OTEL_KIND = "otel.kind"

_ALIASES: Mapping[str, tuple[str, ...]] = {
    c.SPAN_ID: ("context.span_id", "span_id", "spanId", "context.spanId", "spanContext.spanId"),
    c.TRACE_ID: ("context.trace_id", "trace_id", "traceId", "context.traceId", "spanContext.traceId"),
    c.PARENT_ID: ("parent_id", "parent_span_id", "parentId", "parentSpanId", "parentSpanContext.spanId"),
    c.NAME: ("name", "span_name", "spanName"),
    c.SPAN_KIND: ("span_kind", "spanKind"),
    c.START_TIME: ("start_time", "startTime", "start_time_unix_nano", "startTimeUnixNano"),
    c.END_TIME: ("end_time", "endTime", "end_time_unix_nano", "endTimeUnixNano"),
    c.STATUS_CODE: ("status_code", "statusCode", "status", "status.code", "status.status_code"),
    c.STATUS_MESSAGE: ("status_message", "statusMessage", "status.message", "status.description"),
    c.EVENTS: ("events",),
}
_FIELDS = {alias: column for column, aliases in _ALIASES.items() for alias in aliases}
_CONTAINERS = frozenset({"context", "spanContext", "parentSpanContext", "status"})
_HOLDERS = frozenset({"attributes", "span_attributes", "spanAttributes"})
_PREFIX = "attributes."
_OTHERS: Mapping[str, str] = {
    "kind": OTEL_KIND,
    "resource.attributes": "resource",
    "resource_attributes": "resource",
    "resourceAttributes": "resource",
    "instrumentationScope": "scope",
    "instrumentation_scope": "scope",
    "scope_name": "scope.name",
    "scope_version": "scope.version",
    "service_name": "service.name",
    "session_id": "session.id",
    "user_id": "user.id",
}
"""Fields that become attributes under another name."""


def split(span: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a span by column, and everything else as flat attributes."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in span.items():
        name = key if isinstance(key, str) else str(key)
        column = _FIELDS.get(name)
        if value is None:
            continue
        if column and column not in fields and not isinstance(value, dict):
            fields[column] = value
        elif name.startswith(_PREFIX):
            flatten({name[len(_PREFIX) :]: value}, attributes)
        elif name in _HOLDERS:
            flatten(_mapping(value, name), attributes)
        elif name in _CONTAINERS and isinstance(value, dict):
            _take({f"{name}.{inner}": member for inner, member in value.items()}, fields, others)
        else:
            _take({name: value}, fields, others)
    if c.START_TIME not in fields and "timestamp" in others:
        fields[c.START_TIME] = others.pop("timestamp")
    flatten(others, attributes)
    return fields, attributes


def _take(values: Mapping[str, Any], fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name, value in values.items():
        column = _FIELDS.get(name)
        if column and column not in fields:
            fields[column] = value
        elif name == "resource" and isinstance(value, dict) and "attributes" in value:
            rest = {key: member for key, member in value.items() if key != "attributes"}
            others["resource"] = _mapping(value["attributes"], "attributes") | rest
        elif value not in ("", [], {}):
            others[_OTHERS.get(name, name)] = value


def _mapping(value: Any, name: str) -> dict[str, Any]:
    """`value` as a dict: JSON text and the pairs of a Parquet map are read, anything else is kept under `name`."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        try:
            parsed = from_json(value)
        except ValueError:
            parsed = None
        return parsed if isinstance(parsed, dict) else {name: value}
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        return {str(key): member for key, member in value}
    return {name: value}
