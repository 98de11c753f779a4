"""A column beside literals, as SQL of one type: what may be compared with what, and how it is spelled.

Columns with a type are compared by it, and a literal of another type is refused. Values inside JSON are text: beside a
number they are read as numbers, beside TRUE or FALSE in lower case, and what cannot be read so is NULL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from evals_pipeline.core.columns import INTEGER, JSON_TEXT, REAL, SPAN_COLUMNS, TEXT, TIMESTAMP
from evals_pipeline.core.errors import FilterError, MappingError
from evals_pipeline.core.paths import Path, parse_path
from evals_pipeline.core.sql import literal
from evals_pipeline.selection.tokens import Token, TokenKind

_LARGEST_INTEGER = 2**63 - 1


class ColumnKind(StrEnum):
    """What a column holds, in the words of error messages."""

    TEXT = "a text"
    JSON = "a text inside JSON"
    NUMBER = "a number"
    TIME = "a time"


_KINDS = {TEXT: ColumnKind.TEXT, JSON_TEXT: ColumnKind.JSON, INTEGER: ColumnKind.NUMBER, REAL: ColumnKind.NUMBER}
_KINDS[TIMESTAMP] = ColumnKind.TIME
_HINTS = {
    ColumnKind.TEXT: "put the value in single quotes",
    ColumnKind.JSON: "compare it with a text, a number, TRUE or FALSE",
    ColumnKind.NUMBER: "write a number, without quotes",
    ColumnKind.TIME: "write a time as '2026-01-31' or '2026-01-31T12:00:00+00:00'",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column or nested path of a filter, as SQL, and what it holds."""

    path: Path
    kind: ColumnKind

    @property
    def name(self) -> str:
        """The path as one writes it, quoted for a message."""
        return repr(self.path.dotted)

    @property
    def sql(self) -> str:
        """DuckDB expression of the value."""
        return f"({self.path.sql})"

    @property
    def is_text(self) -> bool:
        """Whether the value is text, so that it can be searched."""
        return self.kind in (ColumnKind.TEXT, ColumnKind.JSON)


def column(token: Token) -> Column:
    """The column that a token names; raises FilterError when there is none."""
    try:
        path = parse_path(token.value)
    except MappingError as cause:
        texts = "" if token.is_quoted or "." in token.value else "; a text goes in single quotes"
        raise FilterError(cause.message, hint=f"{cause.hint}{texts}".removeprefix("; ")) from cause
    # Derived columns have no entry; all of them are numbers.
    return Column(path, ColumnKind.JSON if path.parts else _KINDS[SPAN_COLUMNS.get(path.column, REAL)])


def names_column(token: Token) -> bool:
    """Whether a token is a column; a double-quoted token that no span has as a column is a text, as in Arize."""
    if token.kind is not TokenKind.COLUMN or not token.is_quoted:
        return token.kind is TokenKind.COLUMN
    try:
        parse_path(token.value)
    except MappingError:
        return False
    return True


def compare_columns(left: Column, operator: str, right: Column) -> str:
    """SQL of two columns beside each other, both text or both of one type."""
    if left.kind is not right.kind and not (left.is_text and right.is_text):
        message = f"{left.name} is {left.kind} and {right.name} is {right.kind}; they cannot be compared"
        raise FilterError(message, hint=_HINTS[left.kind])
    return f"({left.sql} {operator} {right.sql})"


def compare(left: Column, operator: str, right: Token) -> str:
    """SQL of a column, one of `= <> < <= > >=` and a literal."""
    if right.kind is TokenKind.BOOLEAN and operator not in ("=", "<>"):
        raise FilterError(f"TRUE and FALSE have no order, so {operator!r} cannot be used", hint="use = or !=")
    subject, (value,) = _alike(left, [right])
    return f"({subject} {operator} {value})"


def is_in(left: Column, values: Sequence[Token]) -> str:
    """SQL of a column that equals one of several literals of one type."""
    subject, sql = _alike(left, values)
    return f"({subject} IN ({', '.join(sql)}))"


def is_between(left: Column, low: Token, high: Token) -> str:
    """SQL of a column between two literals of one type, both included."""
    if TokenKind.BOOLEAN in (low.kind, high.kind):
        raise FilterError("TRUE and FALSE have no order, so BETWEEN cannot be used", hint="use = or !=")
    subject, sql = _alike(left, [low, high])
    return f"({subject} BETWEEN {sql[0]} AND {sql[1]})"


def matches(left: Column, operator: str, searched: Token) -> str:
    """SQL of LIKE, ILIKE or CONTAINS on a text column."""
    if not left.is_text:
        raise FilterError(f"{operator} searches text, and {left.name} is {left.kind}", hint="use = < > BETWEEN or IN")
    if searched.kind not in (TokenKind.TEXT, TokenKind.COLUMN):
        raise FilterError(
            f"{operator} needs a text; {searched.value!r} is a {searched.kind}", hint=_HINTS[ColumnKind.TEXT]
        )
    pattern = searched.value
    if operator == "CONTAINS":
        return f"contains({left.sql}, {literal(pattern)})"
    if "\\" not in pattern:
        return f"({left.sql} {operator} {literal(pattern)})"
    return f"({left.sql} {operator} {literal(_escaped(pattern))} ESCAPE '\\')"


def _escaped(pattern: str) -> str:
    """A backslash that escapes nothing doubled: DuckDB would drop it, or fail at the end of the pattern."""
    return re.sub(r"\\[%_\\]|\\", lambda match: match[0] if len(match[0]) == 2 else "\\\\", pattern)


def _alike(left: Column, values: Sequence[Token]) -> tuple[str, list[str]]:
    """The column and the literals as SQL of one type."""
    kinds = {TokenKind.TEXT if value.kind is TokenKind.COLUMN else value.kind for value in values}
    if len(kinds) > 1:
        raise FilterError(f"values of several types stand together: {', '.join(sorted(kinds))}", hint=_HINTS[left.kind])
    match left.kind, kinds.pop():
        case ColumnKind.TEXT | ColumnKind.JSON, TokenKind.TEXT:
            return left.sql, [literal(value.value) for value in values]
        case ColumnKind.TIME, TokenKind.TEXT:
            return left.sql, [_time(value.value) for value in values]
        case ColumnKind.NUMBER, TokenKind.NUMBER:
            return left.sql, [_number(value.value) for value in values]
        case ColumnKind.JSON, TokenKind.NUMBER:
            # DuckDB reads the text 'nan' as a number above all others.
            number = f"nullif(TRY_CAST({left.sql} AS DOUBLE), CAST('NaN' AS DOUBLE))"
            return number, [_number(value.value) for value in values]
        case ColumnKind.JSON, TokenKind.BOOLEAN:
            return f"lower({left.sql})", [literal(value.value) for value in values]
        case _, kind:
            message = f"{left.name} is {left.kind} and cannot be compared with the {kind} {values[0].value!r}"
            raise FilterError(message, hint=_HINTS[left.kind])


def _number(text: str) -> str:
    """A whole number as it stands, any other as a DOUBLE: plain `0.1` would be a DECIMAL of its own width."""
    number = float(text)
    if not math.isfinite(number):
        raise FilterError(f"{text!r} is too large for a number")
    if re.fullmatch(r"-?[0-9]{1,19}", text) and abs(int(text)) <= _LARGEST_INTEGER:
        return str(int(text))
    written = repr(number)
    return written if "e" in written else f"{written}e0"


def _time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise FilterError(f"{text!r} is no time", hint=_HINTS[ColumnKind.TIME]) from cause
    return f"TIMESTAMPTZ '{moment.isoformat(sep=' ')}'"
