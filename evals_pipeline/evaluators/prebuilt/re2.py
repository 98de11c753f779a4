r"""Regular expressions of Python as RE2 reads them, where both mean the same.

Only syntax from a short list is translated; for everything else the answer is None and Python judges. The list is what
Python's `re`, the `regex` package and RE2 (its `syntax.txt`) share, minus what they read differently:

- `$` also matches before a final newline in Python, never in RE2: translated at the end of a pattern only.
- `\s`, `\d`, `\w`, classes and ignored case are written out; RE2's `\s` lacks `\v` and its `(?i)` knows Unicode.
- `\B` finds places inside the bytes of a character in RE2.
- A repeated part that may be empty stops Python's loop; that is no property of the language, so it stays in Python.
- `[^\w\W]`, which is no character, is any character to `regex` (seen in 2026.11.15).
- `regex` reads `{e<=1}` as fuzzy matching and `[[:alpha:]]` as a POSIX class, where `re` sees plain characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

# Python's own reader of patterns has no public name; a second parser here would be a second opinion on the syntax.
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from evals_pipeline.evaluators.prebuilt.re2_text import Ranges, bracket, complement, escaped, merged

_SURROGATES = range(0xD800, 0xE000)
_UNICODE_CASES = (((75, 75), (107, 107)), ((83, 83), (115, 115)))
"""[Kk] and [Ss]: among alternatives RE2 adds the Kelvin sign and the long s to them."""
_NEWLINE = ((10, 10),)
_DIGITS = ((48, 57),)
_SPACES = ((9, 13), (32, 32))
_WORDS = ((48, 57), (65, 90), (95, 95), (97, 122))
_CATEGORIES: dict[Any, Ranges] = {
    op.CATEGORY_DIGIT: _DIGITS,
    op.CATEGORY_NOT_DIGIT: complement(_DIGITS),
    op.CATEGORY_SPACE: _SPACES,
    op.CATEGORY_NOT_SPACE: complement(_SPACES),
    op.CATEGORY_WORD: _WORDS,
    op.CATEGORY_NOT_WORD: complement(_WORDS),
}

_TOKEN = re.compile(
    r"""(?P<escape>\\.)
    | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<quantifier>\{(?:\d+(?:,\d*)?|,\d+)\})
    | (?P<brace>\{(?!["'\\]))
    | (?P<comment>\(\?\#)
    | .""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_SET_OPERATOR = re.compile(r"(?<!^)\[|--|&&|\|\||~~")


class _UntranslatableError(Exception):
    """The pattern uses something that RE2 lacks or reads differently."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for RE2, and text that every match contains."""

    pattern: str
    needle: str
    """Empty when there is none, or when RE2 finds it quickly without being told."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the pattern a node stands."""

    flags: int
    is_full_match: bool
    is_last: bool
    """Whether a match ends where this node ends."""
    is_alternative: bool = False
    """Whether this node is inside of alternatives."""

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)


def translate(pattern: str, *, full_match: bool, case_sensitive: bool) -> Translation | None:
    """The same pattern for RE2, or None where it has no exact equivalent."""
    try:
        if not _is_plain(pattern):
            return None
        tree = parser.parse(pattern, re.ASCII | (0 if case_sensitive else re.IGNORECASE))
        place = _Place(tree.state.flags, full_match, is_last=True)
        body = _sequence(tree, place)
    except (_UntranslatableError, re.error, OverflowError, RecursionError):
        return None
    return Translation(rf"\A(?:{body})\z" if full_match else body, "" if full_match else _needle(tree, place))


def _is_plain(pattern: str) -> bool:
    """Whether `re` and `regex` take the same view of braces, sets and comments in `pattern`."""
    for token in _TOKEN.finditer(pattern):
        if token["brace"] or token["comment"]:
            return False
        if token["set"] and _SET_OPERATOR.search(_ESCAPE.sub("", token["set"])):
            return False
    return True


def _sequence(nodes: Iterable[Any], place: _Place) -> str:
    items = list(nodes)
    if place.has(re.VERBOSE):
        raise _UntranslatableError
    inner = replace(place, is_last=False)
    places = [inner] * (len(items) - 1) + [place]
    return "".join(_node(kind, value, where) for (kind, value), where in zip(items, places, strict=False))


def _node(kind: Any, value: Any, place: _Place) -> str:
    write = _WRITERS.get(kind)
    if write is None:
        raise _UntranslatableError
    return write(value, place)


def _literal(code: int, place: _Place) -> str:
    if code in _SURROGATES:
        raise _UntranslatableError
    spellings = _both_cases(((code, code),)) if place.has(re.IGNORECASE) else ((code, code),)
    return escaped(code) if len(merged(spellings)) == 1 else _bracket(spellings, place)


def _any_but(code: int, place: _Place) -> str:
    return _set([(op.NEGATE, None), (op.LITERAL, code)], place)


def _any(_: None, place: _Place) -> str:
    return bracket(((0, 0x10FFFF),)) if place.has(re.DOTALL) else bracket(_NEWLINE, is_negated=True)


def _set(members: Sequence[tuple[Any, Any]], place: _Place) -> str:
    is_negated = members[0][0] is op.NEGATE
    ranges = tuple(pair for kind, value in members[is_negated:] for pair in _ranges(kind, value))
    ranges = _both_cases(ranges) if place.has(re.IGNORECASE) else ranges
    if is_negated and not complement(ranges):
        raise _UntranslatableError
    return _bracket(ranges, place, is_negated=is_negated)


def _ranges(kind: Any, value: Any) -> Ranges:
    if kind is op.LITERAL:
        return ((value, value),)
    if kind is op.RANGE:
        return (value,)
    if kind is op.CATEGORY and value in _CATEGORIES:
        return _CATEGORIES[value]
    raise _UntranslatableError


def _both_cases(ranges: Ranges) -> Ranges:
    """`ranges` with the other case of every ASCII letter in it."""
    upper = ((max(low, 65), min(high, 90)) for low, high in ranges)
    lower = ((max(low, 97), min(high, 122)) for low, high in ranges)
    swapped = [(low + 32, high + 32) for low, high in upper] + [(low - 32, high - 32) for low, high in lower]
    return ranges + tuple((low, high) for low, high in swapped if low <= high)


def _bracket(ranges: Ranges, place: _Place, *, is_negated: bool = False) -> str:
    """`ranges` in brackets; a surrogate, which no text has, keeps RE2 from seeing one letter in two cases."""
    if place.is_alternative and merged(ranges) in _UNICODE_CASES:
        ranges = (*ranges, (_SURROGATES[0], _SURROGATES[0]))
    return bracket(ranges, is_negated=is_negated)


def _branch(value: tuple[None, list[Any]], place: _Place) -> str:
    inner = replace(place, is_alternative=True)
    return f"(?:{'|'.join(_sequence(one, inner) for one in value[1])})"


def _group(value: tuple[int | None, int, int, Any], place: _Place) -> str:
    _, added, removed, nodes = value
    return f"(?:{_sequence(nodes, replace(place, flags=(place.flags | added) & ~removed))})"


def _repeat(value: tuple[int, int, Any], place: _Place) -> str:
    least, most, nodes = value
    if most != 1 and nodes.getwidth()[0] == 0:
        raise _UntranslatableError
    upper = "" if most is op.MAXREPEAT else most
    return f"(?:{_sequence(nodes, replace(place, is_last=False))}){{{least},{upper}}}"


def _assertion(value: Any, place: _Place) -> str:
    if value is op.AT_END and not place.has(re.MULTILINE):
        return _dollar(place)
    written = _ASSERTIONS.get((value, place.has(re.MULTILINE)))
    if written is None:
        raise _UntranslatableError
    return written


def _dollar(place: _Place) -> str:
    if not place.is_last:
        raise _UntranslatableError
    return r"\z" if place.is_full_match else r"\n?\z"


def _needle(tree: Any, place: _Place) -> str:
    """The longest run of plain characters that stand side by side; RE2 looks for a leading one itself."""
    first = tree[0] if len(tree) else (op.LITERAL, 0)
    if place.has(re.IGNORECASE) or first[0] is op.LITERAL or first in _QUICK_STARTS:
        return ""
    runs = [""]
    for kind, value in tree:
        runs = [*runs[:-1], runs[-1] + chr(value)] if kind is op.LITERAL else [*runs, ""]
    return max(runs, key=len)


_QUICK_STARTS = ((op.AT, op.AT_BEGINNING), (op.AT, op.AT_BEGINNING_STRING))
_ASSERTIONS: dict[tuple[Any, bool], str] = {
    (op.AT_BEGINNING, False): r"\A",
    (op.AT_BEGINNING, True): "(?m:^)",
    (op.AT_END, True): "(?m:$)",
    **{(op.AT_BEGINNING_STRING, is_multiline): r"\A" for is_multiline in (False, True)},
    **{(op.AT_END_STRING, is_multiline): r"\z" for is_multiline in (False, True)},
    **{(op.AT_BOUNDARY, is_multiline): r"\b" for is_multiline in (False, True)},
}
_WRITERS: dict[Any, Callable[[Any, _Place], str]] = {
    op.LITERAL: _literal,
    op.NOT_LITERAL: _any_but,
    op.ANY: _any,
    op.IN: _set,
    op.BRANCH: _branch,
    op.SUBPATTERN: _group,
    op.MAX_REPEAT: _repeat,
    op.MIN_REPEAT: _repeat,
    op.AT: _assertion,
}
