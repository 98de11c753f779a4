from __future__ import annotations

import duckdb
import pytest

from evals_pipeline.core.errors import FilterError
from evals_pipeline.selection.filters import parse_filter
from evals_pipeline.selection.tokens import MAX_DEPTH, MAX_LENGTH
from evals_pipeline_tests.selection.conftest import Matching

EVERY = ["llm", "root", "tool"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("span_kind = 'LLM'", ["llm"], id="equal"),
        pytest.param("span_kind == 'LLM'", ["llm"], id="equal as in Python"),
        pytest.param("span_kind != 'LLM'", ["root", "tool"], id="unequal"),
        pytest.param("span_kind <> 'LLM'", ["root", "tool"], id="unequal as in SQL"),
        pytest.param("name < 'agent'", ["llm"], id="text before"),
        pytest.param("name >= 'agent'", ["root", "tool"], id="text from"),
        pytest.param("attributes.llm.token_count.prompt > 119.5", ["llm"], id="number above"),
        pytest.param("attributes.llm.token_count.prompt <= -1", [], id="negative number"),
        pytest.param("latency_ms = 2000", ["llm"], id="derived column"),
        pytest.param("latency_ms BETWEEN 2e3 AND 4000.0", ["llm", "root"], id="between"),
        pytest.param("latency_ms NOT BETWEEN 2001 AND 4000", ["llm"], id="not between"),
        pytest.param("span_kind IN ('LLM', 'TOOL')", ["llm", "tool"], id="in"),
        pytest.param("span_kind NOT IN ('LLM', 'TOOL')", ["root"], id="not in"),
        pytest.param("attributes.llm.model_name LIKE 'gpt-4%'", ["llm"], id="like"),
        pytest.param("name LIKE 'CHAT%'", [], id="like minds case"),
        pytest.param("name ILIKE 'CHAT%'", ["llm"], id="ilike does not"),
        pytest.param("name NOT LIKE '%a%'", ["tool"], id="not like"),
        pytest.param("name NOT ILIKE 'chat%'", ["root", "tool"], id="not ilike"),
        pytest.param(r"attributes.input.value LIKE '%100\%%'", ["llm"], id="like with an escaped percent"),
        pytest.param(r"attributes.output.value LIKE '%C:\temp'", ["llm"], id="like with a backslash"),
        pytest.param(r"attributes.output.value LIKE '%C:\\temp'", ["llm"], id="like with a doubled backslash"),
        pytest.param(r"attributes.output.value LIKE '%C:\\'", [], id="like with a backslash at its end"),
        pytest.param("attributes.input.value CONTAINS '100'", ["llm", "tool"], id="contains"),
        pytest.param("attributes.input.value contains 'ORDER'", [], id="contains minds case"),
        pytest.param("attributes.input.value CONTAINS '0%'", ["llm"], id="contains has no wildcards"),
        pytest.param("NOT attributes.input.value CONTAINS '100'", ["root"], id="not contains, before the column"),
        pytest.param("attributes.input.value NOT CONTAINS '100'", ["root"], id="not contains, after the column"),
        pytest.param("parent_id IS NULL", ["root"], id="is null"),
        pytest.param("parent_id IS NOT NULL", ["llm", "tool"], id="is not null"),
        pytest.param("parent_id = null", ["root"], id="equals null"),
        pytest.param("parent_id != NULL", ["llm", "tool"], id="unequal to null"),
        pytest.param("attributes.input.value = ''", ["root"], id="an empty text is a value"),
        pytest.param("NOT (span_kind = 'LLM' OR span_kind = 'TOOL')", ["root"], id="not over or"),
        pytest.param("name = 'agent' OR name = 'look_up' AND span_kind = 'LLM'", ["root"], id="and binds before or"),
        pytest.param("(name = 'agent' OR name = 'look_up') AND span_kind = 'TOOL'", ["tool"], id="parentheses"),
        pytest.param("name = 'agent' aNd span_kind In ('CHAIN')", ["root"], id="keywords in any case"),
        pytest.param("((name)) = (('agent'))", ["root"], id="parentheses around operands"),
        pytest.param("attributes.input.value = attributes.output.value", ["tool"], id="two columns"),
        pytest.param("name = attributes.tool.name", ["tool"], id="two text columns"),
        pytest.param("start_time\n\t<= end_time", ["llm", "root"], id="two times, over lines"),
        pytest.param("  name = 'agent'  ", ["root"], id="blanks around"),
    ],
)
def test_a_filter_matches_the_spans_that_it_describes(text: str, expected: list[str], matching: Matching) -> None:
    read = parse_filter(text)

    assert matching(read.sql) == expected
    assert matching(f"NOT {read.sql}") == [span for span in EVERY if span not in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("attributes.metadata.env = 'prod'", ["llm"], id="key"),
        pytest.param("metadata.env = 'prod'", ["llm"], id="key of an alias"),
        pytest.param("attributes.llm.output_messages.0.message.content LIKE 'hello%'", ["llm"], id="index"),
        pytest.param("attributes.order.end = '17'", ["llm"], id="keywords as parts"),
        pytest.param("attributes.größe = 'nan'", ["llm"], id="letters beyond ASCII"),
        pytest.param('"attributes.metadata.my-key.x" = 0.5', ["llm"], id="quoted whole"),
        pytest.param('attributes.metadata."my-key".x = 0.5', ["llm"], id="quoted in part"),
        pytest.param('"attributes"."metadata"."my-key"."x" < 1', ["llm"], id="every part quoted"),
        pytest.param("attributes.metadata.tier >= 10", ["root"], id="number in a text, compared as number"),
        pytest.param("attributes.metadata.tier >= '10'", ["llm", "root"], id="and as text"),
        pytest.param("attributes.metadata.tier IN (2, 3)", ["llm"], id="numbers in a list"),
        pytest.param("attributes.metadata.tier BETWEEN 3 AND 11", ["root"], id="numbers between"),
        pytest.param("attributes.metadata.vip = TRUE", ["llm"], id="true"),
        pytest.param("attributes.metadata.vip != true", ["root"], id="not true"),
        pytest.param("attributes.metadata.vip IN (TRUE, FALSE)", ["llm", "root"], id="truth values in a list"),
        pytest.param("attributes.metadata.env > 0", [], id="a text that is no number is missing"),
        pytest.param("attributes.größe > 0", [], id="the text nan is no number"),
        pytest.param("attributes.metadata.env.deeper IS NULL", ["llm", "root", "tool"], id="nothing there"),
        pytest.param("attributes.metadata LIKE '%JSON%'", ["tool"], id="whole JSON as text"),
        pytest.param("attributes.openinference.span.kind = 'TOOL'", ["tool"], id="alias of span_kind"),
        pytest.param("span.status_code = 'ERROR'", ["root"], id="alias of status_code"),
    ],
)
def test_a_filter_reaches_into_attributes(text: str, expected: list[str], matching: Matching) -> None:
    read = parse_filter(text)

    assert matching(read.sql) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("start_time >= '2026-01-10T12:00:00'", ["llm", "tool"], id="naive is UTC"),
        pytest.param("start_time >= '2026-01-10T12:00:00Z'", ["llm", "tool"], id="Z"),
        pytest.param("start_time >= '2026-01-10T13:00:00+01:00'", ["llm", "tool"], id="offset"),
        pytest.param("start_time < '2026-01-11'", ["llm", "root"], id="day"),
        pytest.param('start_time < "2026-01-11"', ["llm", "root"], id="in double quotes"),
        pytest.param("start_time IN ('2026-01-11', '2026-01-12')", ["tool"], id="in"),
        pytest.param("start_time BETWEEN '2026-01-10 12:00' AND '2026-01-11'", ["llm", "tool"], id="between"),
    ],
)
def test_times_are_compared_as_moments(text: str, expected: list[str], matching: Matching) -> None:
    read = parse_filter(text)

    assert matching(read.sql) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("name = 'it''s'", "it's", id="doubled quote"),
        pytest.param(r"name = 'it\'s'", "it's", id="escaped quote"),
        pytest.param(r"name = 'a\\'", "a\\", id="escaped backslash"),
        pytest.param(r"name = 'a\nb'", r"a\nb", id="other backslashes stand for themselves"),
        pytest.param("name = 'a\nb'", "a\nb", id="line break"),
        pytest.param("name = 'a\0b'", "a\0b", id="NUL"),
        pytest.param("name = '-- /* ; $1 ? \"'", '-- /* ; $1 ? "', id="signs that mean something outside"),
        pytest.param("name = ''", "", id="empty"),
        pytest.param("name = '東京 🗼'", "東京 🗼", id="beyond ASCII"),
        pytest.param('name = "financial_data_agent"', "financial_data_agent", id="Arize's double quotes"),
        pytest.param('name = "gpt-4.1"', "gpt-4.1", id="double quotes around dots"),
        pytest.param('name IN ("a ""b""")', 'a "b"', id="doubled double quotes in a list"),
        pytest.param('name LIKE "agent"', "agent", id="double quotes as pattern"),
    ],
)
def test_a_text_means_what_stands_between_its_quotes(
    text: str, expected: str, database: duckdb.DuckDBPyConnection
) -> None:
    read = parse_filter(text)

    found = database.execute(f"SELECT {read.sql} FROM (SELECT ? AS name)", [expected]).fetchone()
    assert found == (True,)


def test_a_double_quoted_column_on_the_right_is_the_column(matching: Matching) -> None:
    read = parse_filter('attributes.tool.name = "name"')

    assert read.columns == {"attributes.tool.name", "name"}
    assert matching(read.sql) == ["tool"]


def test_a_comparison_with_what_a_span_does_not_have_is_never_true(matching: Matching) -> None:
    equal = parse_filter("attributes.llm.model_name = 'gpt-4o'")
    unequal = parse_filter("NOT attributes.llm.model_name = 'gpt-4o'")

    assert matching(equal.sql) == ["llm"]
    assert matching(unequal.sql) == []
    assert matching(f"{unequal.sql} = FALSE") == EVERY


def test_clauses_are_the_parts_that_and_joins_as_they_were_written(matching: Matching) -> None:
    text = "span_kind = 'LLM' And (latency_ms BETWEEN 1 AND 5e3 and ((name = 'a AND b' OR name IS NULL)))"

    read = parse_filter(text)

    assert [clause.text for clause in read.clauses] == [
        "span_kind = 'LLM'",
        "latency_ms BETWEEN 1 AND 5e3",
        "name = 'a AND b' OR name IS NULL",
    ]
    assert [matching(clause.sql) for clause in read.clauses] == [["llm"], ["llm", "root"], []]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("name = 'a' OR name = 'b' AND name = 'c'", id="or"),
        pytest.param("NOT (name = 'a' AND name = 'b')", id="not"),
        pytest.param("name BETWEEN 'a' AND 'b'", id="between"),
        pytest.param("name IN ('a', 'b')", id="list"),
    ],
)
def test_a_filter_without_and_at_its_top_is_one_clause(text: str) -> None:
    read = parse_filter(text)

    assert [clause.text for clause in read.clauses] == [text]


def test_a_filter_names_the_columns_of_the_lake_that_it_reads() -> None:
    read = parse_filter("latency_ms > 5 AND metadata.env = \"prod\" AND session_id IS NOT NULL AND attributes.x = 'y'")

    assert read.columns == {"start_time", "end_time", "attributes.metadata", "attributes.session.id", "attributes"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param("", "empty", "leave the field out", id="empty"),
        pytest.param(" \n\t", "empty", "leave the field out", id="blank"),
        pytest.param("x" * (MAX_LENGTH + 1), "10,001 characters; 10,000 are allowed", "", id="too long"),
        pytest.param("nam = 'x'", "no span has a column 'nam'", "did you mean 'name'?", id="unknown column"),
        pytest.param("name = agent", "no span has a column 'agent'", "single quotes", id="text without quotes"),
        pytest.param('"agent" = name', "no span has a column 'agent'", "", id="text on the left"),
        pytest.param("'agent' = name", "'agent' is a text", "column on the left", id="literal on the left"),
        pytest.param("1 = 1", "'1' is a number", "column on the left", id="no column"),
        pytest.param("attributes.llm.modelname = 'x'", "no span has", "attributes.llm.model_name", id="typo"),
        pytest.param("latency_ms.x = 1", "goes inside 'latency_ms'", "", id="inside a number"),
        pytest.param("start_time > 5", "'start_time' is a time", "'2026-01-31'", id="time and number"),
        pytest.param("start_time > 'soon'", "'soon' is no time", "'2026-01-31'", id="no time"),
        pytest.param("start_time > '0001-01-01T00:00:00+05:00'", "is no time", "", id="before all time"),
        pytest.param("attributes.llm.token_count.total = 'abc'", "is a number", "without quotes", id="number and text"),
        pytest.param("attributes.llm.token_count.total = TRUE", "the truth value 'true'", "", id="number and truth"),
        pytest.param("name = 5", "'name' is a text", "single quotes", id="text and number"),
        pytest.param("attributes.x > TRUE", "no order", "use = or !=", id="order of truth"),
        pytest.param("attributes.x BETWEEN TRUE AND FALSE", "no order", "use = or !=", id="between truths"),
        pytest.param("attributes.x = 1e999", "too large", "", id="infinite"),
        pytest.param("attributes.x IN (1, 'a')", "several types", "", id="mixed list"),
        pytest.param("name IN ('a', NULL)", "NULL cannot stand here", "IS NULL", id="NULL in a list"),
        pytest.param("name < NULL", "NULL has no order", "IS NULL", id="order of NULL"),
        pytest.param("name LIKE NULL", "NULL cannot stand here", "", id="like NULL"),
        pytest.param("name IN (parent_id)", "'parent_id' is a column", "", id="column in a list"),
        pytest.param("name LIKE parent_id", "'parent_id' is a column", "", id="column as pattern"),
        pytest.param("latency_ms LIKE '1%'", "'latency_ms' is a number", "", id="search in a number"),
        pytest.param("name CONTAINS 5", "CONTAINS needs a text", "", id="search for a number"),
        pytest.param("start_time = latency_ms", "cannot be compared", "", id="columns of two types"),
        pytest.param("name", "no comparison", "= TRUE", id="bare column"),
        pytest.param("NOT name", "no comparison", "= TRUE", id="bare column negated"),
        pytest.param("TRUE", "no comparison", "", id="bare literal"),
        pytest.param("name IS TRUE", "no comparison", "= TRUE", id="is true"),
        pytest.param("name IN ()", "no comparison", "", id="empty list"),
        pytest.param("name IN 'a'", "no comparison", "", id="list without parentheses"),
        pytest.param("name = 'a' = 'b'", "no comparison", "", id="chain"),
        pytest.param("name = 'a' 'b'", "no comparison", "", id="texts side by side"),
        pytest.param("(name, name) = ('a', 'b')", "no comparison", "", id="tuple"),
        pytest.param("IN = IN", "no comparison", "", id="keywords as operands"),
        pytest.param("name = LIKE", "cannot be read at 'LIKE'", "", id="keyword as value"),
        pytest.param("()", "no comparison", "", id="nothing in parentheses"),
        pytest.param("name = 'a' AND ()", "no comparison", "", id="nothing in parentheses after and"),
        pytest.param("name = 'a' AND", "cannot be read at 'AND', character 12", "", id="ends early"),
        pytest.param("name = 'a' name = 'b'", "cannot be read at 'name', character 12", "", id="no connector"),
        pytest.param("(name = 'a'", "cannot be read", "", id="open parenthesis"),
        pytest.param("name = 'a')", "cannot be read at ')', character 11", "", id="closed twice"),
        pytest.param("name NOT = 'a'", "cannot be read at 'NOT'", "", id="not equal in words"),
        pytest.param("name = 'a", "a text that does not end", "backslash", id="open quote"),
        pytest.param("name = 'a\\'", "a text that does not end", "backslash", id="quote escaped away"),
        pytest.param('"name = 5', "a quoted name that does not end", "", id="open double quote"),
        pytest.param("lower(name) = 'a'", "'lower(…)' is a function call", "", id="function"),
        pytest.param("attributes.f (name) = 'a'", "is a function call", "", id="function with dots"),
        pytest.param("\"read_text\"('/etc/passwd') = 'x'", "is a function call", "", id="quoted function"),
        pytest.param("latency_ms + 1 > 5", "'+ 1 > 5' is arithmetic", "", id="arithmetic"),
        pytest.param("attributes.my-key = 1", "is arithmetic", "double quotes", id="hyphen"),
        pytest.param("name || 'a' = 'b'", "is arithmetic", "", id="joining"),
        pytest.param("name::int = 1", "is a cast", "", id="cast by colons"),
        pytest.param("CAST(name AS INT) = 1", "is a cast", "", id="cast"),
        pytest.param("CASE WHEN name = 'a' THEN 1 END = 1", "is a CASE expression", "", id="case"),
        pytest.param("name IN (SELECT 'a')", "'SELECT' is a subquery", "list values", id="subquery"),
        pytest.param("EXISTS (SELECT 1)", "is a subquery", "", id="exists"),
        pytest.param("name = ANY('a')", "is a subquery", "", id="any"),
        pytest.param("name LIKE 'a' ESCAPE 'b'", "is an ESCAPE clause", "backslash", id="escape"),
        pytest.param("name = 'a' -- rest", "'-- rest' is a comment", "", id="comment"),
        pytest.param("name /* x */ = 'a'", "is a comment", "", id="comment inside"),
        pytest.param("name = 'a'; DROP TABLE spans", "the end of a statement", "", id="semicolon"),
        pytest.param("name = ?", "'?' is a parameter", "", id="parameter"),
        pytest.param("name = $1", "'$1' is a parameter", "", id="numbered parameter"),
        pytest.param("name = :x", "':x' is a parameter", "", id="named parameter"),
        pytest.param("*", "star", "name a column", id="star"),
        pytest.param("tag[environment] = 'x'", "is a bracket", "with dots", id="bracket"),
        pytest.param("A -> B", "a structural operator", "one span", id="descendant"),
        pytest.param("A => B", "a structural operator", "one span", id="child"),
        pytest.param("name GLOB 'a*'", "cannot be read", "", id="glob is not contains"),
        pytest.param("name = 0x10", "not part of the language", "", id="hexadecimal"),
        pytest.param("attributes. x = 1", "not part of the language", "", id="dot and blank"),
        pytest.param("name = '\ud800'", "surrogate", "", id="half a character"),
        pytest.param("(" * (MAX_DEPTH + 1) + "name = 'a'" + ")" * (MAX_DEPTH + 1), "levels deep", "", id="depth"),
        pytest.param("NOT " * 2000 + "name = 'a'", "levels deep", "", id="many nots"),
    ],
)
def test_what_is_outside_the_language_is_refused_by_name(text: str, message: str, hint: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(text, field="evaluators.0.filter")

    assert message in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.field == "evaluators.0.filter"
    assert len(str(refused.value)) < 1_500


def test_the_deepest_filter_allowed_can_be_run(matching: Matching) -> None:
    deep = "NOT (" * (MAX_DEPTH // 2) + "name = 'agent'" + ")" * (MAX_DEPTH // 2)

    read = parse_filter(deep)

    assert matching(read.sql) == ["root"]


@pytest.mark.parametrize("connector", ["AND", "OR"])
def test_the_longest_filter_allowed_can_be_run(connector: str, matching: Matching) -> None:
    condition = "name >= 'a'"
    text = f" {connector} ".join([condition] * ((MAX_LENGTH + 4) // (len(condition) + len(connector) + 2)))

    read = parse_filter(text)

    assert len(text) > MAX_LENGTH - 20
    assert matching(read.sql) == ["root", "tool"]
    assert len(read.clauses) == (text.count("AND") + 1)


def test_lists_of_hundreds_of_ids_can_be_run(matching: Matching) -> None:
    ids = ", ".join(f"'{number}'" for number in range(1_000))

    read = parse_filter(f"context.trace_id IN ({ids}, 't2')")

    assert matching(read.sql) == ["tool"]
