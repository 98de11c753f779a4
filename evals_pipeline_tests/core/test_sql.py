from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evals_pipeline.core.sql import identifier, literal

_property = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@_property
@given(text=st.text() | st.text("'\"\\\0-;/*$"))
@example(text="\0")
@example(text="'\0'")
@example(text="\\'")
@example(text="''; DROP TABLE spans; --")
def test_any_text_comes_back_from_duckdb_as_it_was(text: str, database: duckdb.DuckDBPyConnection) -> None:
    assert database.execute(f"SELECT {literal(text)}").fetchone() == (text,)


@_property
@given(text=st.text("'\0ab", max_size=6))
def test_a_text_is_one_operand_wherever_it_stands(text: str, database: duckdb.DuckDBPyConnection) -> None:
    found = database.execute(f"SELECT {literal(text)} = {literal(text)}, length({literal(text)}) * 2").fetchone()

    assert found == (True, len(text) * 2)


@pytest.mark.parametrize("value", [None, True, False, 0, -1, 2**63 - 1, -(2**63) + 1, 0.1, -2.5, 1e300, 5e-324])
def test_other_values_come_back_equal(value: float | None, database: duckdb.DuckDBPyConnection) -> None:
    found = database.execute(f"SELECT {literal(value)}, CAST({literal(value)} AS VARCHAR)").fetchone()

    assert found is not None
    assert (found[0] is None) == (value is None)
    # A float may come back as a DECIMAL.
    assert value is None or type(value)(found[0]) == value


@_property
@given(name=st.text(min_size=1).filter(lambda name: "\0" not in name))
@example(name='a"b')
@example(name="attributes.input.value")
@example(name='"; DROP TABLE spans; --')
def test_any_name_without_nul_names_a_column(name: str, database: duckdb.DuckDBPyConnection) -> None:
    found = database.execute(f"SELECT {identifier(name)} FROM (SELECT 1 AS {identifier(name)})")

    assert [column[0] for column in found.description] == [name]
    assert found.fetchall() == [(1,)]
