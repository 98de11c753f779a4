"""Events of a span (exceptions, logged steps) as JSON text: a list of name, timestamp and attributes."""

from __future__ import annotations

from typing import Any

from evals_pipeline.sources.times import timestamp
from evals_pipeline.sources.values import json_text, text

_NAMES = {
    "Name": "name",
    "Timestamp": "timestamp",
    "Attributes": "attributes",
    "time": "timestamp",
    "timeUnixNano": "timestamp",
    "time_unix_nano": "timestamp",
}


def events_text(events: Any) -> str | None:
    """JSON text of a list of events, None where there are none; text is kept as it stands."""
    if events is None or isinstance(events, str):
        return text(events) if events and events.strip() not in ("[]", "null") else None
    if hasattr(events, "tolist"):
        events = events.tolist()
    if not isinstance(events, list | tuple):
        return json_text(events)
    kept = [_event(event) for event in events if event is not None]
    return json_text(kept) if kept else None


def _event(event: Any) -> Any:
    if not isinstance(event, dict):
        return event
    named = {_NAMES.get(str(key), str(key)): value for key, value in event.items() if value is not None}
    time = timestamp(named.get("timestamp"))
    return named | ({"timestamp": time.isoformat()} if time else {})
