from __future__ import annotations

import json
from datetime import UTC, date, datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals_pipeline.core.columns import ALIASES, DERIVED_COLUMNS, SPAN_COLUMNS
from evals_pipeline.core.errors import MappingError
from evals_pipeline.core.paths import (
    JSON_PATH_FUNCTION,
    PATH_FUNCTION,
    Path,
    as_json,
    as_text,
    find_json,
    find_text,
    parse_path,
    resolve,
    resolve_natural,
)

MESSAGES = json.dumps([{"message": {"role": "user", "content": "hi"}}, {"message.content": "joined", "empty": ""}])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just("a.b"), inner, max_size=4)
    ),
    max_leaves=12,
)
parts = st.sampled_from(["0", "1", "-1", "a", "b", "a.b", "", "²", "9" * 30]) | st.text(max_size=3)


@pytest.mark.parametrize("column", [*SPAN_COLUMNS, *DERIVED_COLUMNS])
def test_every_column_is_a_path_to_itself(column: str) -> None:
    path = parse_path(column)

    assert path == Path(column)
    assert path.is_column
    assert path.dotted == column


@pytest.mark.parametrize(("alias", "column"), ALIASES.items())
def test_an_alias_leads_to_its_column(alias: str, column: str) -> None:
    assert parse_path(alias) == Path(column)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(
            "attributes.input.value.a.0", Path("attributes.input.value", ("a", "0")), id="longest column first"
        ),
        pytest.param("attributes.llm.output_messages.0", Path("attributes.llm.output_messages", ("0",)), id="index"),
        pytest.param(
            "attributes.llm.provider", Path("attributes", ("llm", "provider")), id="attribute without a column"
        ),
        pytest.param("attributes.metadata.env", Path("attributes.metadata", ("env",)), id="metadata"),
        pytest.param("metadata.env", Path("attributes.metadata", ("env",)), id="inside an alias"),
        pytest.param("attributes.größe.my-key", Path("attributes", ("größe", "my-key")), id="any name of your own"),
    ],
)
def test_a_path_goes_on_inside_the_longest_column(text: str, path: Path) -> None:
    parsed = parse_path(text)

    assert parsed == path
    assert not parsed.is_column


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param("", "'' is no path", "single dots", id="empty"),
        pytest.param(".name", "is no path", "single dots", id="dot first"),
        pytest.param("attributes..x", "is no path", "single dots", id="two dots"),
        pytest.param("attributes.x.", "is no path", "single dots", id="dot last"),
        pytest.param("nam", "no span has a column 'nam'; there is: attributes, ", "did you mean 'name'?", id="typo"),
        pytest.param("env", "no span has a column 'env'", "attributes.<its name>", id="attribute without its prefix"),
        pytest.param("attributes.llm.modelname", "no span has", "attributes.llm.model_name", id="typo in an attribute"),
        pytest.param("attributes.output", "no span has", "attributes.output.value", id="only the beginning of columns"),
        pytest.param("start_time.year", "goes inside 'start_time', which is a time", "", id="inside a time"),
        pytest.param("latency_ms.x", "goes inside 'latency_ms', which is a number", "", id="inside a derived number"),
    ],
)
def test_a_path_that_cannot_exist_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(MappingError) as refused:
        parse_path(text, field="evaluators.0.mapping.text")

    assert message in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.field == "evaluators.0.mapping.text"


@pytest.mark.parametrize(
    "name",
    [
        "llm.provider",
        "llm.cost.prompt",
        "llm.token_count.prompt_details.cache_read",
        "tool.id",
        "user.name",
        "tag.tags",
    ],
)
def test_attributes_of_the_convention_that_have_no_column_are_no_typos(name: str) -> None:
    assert parse_path(f"attributes.{name}").column == "attributes"


@pytest.mark.parametrize(
    ("container", "path", "expected"),
    [
        pytest.param('{"a": {"b": "x"}}', "a.b", "x", id="keys"),
        pytest.param(MESSAGES, "0.message.content", "hi", id="index and keys"),
        pytest.param(MESSAGES, "1.message.content", "joined", id="dotted key"),
        pytest.param('{"a.b": {"c.d": 1}}', "a.b.c.d", "1", id="dotted keys twice"),
        pytest.param('{"a": {"x": 1}, "a.b": 2}', "a.b", "2", id="on from a dead end"),
        pytest.param('{"a": {"b": null}, "a.b": 2}', "a.b", "2", id="on from a null"),
        pytest.param('{"a": "{\\"b\\": [10, 20]}"}', "a.b.1", "20", id="JSON in a text"),
        pytest.param(json.dumps(json.dumps({"a": 1})), "a", "1", id="JSON made text twice"),
        pytest.param(' \n[ "x" ]', "0", "x", id="blanks before JSON"),
        pytest.param('{"0": "x"}', "0", "x", id="digits as a key"),
        pytest.param(MESSAGES, "1.empty", "", id="an empty text is a value"),
        pytest.param('{"a": false}', "a", "false", id="false is a value"),
        pytest.param('{"a": 0}', "a", "0", id="zero is a value"),
        pytest.param('{"a": []}', "a", "[]", id="an empty list is a value"),
        pytest.param('{"a": {"é": [1, 2.5]}}', "a", '{"é":[1,2.5]}', id="an object as compact JSON"),
        pytest.param('{"a": "[1, 2]"}', "a", "[1, 2]", id="a text at the end stays as it is"),
        pytest.param('{"a": NaN}', "a", "NaN", id="what Python calls JSON"),
        pytest.param('{"a": 1, "a": 2}', "a", "2", id="the last of duplicate keys"),
        pytest.param('{"a": "\\ud83d\\ude00"}', "a", "😀", id="a surrogate pair is a character"),
        pytest.param('{"a": "x\\ud800y"}', "a", "x\ufffdy", id="half of one is replaced"),
        pytest.param('{"a": {"b": "\\udfff"}}', "a", '{"b":"\ufffd"}', id="also inside an object"),
    ],
)
def test_a_path_finds_what_it_leads_to(container: str, path: str, expected: str) -> None:
    assert find_text(container, path) == expected


@pytest.mark.parametrize(
    ("container", "path"),
    [
        pytest.param(None, "a", id="no container"),
        pytest.param("", "a", id="empty container"),
        pytest.param("plain text", "a", id="no JSON"),
        pytest.param('{"a": ', "a", id="broken JSON"),
        pytest.param("17", "0", id="a number"),
        pytest.param('{"a": 1}', "b", id="no such key"),
        pytest.param('{"a": null}', "a", id="null"),
        pytest.param('{"a": 1}', "a.b", id="inside a number"),
        pytest.param('{"a": {"c": 1}}', "a.b", id="never the object around it"),
        pytest.param("[1, 2]", "2", id="after the end"),
        pytest.param("[1, 2]", "-1", id="negative index"),
        pytest.param("[1, 2]", "+1", id="signed index"),
        pytest.param("[1, 2]", "1.0", id="inside a number of a list"),
        pytest.param("[1, 2]", "first", id="key in a list"),
        pytest.param("[1, 2, 3]", "²", id="digits beyond ASCII"),
        pytest.param("[1]", "9" * 5_000, id="a number longer than Python reads"),
        pytest.param("[" * 100_000, "0", id="nested beyond reading"),
        pytest.param("1" * 5_000, "0", id="a JSON number longer than Python reads"),
    ],
)
def test_a_path_that_leads_nowhere_finds_nothing(container: str | None, path: str) -> None:
    assert find_text(container, path) is None


@settings(max_examples=500)
@given(container=st.none() | st.text() | json_values.map(json.dumps), path=st.lists(parts, max_size=6).map(".".join))
def test_looking_for_a_path_never_raises_and_finds_text_that_can_be_stored(container: str | None, path: str) -> None:
    found = find_text(container, path)

    assert found is None or found.encode()


@given(container=json_values)
def test_every_value_is_found_under_the_path_of_its_keys(container: object) -> None:
    leaves = [([], container)]
    while leaves:
        keys, value = leaves.pop()
        if isinstance(value, dict):
            leaves += [([*keys, key], inner) for key, inner in value.items() if key and "." not in key]
        elif isinstance(value, list):
            leaves += [([*keys, str(index)], inner) for index, inner in enumerate(value)]
        elif keys and isinstance(value, int):
            assert find_text(json.dumps(container), ".".join(keys)) == json.dumps(value)


def test_depth_up_to_what_json_reads_finds_a_value_or_nothing() -> None:
    for depth in range(10, 2_000, 45):
        found = find_text('{"a":' * depth + "1" + "}" * depth, ".".join(["a"] * depth))

        assert found in ("1", None)
        assert depth > 500 or found == "1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("", "", id="empty text"),
        pytest.param('"quoted"', '"quoted"', id="text as it stands"),
        pytest.param(7, "7", id="whole number"),
        pytest.param(0.1, "0.1", id="number"),
        pytest.param(True, "true", id="truth"),
        pytest.param({"a": [1, "é"]}, '{"a":[1,"é"]}', id="object"),
        pytest.param(datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00.000000+00:00", id="time"),
        pytest.param(date(2026, 1, 2), "2026-01-02", id="day"),
        pytest.param([date(2026, 1, 2)], '["2026-01-02"]', id="day in a list"),
    ],
)
def test_values_are_shown_as_text_or_compact_json(value: object, text: str | None) -> None:
    assert as_text(value) == text


def test_a_span_is_resolved_column_by_column() -> None:
    span = {"name": "look_up", "attributes.llm.token_count.total": 12, "attributes.llm.output_messages": MESSAGES}

    assert resolve(span, parse_path("name")) == "look_up"
    assert resolve(span, parse_path("attributes.llm.token_count.total")) == "12"
    assert resolve(span, parse_path("attributes.llm.output_messages.0.message.role")) == "user"
    assert resolve(span, parse_path("attributes.output.value")) is None


@settings(max_examples=200)
@given(container=json_values.map(json.dumps), path=st.lists(parts.filter(bool), min_size=1, max_size=4))
def test_the_sql_of_a_path_finds_what_python_finds(container: str, path: list[str]) -> None:
    parsed = Path("attributes", tuple(".".join(path).split(".")))

    with duckdb.connect() as connection:
        connection.create_function(PATH_FUNCTION, find_text, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling="special")
        found = connection.execute(f"SELECT {parsed.sql} FROM (SELECT ? AS attributes)", [container]).fetchone()

    assert found == (resolve({"attributes": container}, parsed),)


@settings(max_examples=500)
@given(container=st.none() | st.text() | json_values.map(json.dumps), path=st.lists(parts, max_size=6).map(".".join))
def test_the_json_of_a_path_is_there_exactly_where_its_text_is_and_says_the_natural_value(
    container: str | None, path: str
) -> None:
    found, text = find_json(container, path), find_text(container, path)

    assert (found is None) == (text is None)
    assert found == (
        None if text is None else as_json(resolve_natural({"a": container}, Path("a", tuple(path.split(".")))))
    )


def test_a_value_keeps_its_type_where_that_is_asked_for() -> None:
    tags = {"tags": ["a", 1, 1.5, True, "[1]"]}
    span = {
        "name": "[1]",
        "attributes.llm.token_count.total": 12,
        "attributes.metadata": json.dumps(tags),
        "events": "no JSON",
    }

    assert resolve_natural(span, parse_path("name")) == "[1]"
    assert resolve_natural(span, parse_path("attributes.llm.token_count.total")) == 12
    assert resolve_natural(span, parse_path("attributes.metadata")) == tags
    assert [resolve_natural(span, parse_path(f"attributes.metadata.tags.{n}")) for n in range(6)] == [
        *tags["tags"],
        None,
    ]
    assert resolve_natural(span, parse_path("events")) == "no JSON"
    assert resolve_natural(span, parse_path("attributes.output.value")) is None


@pytest.mark.parametrize(
    ("path", "sql", "is_json"),
    [
        ("name", '"name"', False),
        ("start_time", '"start_time"', False),
        ("attributes.metadata", "nullif(\"attributes.metadata\", 'null')", True),
        ("attributes.metadata.a.b", f"{JSON_PATH_FUNCTION}(\"attributes.metadata\", 'a.b')", True),
        ("attributes.output.value.a", f"{JSON_PATH_FUNCTION}(\"attributes.output.value\", 'a')", True),
        ("latency_ms", DERIVED_COLUMNS["latency_ms"], False),
    ],
)
def test_the_natural_sql_of_a_path_says_whether_it_is_json(path: str, sql: str, is_json: bool) -> None:
    assert (parse_path(path).natural_sql, parse_path(path).is_json) == (sql, is_json)


def test_the_sql_of_a_derived_column_is_its_expression() -> None:
    assert parse_path("latency_ms").sql == DERIVED_COLUMNS["latency_ms"]
