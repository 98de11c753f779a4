"""SQL-like filters over span columns: `span_kind = 'LLM' AND attributes.metadata.env = 'prod'`.

A filter is cut into tokens, read by sqlglot and written anew as DuckDB SQL, node by node; a node that is not written
here is refused, so nothing of what a user typed reaches DuckDB but literals that we quote. sqlglot itself sees the
place of a column or literal, never its text.

NULL follows SQL: a comparison with a value that a span does not have is neither true nor false, and neither is its
negation, so `attributes.metadata.env != 'prod'` does not match spans without an environment. A span matches when the
whole filter is true.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from evals_pipeline.core.columns import DERIVED_COLUMNS
from evals_pipeline.core.errors import FilterError
from evals_pipeline.core.paths import parse_path
from evals_pipeline.selection.comparisons import (
    Column,
    column,
    compare,
    compare_columns,
    is_between,
    is_in,
    matches,
    names_column,
)
from evals_pipeline.selection.tokens import LANGUAGE, Token, TokenKind, clauses, refusal, scan, shortened

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
# sqlglot has no CONTAINS; GLOB, which filters do not have, binds as it should.
_SEARCHES: dict[type[exp.Expr], str] = {exp.Like: "LIKE", exp.ILike: "ILIKE", exp.Glob: "CONTAINS"}


@dataclass(frozen=True, slots=True)
class Clause:
    """One of the conditions that a filter joins with AND: as written, and as DuckDB SQL that is TRUE or FALSE."""

    text: str
    sql: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that can be run.

    Attributes:
        text: The filter as written.
        sql: DuckDB expression over the span columns; TRUE or FALSE, never NULL.
        clauses: What its ANDs join, in order; the filter is true when all of them are.
        columns: The span columns that `sql` reads.
    """

    text: str
    sql: str
    clauses: tuple[Clause, ...]
    columns: frozenset[str]


def parse_filter(text: str, *, field: str = "") -> Filter:
    """Read a filter; raises FilterError for anything outside the language or an unknown column."""
    try:
        return _read(text)
    except FilterError as error:
        error.field = field
        raise


def joined(one: Filter, other: Filter) -> Filter:
    """The filter that is true when both are."""
    return Filter(
        text=f"({one.text}) AND ({other.text})",
        sql=f"({one.sql} AND {other.sql})",
        clauses=(*one.clauses, *other.clauses),
        columns=one.columns | other.columns,
    )


def _read(text: str) -> Filter:
    tokens = scan(text)
    nodes = _operands(_parse(tokens, text), exp.And)
    texts = [text[part[0].start : part[-1].end] for part in clauses(tokens) if part]
    if len(nodes) != len(texts):
        raise _refused(text)
    writer = _Writer(tokens)
    conditions = [writer.clause(node, part) for node, part in zip(nodes, texts, strict=True)]
    return Filter(
        text=text,
        sql=f"coalesce({' AND '.join(conditions)}, FALSE)",
        clauses=tuple(Clause(part, f"coalesce({sql}, FALSE)") for part, sql in zip(texts, conditions, strict=True)),
        columns=frozenset().union(*(_columns(token) for token in tokens if names_column(token))),
    )


def _refused(text: str) -> FilterError:
    hint = "compare a column with a value, such as attributes.metadata.flag = TRUE"
    return refusal("no comparison of a column with a value", text, hint)


def _columns(token: Token) -> set[str]:
    name = parse_path(token.value).column
    return set(re.findall(r'"([^"]+)"', DERIVED_COLUMNS[name])) if name in DERIVED_COLUMNS else {name}


def _parse(tokens: tuple[Token, ...], text: str) -> exp.Expr:
    pieces = [_placeholder(place, token) for place, token in enumerate(tokens)]
    try:
        return sqlglot.parse_one(" ".join(pieces), read="duckdb", into=exp.Condition)
    except ParseError as cause:
        ends = list(accumulate(len(piece) + 1 for piece in pieces))
        column_of_error = (cause.errors[0]["col"] if cause.errors else 0) or ends[-1]
        token = tokens[min(bisect_left(ends, column_of_error), len(tokens) - 1)]
        near, place = shortened(text[token.start : token.end]), token.start + 1
        message = f"the filter cannot be read at {near}, character {place}"
        raise FilterError(message, hint=f"a filter can have: {LANGUAGE}") from cause
    except RecursionError as cause:
        raise FilterError("the filter is nested too deeply") from cause


def _placeholder(place: int, token: Token) -> str:
    match token.kind:
        case TokenKind.COLUMN:
            return f'"{place}"'
        case TokenKind.WORD:
            return "GLOB" if token.value == "CONTAINS" else token.value
        case _:
            return f"'{place}'"


def _operands(node: exp.Expr, kind: type[exp.Connector]) -> list[exp.Expr]:
    """What a chain of one connector joins, in order. A loop, since a chain may be longer than the stack is deep."""
    found: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        part = waiting.pop().unnest()
        if isinstance(part, kind):
            waiting += [part.expression, part.this]
        else:
            found.append(part)
    return found


class _Writer:
    """Writes nodes as SQL; knows the tokens that their placeholders stand for."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens

    def clause(self, node: exp.Expr, text: str) -> str:
        """SQL of one clause; an error says which."""
        try:
            return self._condition(node)
        except _UnwritableError as cause:
            raise _refused(text) from cause
        except FilterError as error:
            error.message = f"{shortened(text)}: {error.message}"
            raise

    def _condition(self, node: exp.Expr) -> str:
        match node:
            case exp.And() | exp.Or():
                word = " AND " if isinstance(node, exp.And) else " OR "
                return f"({word.join(self._condition(part) for part in _operands(node, type(node)))})"
            case exp.Not(this=inner):
                return f"(NOT {self._condition(inner.unnest())})"
            case exp.Is() if isinstance(node.expression, exp.Null):
                return f"({self._left(node).sql} IS NULL)"
            case exp.In() if node.expressions:
                return is_in(self._left(node, "expressions"), [self._literal(value) for value in node.expressions])
            case exp.Between():
                bounds = self._literal(node.args["low"]), self._literal(node.args["high"])
                return is_between(self._left(node, "low", "high"), *bounds)
        if type(node) in _SEARCHES:
            return self._search(node, _SEARCHES[type(node)])
        if type(node) in _COMPARISONS:
            return self._binary(node, _COMPARISONS[type(node)])
        raise _UnwritableError

    def _binary(self, node: exp.Expr, operator: str) -> str:
        left, right = self._left(node), node.expression.unnest()
        if isinstance(right, exp.Null):
            if operator not in ("=", "<>"):
                raise FilterError("NULL has no order", hint="use IS NULL or IS NOT NULL")
            return f"({left.sql} IS {'NOT ' if operator == '<>' else ''}NULL)"
        token = self._token(right)
        if names_column(token):
            return compare_columns(left, operator, column(token))
        return compare(left, operator, token)

    def _search(self, node: exp.Expr, operator: str) -> str:
        found = matches(self._left(node, "negate"), operator, self._literal(node.expression))
        return f"(NOT {found})" if node.args.get("negate") else found

    def _left(self, node: exp.Expr, *arguments: str) -> Column:
        """The column on the left; refuses a node that says more than the arguments which the caller reads."""
        if {name for name, value in node.args.items() if value} - {"this", "expression", *arguments}:
            raise _UnwritableError
        token = self._token(node.this)
        if token.kind is not TokenKind.COLUMN:
            hint = "put the column on the left, the value on the right"
            raise FilterError(f"{token.value!r} is a {token.kind}", hint=hint)
        return column(token)

    def _literal(self, node: exp.Expr) -> Token:
        if isinstance(node.unnest(), exp.Null):
            raise FilterError("NULL cannot stand here", hint="write OR column IS NULL")
        token = self._token(node)
        if names_column(token):
            raise FilterError(f"{token.value!r} is a column", hint="a value goes here, a text in single quotes")
        return token

    def _token(self, node: exp.Expr) -> Token:
        match node.unnest():
            # Placeholders are quoted; without quotes it is a keyword that sqlglot takes for a name, as in `IN = IN`.
            case exp.Column(this=exp.Identifier(this=place, quoted=True)) | exp.Literal(this=place, is_string=True):
                return self._tokens[int(place)]
        raise _UnwritableError


class _UnwritableError(Exception):
    """A node that is not part of the language."""
