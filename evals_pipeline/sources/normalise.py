"""Any span made into one row of the lake: the rules that all forms of spans obey.

What has no column, or does not fit into its column, is kept in the JSON of column `attributes`: nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa

from evals_pipeline.core import columns as c
from evals_pipeline.sources.attributes import fold, tidy
from evals_pipeline.sources.events import events_text
from evals_pipeline.sources.fields import DURATION, OTEL_KIND, split
from evals_pipeline.sources.genai import fill_from_genai
from evals_pipeline.sources.times import duration, end_after, timestamp
from evals_pipeline.sources.values import count, identifier, json_text, text

_ARROW_TYPES = {
    c.TEXT: pa.string(),
    c.JSON_TEXT: pa.string(),
    c.INTEGER: pa.int64(),
    c.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}
SPAN_SCHEMA = pa.schema([(name, _ARROW_TYPES[type_]) for name, type_ in c.SPAN_COLUMNS.items()])
"""The columns of `core.columns.SPAN_COLUMNS` as Arrow spells them."""

_KIND_ATTRIBUTE = "openinference.span.kind"
_UNKNOWN_KIND = "UNKNOWN"
_OTEL_KINDS = frozenset({"INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER", "UNSPECIFIED"})
_STATUS_CODES = ("UNSET", "OK", "ERROR")
"""In the order of their OpenTelemetry numbers."""
_SHOWN_KEYS = 8
_T = TypeVar("_T")


class BadSpanError(ValueError):
    """One span cannot become a row; its text says why and holds names of fields, never their values."""


def _messages(value: Any) -> str | None:
    return text(value) if isinstance(value, str) else json_text(tidy(value))


ATTRIBUTE_COLUMNS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    column.removeprefix("attributes."): (
        column,
        _messages
        if column in (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES, c.DOCUMENTS)
        else count
        if type_ == c.INTEGER
        else text,
    )
    for column, type_ in c.SPAN_COLUMNS.items()
    if column.startswith("attributes.")
}
"""Name of an attribute -> its column and what turns its value into that column's."""


def span_row(span: object) -> dict[str, Any]:
    """One span in any form as a row with exactly the columns of `SPAN_COLUMNS`, in order.

    Raises:
        BadSpanError: The span has no id, no trace id or no start, or is nested too deeply to read.
    """
    if not isinstance(span, dict):
        raise BadSpanError(f"a span is an object of fields, not {_kind_of(span)}")
    try:
        return _row(span)
    except RecursionError as cause:
        raise BadSpanError("nested too deeply") from cause


def span_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of `span_row` as a table of `SPAN_SCHEMA`."""
    return pa.table([pa.array([row[name] for row in rows], type_) for name, type_ in _TYPES], schema=SPAN_SCHEMA)


_TYPES = [(field.name, field.type) for field in SPAN_SCHEMA]


def _row(span: Mapping[Any, Any]) -> dict[str, Any]:
    fields, attributes = split(span)
    fold(attributes)
    row: dict[str, Any] = dict.fromkeys(c.SPAN_COLUMNS)
    row[c.SPAN_ID] = _required(identifier(fields.get(c.SPAN_ID)), "span id", c.SPAN_ID in fields, span)
    row[c.TRACE_ID] = _required(identifier(fields.get(c.TRACE_ID)), "trace id", c.TRACE_ID in fields, span)
    start = _required(timestamp(fields.get(c.START_TIME)), "start time", c.START_TIME in fields, span)
    row[c.PARENT_ID] = identifier(fields.get(c.PARENT_ID))
    row[c.NAME] = text(fields.get(c.NAME))
    row[c.SPAN_KIND] = _span_kind(fields.get(c.SPAN_KIND), attributes)
    row[c.START_TIME] = start
    row[c.END_TIME] = _end_time(start, fields.get(c.END_TIME), attributes)
    row[c.STATUS_CODE] = _status_code(fields.get(c.STATUS_CODE), attributes)
    row[c.STATUS_MESSAGE] = text(fields.get(c.STATUS_MESSAGE))
    row[c.EVENTS] = events_text(fields.get(c.EVENTS))
    _take_columns(attributes, row)
    fill_from_genai(attributes, row)
    row[c.OTHER_ATTRIBUTES] = json_text(attributes) if attributes else None
    return row


def _required(value: _T | None, what: str, is_given: bool, span: Mapping[Any, Any]) -> _T:
    if value is not None:
        return value
    if is_given:
        raise BadSpanError(f"its {what} cannot be read as one")
    names = [str(name)[:60] for name in list(span)[:_SHOWN_KEYS]]
    raise BadSpanError(
        f"no {what}; there is: {', '.join(names) or 'nothing'}{', …' if len(span) > _SHOWN_KEYS else ''}"
    )


def _take_columns(attributes: dict[str, Any], row: dict[str, Any]) -> None:
    """Move each attribute that has a column there, unless its value does not fit."""
    for name in [name for name in attributes if name in ATTRIBUTE_COLUMNS]:
        column, convert = ATTRIBUTE_COLUMNS[name]
        converted = convert(attributes[name])
        if converted is not None:
            row[column] = converted
            del attributes[name]


def _span_kind(field: Any, attributes: dict[str, Any]) -> str:
    """OpenInference's kind; OpenTelemetry's own (INTERNAL, SERVER) is another thing and becomes an attribute."""
    kind = attributes.get(_KIND_ATTRIBUTE)
    if isinstance(kind, str) and kind.strip():
        del attributes[_KIND_ATTRIBUTE]
        _keep_otel_kind(field, attributes)
        return clean_upper(kind)
    if not isinstance(field, str) or not field.strip() or _is_otel_kind(field):
        _keep_otel_kind(field, attributes)
        return _UNKNOWN_KIND
    return clean_upper(field)


def clean_upper(value: str) -> str:
    """A word in upper case without surrounding blanks."""
    return (text(value.strip()) or "").upper()


def _is_otel_kind(value: str) -> bool:
    return value.strip().upper().removeprefix("SPAN_KIND_").removeprefix("SPANKIND.") in _OTEL_KINDS


def _keep_otel_kind(field: Any, attributes: dict[str, Any]) -> None:
    if field is not None and (not isinstance(field, str) or _is_otel_kind(field)):
        attributes.setdefault(OTEL_KIND, field)


def _status_code(field: Any, attributes: dict[str, Any]) -> str:
    if isinstance(field, int) and not isinstance(field, bool) and 0 <= field < len(_STATUS_CODES):
        return _STATUS_CODES[field]
    word = str(field).strip().upper().rpartition(".")[2].removeprefix("STATUS_CODE_") if field is not None else ""
    if word in ("0", "1", "2"):
        return _STATUS_CODES[int(word)]
    if word and word not in _STATUS_CODES:
        attributes.setdefault(c.STATUS_CODE, field)
    return word if word in _STATUS_CODES else "UNSET"


def _end_time(start: datetime, field: Any, attributes: dict[str, Any]) -> datetime | None:
    end = timestamp(field)
    if end is None and DURATION in attributes:
        length = duration(attributes[DURATION])
        end = end_after(start, length) if length is not None else None
        if end is not None:
            del attributes[DURATION]
    return end


def _kind_of(value: object) -> str:
    return {"NoneType": "null", "str": "text", "list": "a list", "bool": "true or false"}.get(
        type(value).__name__, "a number" if isinstance(value, int | float) else type(value).__name__
    )
