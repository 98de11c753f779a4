from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from evals_pipeline.sandbox import rows
from evals_pipeline.sandbox.program import Program

NOON = datetime(2025, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def shown(batch: pa.RecordBatch, **changes: Any) -> list[dict[str, Any]]:
    program = Program("", "", "", **changes)
    return list(rows.calls(bytearray(rows.packed(batch)), program))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param(pa.array(["text"]), "text", id="text"),
        pytest.param(pa.array([3], pa.int64()), 3, id="integer"),
        pytest.param(pa.array([0.5]), 0.5, id="float"),
        pytest.param(pa.array([True]), True, id="boolean"),
        pytest.param(pa.array([None], pa.string()), None, id="null"),
        pytest.param(pa.array([["a", "b"]]), ["a", "b"], id="list"),
        pytest.param(pa.array([{"a": 1}]), {"a": 1}, id="struct"),
        pytest.param(pa.array(["text"]).dictionary_encode(), "text", id="dictionary"),
        pytest.param(pa.array(["text"], pa.large_string()), "text", id="large-text"),
        pytest.param(pa.array([NOON], pa.timestamp("us", "UTC")), NOON, id="time"),
        pytest.param(pa.array([NOON], pa.timestamp("ns", "Europe/Zurich")), NOON, id="time-of-another-zone"),
        pytest.param(pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")), NOON, id="time-without-zone"),
        pytest.param(pa.array([None], pa.timestamp("us", "UTC")), None, id="no-time"),
    ],
)
def test_values_have_their_natural_types(column: pa.Array, value: object) -> None:
    batch = pa.RecordBatch.from_arrays([column], ["a.b"])

    (arguments,) = shown(batch, variables={"x": "a.b"})

    assert arguments == {"x": value}
    assert type(arguments["x"]) is type(value)


def test_times_are_in_utc_without_a_file_of_zones() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([NOON], pa.timestamp("ms", "America/New_York"))], ["t"])

    (arguments,) = shown(batch, variables={"t": "t"})

    assert arguments["t"].tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": [1, null]}', {"a": [1, None]}, id="object"),
        pytest.param("12345678901234567890123", 12345678901234567890123, id="large-integer"),
        pytest.param('"text"', "text", id="text"),
        pytest.param("no json", "no json", id="other-text"),
        pytest.param("[" * 100_000, "[" * 100_000, id="too-deep"),
        pytest.param(None, None, id="null"),
    ],
)
def test_json_columns_are_parsed_and_other_text_stays_text(text: str | None, value: object) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([text], pa.string())], ["j"])

    (arguments,) = shown(batch, variables={"x": "j"}, json_columns=frozenset({"j"}))

    assert arguments == {"x": value}


def test_a_dataset_row_has_the_columns_by_their_paths() -> None:
    batch = pa.RecordBatch.from_pydict({"a.b": ["x", "y"], "c": [1, 2]})

    first, second = shown(batch, variables={"text": "a.b"}, row_columns=("a.b", "c"))

    assert first == {"text": "x", "dataset_row": {"a.b": "x", "c": 1}}
    assert second == {"text": "y", "dataset_row": {"a.b": "y", "c": 2}}


def test_variables_may_share_a_column_and_parsed_values_are_nobody_elses() -> None:
    batch = pa.RecordBatch.from_pydict({"j": ["[1]"], "s": ["x"]})

    (arguments,) = shown(
        batch, variables={"a": "j", "b": "j", "s": "s"}, row_columns=("j",), json_columns=frozenset({"j"})
    )
    arguments["a"].append(2)

    assert arguments == {"a": [1, 2], "b": [1], "s": "x", "dataset_row": {"j": [1]}}


def test_rows_are_counted_where_an_evaluator_sees_no_column() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x", "y", "z"]})

    assert shown(batch) == [{}, {}, {}]
    assert shown(batch, row_columns=()) == [{"dataset_row": {}}] * 3


def test_only_the_rows_of_a_slice_are_sent() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x" * 1_000] * 1_000})

    assert len(rows.packed(batch.slice(10, 2))) < 10_000
    assert len(shown(batch.slice(10, 2), variables={"a": "a"})) == 2


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([0, 2**62, 5]).cast(pa.timestamp("us", "UTC")), id="time-in-microseconds"),
        pytest.param(pa.array([0, 2**62, 5]).cast(pa.timestamp("s")), id="time-in-seconds"),
        pytest.param(pa.array([0, -(2**62), 5]).cast(pa.timestamp("us")), id="time-long-ago"),
        pytest.param(pa.array([0, 2**30, 5], pa.int32()).cast(pa.date32()), id="date"),
        pytest.param(pa.array([[0], [2**62], [5]], pa.list_(pa.timestamp("us"))), id="list-of-times"),
    ],
)
def test_a_value_that_python_cannot_hold_is_none_and_harms_no_other_row(column: pa.Array) -> None:
    batch = pa.RecordBatch.from_arrays([column, pa.array(["a", "b", "c"])], ["t", "x"])

    found = shown(batch, variables={"t": "t", "x": "x"})

    assert [each["x"] for each in found] == ["a", "b", "c"]
    assert [each["t"] is None for each in found] == [False, True, False]
