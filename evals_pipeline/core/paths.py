"""Paths from a mapping or a filter to a value of a span: `attributes.llm.output_messages.0.message.content`.

A path is the longest dotted prefix that is a column, then dict keys, list indices and progressively joined dotted
keys; text that holds JSON is parsed on the way. This is the rule of Arize's `extract_nested_data_to_column`. A path
that finds nothing gives `None`, never the whole object and never an empty string in its place; an empty string is a
value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from evals_pipeline.core.columns import DERIVED_COLUMNS, OTHER_ATTRIBUTES, SPAN_COLUMNS, TIMESTAMP, canonical
from evals_pipeline.core.errors import MappingError, did_you_mean
from evals_pipeline.core.sql import identifier, literal

PATH_FUNCTION = "evals_path"
"""Name of the DuckDB function that walks JSON; whoever opens a connection registers `find_text` under it."""
JSON_PATH_FUNCTION = "evals_json_path"
"""The same for `find_json`."""

_JSON_OPENERS = ("{", "[", '"')
_TYPO_CUTOFF = 0.9
_INDEX = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Path:
    """A path split into the column that holds it and the parts to walk inside that column's JSON."""

    column: str
    parts: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        """The path as one would write it."""
        return ".".join((self.column, *self.parts))

    @property
    def is_column(self) -> bool:
        """Whether the path is a column as it stands, so that its value need not be copied."""
        return not self.parts

    @property
    def sql(self) -> str:
        """DuckDB expression of the value; nested values are text."""
        source = DERIVED_COLUMNS.get(self.column) or identifier(self.column)
        return source if self.is_column else f"{PATH_FUNCTION}({source}, {literal('.'.join(self.parts))})"

    @property
    def natural_sql(self) -> str:
        """DuckDB expression of the value in its own type; where `is_json`, its JSON as text."""
        if self.is_column:
            return f"nullif({self.sql}, 'null')" if self.is_json else self.sql
        return f"{JSON_PATH_FUNCTION}({identifier(self.column)}, {literal('.'.join(self.parts))})"

    @property
    def is_json(self) -> bool:
        """Whether `natural_sql` gives JSON, to be parsed by whoever is shown the value."""
        return not self.is_column or SPAN_COLUMNS.get(self.column) == "JSON"


def parse_path(path: str, *, field: str = "") -> Path:
    """Split `path`; raises MappingError for a column that does not exist or is a near miss of one that does."""
    parts = tuple(canonical(path).split("."))
    if not all(parts):
        raise MappingError(f"{path!r} is no path", field=field, hint="write names joined by single dots")
    known = (*SPAN_COLUMNS, *DERIVED_COLUMNS)
    for length in range(len(parts), 0, -1):
        column = canonical(".".join(parts[:length]))
        if column in known:
            rest = parts[length:]
            if column == OTHER_ATTRIBUTES:
                _refuse_typo(path, known, field)
                if rest:
                    _refuse_beginning(path, known, field)
            if rest and not _can_hold_json(column):
                holds = "a time" if SPAN_COLUMNS.get(column) == TIMESTAMP else "a number"
                raise MappingError(f"{path!r} goes inside {column!r}, which is {holds}", field=field)
            return Path(column, rest)
    raise _unknown_column(path, known, field)


def _unknown_column(path: str, known: Iterable[str], field: str) -> MappingError:
    names = sorted(known)
    hint = did_you_mean(path, names) or "an attribute of your own is spelled attributes.<its name>"
    return MappingError(f"no span has a column {path!r}; there is: {', '.join(names)}", field=field, hint=hint)


def _refuse_typo(path: str, known: Iterable[str], field: str) -> None:
    """Refuse `attributes.llm.modelname`: attributes are free, but a misspelt known one matches nothing, silently."""
    hint = did_you_mean(path, [name for name in known if name.startswith("attributes.")], cutoff=_TYPO_CUTOFF)
    if hint:
        raise MappingError(f"no span has a column {path!r}", field=field, hint=hint)


def _can_hold_json(column: str) -> bool:
    return SPAN_COLUMNS.get(column) in ("VARCHAR", "JSON")


def _refuse_beginning(path: str, known: Iterable[str], field: str) -> None:
    """Refuse `attributes.output`: what has columns of its own below it is never there itself."""
    below = sorted(name for name in known if name.startswith(f"{path}."))
    if below:
        hint = f"it is the beginning of: {', '.join(below)}"
        raise MappingError(f"no span has a column {path!r}", field=field, hint=hint)


def text_sql(path: Path) -> str:
    """DuckDB expression of a column's value as `as_text` spells it; the session's time zone must be UTC."""
    match SPAN_COLUMNS.get(path.column):
        case "VARCHAR" | "JSON":
            return path.sql
        case "TIMESTAMP WITH TIME ZONE":
            return f"strftime({path.sql}, '%Y-%m-%dT%H:%M:%S.%f+00:00')"
        case _:
            return f"CAST({path.sql} AS VARCHAR)"


def walk(value: Any, parts: tuple[str, ...]) -> Any:
    """The value that `parts` lead to inside `value`, or None where they lead nowhere."""
    value = _parsed(value) if parts else value
    if not parts or value is None:
        return value
    if isinstance(value, list):
        head = parts[0]
        index = int(head) if _INDEX.fullmatch(head) else len(value)
        return walk(value[index], parts[1:]) if index < len(value) else None
    if isinstance(value, dict):
        for length in range(1, len(parts) + 1):
            key = ".".join(parts[:length])
            found = walk(value[key], parts[length:]) if key in value else None
            if found is not None:
                return found
    return None


def _parsed(value: Any) -> Any:
    """What a text that holds JSON says; JSON that was made text twice is read twice."""
    if isinstance(value, str) and value.lstrip()[:1] in _JSON_OPENERS:
        try:
            return _parsed(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def as_text(value: Any) -> str | None:
    """A value as evaluators see it: text as it stands, times in ISO 8601 with microseconds, anything else as JSON."""
    match value:
        case None:
            return None
        case str():
            return storable(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case _:
            return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def as_json(value: Any) -> str | None:
    """A value as JSON; None for what nests too deep."""
    try:
        return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    except RecursionError:
        return None


def storable(text: str) -> str:
    """`text` with U+FFFD for halves of surrogate pairs: JSON can spell them, but no table can hold them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def find_text(container: str | None, path: str) -> str | None:
    """The text that the dotted `path` leads to inside the JSON text `container`; never raises."""
    return _text_at(container, tuple(path.split(".")))


def find_json(container: str | None, path: str) -> str | None:
    """The JSON of what the dotted `path` leads to inside the JSON text `container`; never raises."""
    found = _at(container, tuple(path.split(".")))
    return None if found is None else as_json(found)


def resolve_natural(span: Mapping[str, Any], path: Path) -> Any:
    """The value that `path` leads to in one span, in its own type; None where it leads nowhere."""
    found = _at(span.get(path.column), path.parts)
    if not (path.is_column and path.is_json and isinstance(found, str)):
        return found
    try:
        return json.loads(found)
    except (ValueError, RecursionError):
        return found


def resolve(span: Mapping[str, Any], path: Path) -> str | None:
    """The text that `path` leads to in one span, given as a mapping from column to value."""
    return _text_at(span.get(path.column), path.parts)


def _text_at(value: Any, parts: tuple[str, ...]) -> str | None:
    try:
        return as_text(walk(value, parts))
    except RecursionError:
        return None


def _at(value: Any, parts: tuple[str, ...]) -> Any:
    try:
        return walk(value, parts)
    except RecursionError:
        return None
