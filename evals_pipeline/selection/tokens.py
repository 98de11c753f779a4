"""The words of a filter: which pieces of text may stand in one, before their order is looked at.

Filters are cut here and not by sqlglot, because users write columns with dots, digits and keywords inside them
(`attributes.llm.output_messages.0.message.content`, `attributes.order.end`), escape quotes in two ways and know the
operator CONTAINS. Whatever is no token of the language is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from evals_pipeline.core.errors import FilterError

MAX_LENGTH = 10_000
"""Longest filter in characters."""
MAX_DEPTH = 20
"""How many open parentheses and NOTs may stand around one comparison."""

LANGUAGE = "comparisons (= != <> < <= > >=), AND, OR, NOT, IN, LIKE, ILIKE, CONTAINS, BETWEEN, IS NULL and parentheses"

KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "CONTAINS", "IS", "NULL", "BETWEEN"})

_QUOTED = r'"(?:[^"]|"")*+"'
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    | (?P<comment>(?:--|/\*)[^\n]*)
    | (?P<text>'(?:[^'\\]|''|\\.)*+')
    | (?P<name>(?:[^\W\d]\w*|{_QUOTED})(?:\.(?:\w+|{_QUOTED}))*+)
    | (?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<foreign>=>|->|::|\|\||[$:@?%&]\w+)
    | (?P<symbol><=|>=|<>|!=|==|[=<>(),])
    | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTES = "put a text in single quotes, a quote inside it doubled or as \\', a backslash at its end as \\\\"
_HYPHEN = 'compare a column with a value; a name with a hyphen or blank goes in double quotes: "attributes.my-key"'
_DOTS = "write attributes.metadata.environment, with dots"
_VALUE = "write the value itself"
_CONSTRUCTS = {
    "'": ("a text that does not end", _QUOTES),
    '"': ("a quoted name that does not end", "close it with a double quote"),
    ";": ("the end of a statement", "a filter is one condition; leave it out"),
    "*": ("a star or arithmetic", "name a column"),
    **dict.fromkeys(("+", "-", "/", "%", "||", "^", "&", "|", "~"), ("arithmetic", _HYPHEN)),
    **dict.fromkeys(("[", "]", "{", "}"), ("a bracket", _DOTS)),
    **dict.fromkeys(("::", "CAST", "TRY_CAST"), ("a cast", "values are compared by the type of the literal")),
    **dict.fromkeys(("->", "=>"), ("a structural operator", "filters look at one span; use AND, OR, NOT")),
    **dict.fromkeys(("SELECT", "EXISTS", "FROM", "UNION", "WITH", "ANY", "ALL"), ("a subquery", "list values: IN (…)")),
    **dict.fromkeys(("CASE", "WHEN", "THEN", "ELSE"), ("a CASE expression", "write it with AND, OR, NOT")),
    "ESCAPE": ("an ESCAPE clause", "the backslash escapes already: LIKE '100\\%'"),
}


class TokenKind(StrEnum):
    """What a token is, in the words of error messages."""

    COLUMN = "column"
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "truth value"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a filter.

    Attributes:
        kind: What it is; keywords, operators and punctuation are words.
        value: A name without quotes, a text without quotes and escapes, a word in capitals.
        start: Where it begins in the filter.
        end: Where the next character is.
        is_quoted: Whether a column is one double-quoted piece and so may have been meant as a text.
    """

    kind: TokenKind
    value: str
    start: int
    end: int
    is_quoted: bool = False


def scan(text: str) -> tuple[Token, ...]:
    """The tokens of `text`; raises FilterError for anything that no filter can have."""
    if not text.strip():
        raise FilterError("the filter is empty", hint="leave the field out to take every unit")
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the filter has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise FilterError("the filter has half of a surrogate pair, which is no character")
    tokens = tuple(_tokens(text))
    _check_depth(tokens)
    return tokens


def shortened(text: str, length: int = 60) -> str:
    """`text` as an error message shows it."""
    return repr(text if len(text) <= length else text[: length - 1] + "…")


def refusal(what: str, text: str, hint: str = "") -> FilterError:
    """The error for a construct outside the language."""
    return FilterError(f"{shortened(text)} is {what}; a filter can have: {LANGUAGE}", hint=hint)


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        piece, start, end = match[0], match.start(), match.end()
        match match.lastgroup:
            case "space":
                continue
            case "text":
                yield Token(TokenKind.TEXT, _unescaped(piece[1:-1]), start, end)
            case "number":
                yield Token(TokenKind.NUMBER, piece, start, end)
            case "symbol":
                yield Token(TokenKind.WORD, {"==": "=", "!=": "<>"}.get(piece, piece), start, end)
            case "name":
                yield _name(piece, start, is_call=text[end:].lstrip().startswith("("))
            case "comment":
                raise refusal("a comment", piece, "leave it out")
            case _:
                raise _foreign(piece, text[start:])


def _name(piece: str, start: int, *, is_call: bool) -> Token:
    word, end = piece.upper(), start + len(piece)
    if word in KEYWORDS:
        return Token(TokenKind.WORD, word, start, end)
    if word in ("TRUE", "FALSE"):
        return Token(TokenKind.BOOLEAN, word.lower(), start, end)
    if word in _CONSTRUCTS:
        raise _foreign(word, piece)
    if is_call:
        raise refusal("a function call", f"{piece}(…)", "compare the column itself")
    is_quoted = re.fullmatch(_QUOTED, piece) is not None
    name = re.sub(_QUOTED, lambda quoted: quoted[0][1:-1].replace('""', '"'), piece)
    return Token(TokenKind.COLUMN, name, start, end, is_quoted)


def _foreign(construct: str, text: str) -> FilterError:
    if construct in _CONSTRUCTS:
        what, hint = _CONSTRUCTS[construct]
        return refusal(what, text, hint)
    if construct[0] in "$:@?%&":
        return refusal("a parameter", construct, _VALUE)
    return refusal("not part of the language", text, _HYPHEN)


def _unescaped(inner: str) -> str:
    """Both spellings of a quote; a backslash before anything else is itself, so that LIKE can use it."""
    return re.sub(r"''|\\'|\\\\", lambda escape: escape[0][1], inner)


def _check_depth(tokens: tuple[Token, ...]) -> None:
    """Bound the recursion of every reader after this one."""
    around: list[str] = []
    for token in tokens:
        word = token.value if token.kind is TokenKind.WORD else ""
        if word in ("(", "NOT"):
            around.append(word)
        elif word == ")" and "(" in around:
            while around.pop() != "(":
                pass
        else:
            while around and around[-1] == "NOT":
                around.pop()
        if len(around) > MAX_DEPTH:
            raise FilterError(f"the filter is nested more than {MAX_DEPTH} levels deep")


def clauses(tokens: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    """The parts of a readable filter that ANDs join, in order, without the parentheses around them."""
    tokens = _unwrapped(tokens)
    parts: list[list[Token]] = [[]]
    depth, in_between = 0, False
    for token in tokens:
        word = token.value if token.kind is TokenKind.WORD else ""
        depth += (word == "(") - (word == ")")
        if depth == 0 and word == "OR":
            return [tokens]
        in_between = in_between or (depth == 0 and word == "BETWEEN")
        if depth == 0 and word == "AND":
            if not in_between:
                parts.append([])
                continue
            in_between = False
        parts[-1].append(token)
    return [clause for part in parts for clause in clauses(tuple(part))] if len(parts) > 1 else [tokens]


def _unwrapped(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    depth = 0
    for place, token in enumerate(tokens):
        if token.kind is TokenKind.WORD:
            depth += (token.value == "(") - (token.value == ")")
        if depth == 0:
            return _unwrapped(tokens[1:-1]) if place == len(tokens) - 1 and place else tokens
    return tokens
