"""Whatever is typed as a filter, DuckDB sees only what the filter language can say."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from evals_pipeline.core.columns import DERIVED_COLUMNS, SPAN_COLUMNS
from evals_pipeline.core.errors import FilterError
from evals_pipeline.core.paths import PATH_FUNCTION
from evals_pipeline.selection.filters import Filter, parse_filter
from evals_pipeline_tests.selection.conftest import SPANS

_FUNCTIONS = {"coalesce", "nullif", "lower", "contains", "chr", "date_diff", PATH_FUNCTION}
_WRITTEN = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.And, exp.Or, exp.Not, exp.Coalesce,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Is,
    exp.Contains, exp.Lower, exp.Nullif, exp.TryCast, exp.Cast, exp.DataType, exp.Chr, exp.DPipe, exp.Neg,
    exp.Anonymous, exp.DateDiff, exp.TimestampDiff, exp.Div, exp.Var, exp.Concat,
)  # fmt: skip

_PIECES = st.sampled_from(
    [
        *(
            "AND",
            "OR",
            "NOT",
            "(",
            ")",
            "(",
            ")",
            "=",
            "!=",
            "<",
            ">=",
            "IN",
            "LIKE",
            "ILIKE",
            "CONTAINS",
            "IS",
            "NULL",
        ),
        *("BETWEEN", "AND", ",", "TRUE", "FALSE", "1", "-2.5", "1e9", "'a'", "'it''s'", "'%\\'", "''", "'\\\\'"),
        *("'2026-01-01'", "name", "start_time", "latency_ms", "attributes.a.0.b", "metadata.env", '"name"', '"x"'),
        *("--", "/*", "*/", ";", "'", '"', "\\", "?", "$1", "::", "+", "*", "SELECT", "CASE", "spans", "GLOB", "\0"),
        *('"attributes.a""b"', '"attributes.a\'b"', 'attributes."x\') OR (1=1"', "$$", "E'\\''", "X'00'", "0x1", "."),
    ]
)
_soup = st.lists(_PIECES, min_size=1, max_size=12).map(" ".join) | st.lists(_PIECES, max_size=8).map("".join)
_hostile = st.text("'\"\\\0;-/*()$%_ aé🗼", max_size=12)
_attribute = st.one_of(
    st.sampled_from(["metadata.env", "attributes.a.0.b", "attributes.order.end"]),
    _hostile.map(lambda name: '"attributes.x' + name.replace('"', '""') + '"'),
    _hostile.map(lambda name: 'metadata."x' + name.replace('"', '""') + '".y'),
)
_any_column = st.sampled_from(["name", "parent_id", "span_id"]) | _attribute
_any_text = _hostile.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'")
_any_comparison = st.one_of(
    st.tuples(
        _any_column, st.sampled_from(["=", "!=", "<", "LIKE", "NOT ILIKE", "CONTAINS", "not contains"]), _any_text
    ),
    st.tuples(_any_column, st.sampled_from(["IN (", "NOT IN ("]), _any_text, st.just(","), _any_text, st.just(")")),
    st.tuples(_any_column, st.just("BETWEEN"), _any_text, st.just("AND"), _any_text),
    st.tuples(_any_column, st.sampled_from(["IS NULL", "= null", "IS NOT NULL"])),
    st.tuples(_attribute, st.sampled_from(["= TRUE", "!= false", "= -1.5", "IN (1, 2e3)", "BETWEEN 1 AND 2"])),
    st.tuples(
        st.just("latency_ms"), st.sampled_from(["> 1", "BETWEEN .5 AND 2.", "!= NULL", "= 99999999999999999999"])
    ),
    st.tuples(st.just("start_time >="), st.sampled_from(["'2026-01-01'", '"2026-01-01 10:00"', "'2026-01-01T00Z'"])),
).map(" ".join)
_hostile_filter = st.lists(_any_comparison, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from([" AND ", " OR ", " AND NOT "]).map(lambda word: word.join(parts))
)
_spoilt_filter = st.builds(
    lambda text, place, piece: f"{text[:place]} {piece} {text[place:]}", _hostile_filter, st.integers(0, 80), _PIECES
)
_operand = st.sampled_from(
    ["name", "parent_id", '"attributes.llm.model_name"', '"attributes.input.value"', "span_kind"]
)
_text = st.sampled_from(["'LLM'", "'agent'", "'gpt-4o'", "''", "'100 orders'", "'root'", "'it''s'"])
_comparison = st.one_of(
    st.tuples(_operand, st.sampled_from([" = ", "!=", "<>", "<", "<=", ">", ">="]), _text),
    st.tuples(_operand, st.sampled_from([" LIKE ", " NOT LIKE ", " ILIKE "]), st.sampled_from(["'%o%'", "'_gent'"])),
    st.tuples(_operand, st.sampled_from([" IN (", " NOT IN ("]), _text, st.just(", "), _text, st.just(")")),
    st.tuples(_operand, st.sampled_from([" BETWEEN ", " NOT BETWEEN "]), _text, st.just(" AND "), _text),
    st.tuples(_operand, st.sampled_from([" IS NULL", " IS NOT NULL"])),
    st.tuples(_operand, st.sampled_from([" = ", " <> "]), _operand),
).map("".join)
_plain_sql = st.recursive(
    _comparison,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(" AND ".join),
        st.lists(inner, min_size=2, max_size=4).map(" OR ".join),
        inner.map("({})".format),
        inner.map("NOT {}".format),
        inner.map("NOT ({})".format),
    ),
    max_leaves=10,
)
_property = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_says_only_what_filters_can_say(read: Filter) -> None:
    """The SQL parses as one expression over span columns, of the nodes and functions that we write."""
    tree = sqlglot.parse_one(read.sql, read="duckdb")
    assert {type(node) for node in tree.walk()} <= set(_WRITTEN)
    assert {node.name for node in tree.find_all(exp.Anonymous)} <= _FUNCTIONS
    names = {column.name for column in tree.find_all(exp.Column) if not column.table}
    assert names <= {*SPAN_COLUMNS, *DERIVED_COLUMNS}
    assert names == read.columns


@_property
@given(text=st.text(max_size=200) | _soup | _spoilt_filter)
def test_any_text_is_refused_or_becomes_a_condition_over_span_columns(
    text: str, database: duckdb.DuckDBPyConnection
) -> None:
    try:
        read = parse_filter(text)
    except FilterError:
        return

    rows = database.execute(f"SELECT {read.sql} FROM spans").fetchall()
    assert len(rows) == len(SPANS)
    assert {row[0] for row in rows} <= {True, False}
    check_says_only_what_filters_can_say(read)


@_property
@given(text=_hostile_filter)
def test_hostile_names_and_values_stay_names_and_values(text: str, database: duckdb.DuckDBPyConnection) -> None:
    read = parse_filter(text)

    rows = database.execute(
        f"SELECT {read.sql}, {' AND '.join(part.sql for part in read.clauses)} FROM spans"
    ).fetchall()
    assert len(rows) == len(SPANS)
    assert all(whole == joined for whole, joined in rows)
    check_says_only_what_filters_can_say(read)


@_property
@given(text=_plain_sql)
def test_where_filters_are_plain_sql_they_mean_what_duckdb_reads(
    text: str, database: duckdb.DuckDBPyConnection
) -> None:
    read = parse_filter(text)

    clauses = " AND ".join(clause.sql for clause in read.clauses)
    rows = database.execute(f"SELECT {read.sql}, coalesce(({text}), FALSE), {clauses} FROM spans").fetchall()
    assert all(ours == duckdbs == joined for ours, duckdbs, joined in rows)
    check_says_only_what_filters_can_say(read)


@_property
@given(value=st.text(max_size=50), operator=st.sampled_from(["=", "LIKE", "ILIKE", "CONTAINS"]))
def test_any_text_can_be_asked_for(value: str, operator: str, database: duckdb.DuckDBPyConnection) -> None:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    pattern = quoted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") if "LIKE" in operator else quoted
    pattern = pattern.replace("\\\\'", "'").replace("'", "''") if "LIKE" in operator else pattern

    read = parse_filter(f"name {operator} '{pattern}'")

    found = database.execute(f"SELECT {read.sql} FROM (SELECT ? AS name)", [value]).fetchone()
    assert found == (True,)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'x' OR 1 = 1",
        "name = 'x'; DROP TABLE spans; --",
        "name = 'x'' OR ''1'' = ''1'; DROP TABLE spans",
        "name = 'x\\\\' OR 1=1 --'",
        'name IN (SELECT "context.span_id" FROM spans)',
        "name = (SELECT max(name) FROM spans)",
        "name = 'x' UNION SELECT 1",
        "name = read_text('/etc/passwd')",
        "name = getenv('HOME')",
        "\"name\" = 'x') OR (TRUE",
        '"name"" OR 1=1 --" = \'x\'',
        "attributes.\"x') OR (TRUE) OR ('\" = 'x' OR TRUE",
        "name LIKE 'x' ESCAPE ''' OR TRUE --'",
        "name = $$x$$",
        "name = E'\\''",
        "name = 'x' /* ' */ OR TRUE",
        "name = 'x'\0; DROP TABLE spans",
        "name = CURRENT_USER",
        "rowid = 0",
        "spans.name = 'x'",
        "COLUMNS('.*') = 'x'",
        "name COLLATE NOCASE = 'x'",
        "name = 'x' QUALIFY TRUE",
        "name = 'x' AND (VALUES (1))",
        "INTERVAL '1' DAY = INTERVAL '1' DAY",
    ],
)
def test_an_injection_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'x''; DROP TABLE spans; --'",
        "name = '\\'; DROP TABLE spans; --'",
        "\"attributes.x') OR (TRUE\" = 'y'",
        "attributes.\"x'') OR TRUE --\" = 'y'",
        "name LIKE '\\' OR TRUE --'",
        "name = 'x\\' OR 1=1 --'",
        'name = "x\' OR TRUE --"',
        "name = 'x\0'' OR TRUE --'",
    ],
)
def test_an_injection_inside_quotes_stays_a_text(text: str, database: duckdb.DuckDBPyConnection) -> None:
    read = parse_filter(text)

    assert database.execute(f"SELECT count(*) FROM spans WHERE {read.sql}").fetchone() == (0,)
    assert database.execute("SELECT count(*) FROM spans").fetchone() == (len(SPANS),)
    check_says_only_what_filters_can_say(read)
