"""Pieces of RE2 patterns, and the search for one in DuckDB."""

from __future__ import annotations

import string
from collections.abc import Iterable

from evals_pipeline.core.sql import literal

LAST_CODE_POINT = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]

_PLAIN = frozenset(map(ord, string.ascii_letters + string.digits))


def escaped(code: int) -> str:
    """One character as RE2 reads it, inside and outside of brackets."""
    return chr(code) if code in _PLAIN else f"\\x{{{code:x}}}"


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same characters in ascending ranges that do not touch."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def complement(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Every other character."""
    edges = [-1, *(edge for pair in merged(ranges) for edge in pair), LAST_CODE_POINT + 1]
    gaps = ((low + 1, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True))
    return tuple((low, high) for low, high in gaps if low <= high)


def bracket(ranges: Iterable[tuple[int, int]], *, is_negated: bool = False) -> str:
    """`ranges` as a bracket expression of RE2."""
    inside = "".join(escaped(low) if low == high else f"{escaped(low)}-{escaped(high)}" for low, high in merged(ranges))
    return f"[{'^' if is_negated else ''}{inside}]"


def search(text: str, pattern: str) -> str:
    """Whether `pattern` matches somewhere in the SQL expression `text`.

    The group keeps DuckDB's optimizer from turning simple patterns into other functions, at no cost: it makes
    `suffix(text, 'a')` of the pattern `a(?:)` (seen in 2.0).
    """
    return f"regexp_matches({text}, {literal(f'({pattern})')})"
