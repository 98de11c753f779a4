"""SQL text that is built from values: the two ways in which a value or a name may enter a statement."""

from __future__ import annotations

from collections.abc import Iterable


def identifier(name: str) -> str:
    """`name` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool | None) -> str:
    """`value` as a DuckDB literal.

    DuckDB has no escapes inside plain quotes, so doubling the quote is complete; a NUL would end the statement and is
    written as `chr(0)`. Values that meet a function which compiles its argument (a pattern, a JSON path) must be
    literals: a bound parameter would be compiled again for every vector.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return repr(value)
        case str():
            quoted = "'" + value.replace("'", "''") + "'"
            return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in value else quoted


def repeated(value: str, members: Iterable[str] = ()) -> str:
    """A text that stands in many rows, as a literal of the ENUM of `members` (absent: of itself).

    DuckDB writes an ENUM to Parquet by number, without hashing every row, which halves the cost of a commit; readers
    see plain strings.
    """
    listed = ", ".join(literal(member) for member in dict.fromkeys([*members, value]))
    return f"{literal(value)}::ENUM({listed})"
