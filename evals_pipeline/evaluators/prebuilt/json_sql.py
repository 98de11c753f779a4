r"""`json_parseable` as a DuckDB expression.

DuckDB reads JSON with yyjson, whose reader is more tolerant than RFC 8259 in two ways (measured with DuckDB 2.0): it
takes trailing commas, and `nan`, `inf` and `infinity` in any case. In one way it is stricter than Python: it refuses
half a surrogate pair (`"\ud800"`). It knows no limit of nesting. Each of these is a doubt; all else is equal.
"""

from __future__ import annotations

from evals_pipeline.evaluators.prebuilt.definitions import JsonParseable
from evals_pipeline.evaluators.prebuilt.re2_text import search

_BLANK = r"[ \t\n\r]*"
_END = rf"{_BLANK}(?:[,\]}}]|\z)"
_TRAILING_COMMA = rf",{_BLANK}[\]}}]"
# Apart from one another although one pattern could say both: RE2 skips ahead to a fixed prefix, not to one of several.
_NAN = rf"[nN][aA][nN]{_END}"
_INF = rf"[iI][nN][fF](?:[iI][nN][iI][tT][yY])?{_END}"
_CONSTANT_AS_VALUE = rf"(?:\A|[:\[,]){_BLANK}[+-]?(?i:nan|inf|infinity){_END}"
_SURROGATE = r"\\u[dD][89a-fA-F]"


def parseable(text: str) -> str:
    """TRUE, FALSE or NULL for a non-null `text`."""
    return (
        f"CASE WHEN json_valid({text}) THEN CASE WHEN {_is_suspicious(text)} THEN NULL ELSE TRUE END "
        f"WHEN {search(text, _SURROGATE)} THEN NULL ELSE FALSE END"
    )


def _is_suspicious(text: str) -> str:
    has_constant = f"{search(text, _NAN)} OR {search(text, _INF)}"
    return (
        f"CASE WHEN {search(text, _TRAILING_COMMA)} THEN TRUE "
        f"WHEN strlen({text}) > {2 * JsonParseable.MAX_NESTING} AND {_openings(text)} > {JsonParseable.MAX_NESTING} "
        f"THEN TRUE WHEN {has_constant} THEN {search(text, _CONSTANT_AS_VALUE)} ELSE FALSE END"
    )


def _openings(text: str) -> str:
    """How many brackets open, inside strings too: nesting cannot be deeper."""
    return f"2 * strlen({text}) - strlen(replace({text}, '[', '')) - strlen(replace({text}, '{{', ''))"
