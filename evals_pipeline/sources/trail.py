"""Spans that hold their children, as TRAIL publishes traces: `{"spans": [{…, "child_spans": [{…}]}]}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_CHILDREN = "child_spans"


def is_nested(value: Mapping[str, Any]) -> bool:
    """Whether a span has its children inside."""
    return isinstance(value.get(_CHILDREN), list)


def spans_of(root: Mapping[str, Any]) -> Iterator[Any]:
    """The root and all spans below it, each before its children; a child without a parent's id gets it."""
    waiting: list[Any] = [root]
    while waiting:
        span = waiting.pop()
        if not isinstance(span, dict):
            yield span
            continue
        children = span.get(_CHILDREN)
        if not isinstance(children, list):
            yield span
            continue
        yield {name: value for name, value in span.items() if name != _CHILDREN}
        waiting.extend(_with_parent(child, span) for child in reversed(children))


def _with_parent(child: Any, parent: Mapping[str, Any]) -> Any:
    if not isinstance(child, dict):
        return child
    inherited = {"parent_span_id": parent.get("span_id"), "trace_id": parent.get("trace_id")}
    return {name: value for name, value in inherited.items() if value is not None} | {
        name: value for name, value in child.items() if value is not None
    }
