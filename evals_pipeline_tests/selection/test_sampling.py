from __future__ import annotations

import random

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals_pipeline.selection.sampling import is_sampled, key_sql, sampled_sql, sampling_key

RATES = [0.0, 5e-324, 2**-53, 1e-6, 0.01, 0.1, 0.2, 1 / 3, 0.5, 0.999999, 1 - 2**-53, 1.0]
SALTS = ["", "it's", "東京", "a\0b"]


def ids(count: int) -> list[str]:
    """Span ids as tracers write them, and every tenth of letters from everywhere."""
    chance = random.Random(7)
    letters = "aé東🗼'\"\\\0 \u0301\uffff"
    hexadecimal = (f"{chance.getrandbits(64):016x}" for _ in range(count - count // 10))
    odd = ("".join(chance.choices(letters, k=chance.randrange(30))) for _ in range(count // 10))
    return [*hexadecimal, *odd]


@pytest.fixture(scope="module")
def many_ids(database: duckdb.DuckDBPyConnection) -> list[str]:
    """100,000 ids, also in the table `ids`."""
    values = ids(100_000)
    database.execute("CREATE OR REPLACE TABLE ids AS SELECT unnest(?) AS id", [values])
    return values


@pytest.mark.parametrize(
    ("unit_id", "salt", "key"),
    [
        pytest.param("", "", 0xE3B0C44298FC1C14, id="empty"),
        pytest.param("abc", "", 0xBA7816BF8F01CFEA, id="abc"),
        pytest.param("bc", "a", 0xBA7816BF8F01CFEA, id="the salt stands before the id"),
    ],
)
def test_the_key_is_the_first_53_bits_of_the_published_hash(unit_id: str, salt: str, key: int) -> None:
    assert sampling_key(unit_id, salt) == (key >> 11) / 2**53


@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize("rate", RATES)
def test_duckdb_and_python_choose_the_same_of_a_hundred_thousand_ids(
    rate: float, salt: str, many_ids: list[str], database: duckdb.DuckDBPyConnection
) -> None:
    rows = database.execute(f"SELECT id FROM ids WHERE {sampled_sql('id', rate, salt)}").fetchall()

    assert sorted(row[0] for row in rows) == sorted(name for name in many_ids if is_sampled(name, rate, salt))


@pytest.mark.parametrize("salt", SALTS)
def test_duckdb_and_python_give_the_same_keys(
    salt: str, many_ids: list[str], database: duckdb.DuckDBPyConnection
) -> None:
    rows = database.execute(f"SELECT id, {key_sql('id', salt)} FROM ids").fetchall()

    assert len(rows) == len(many_ids)
    assert all(key == sampling_key(name, salt) for name, key in rows)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(unit_id=st.text(max_size=40), salt=st.text(max_size=10), step=st.integers(-1, 1))
def test_the_choice_is_exact_at_the_edge_of_the_rate(
    unit_id: str, salt: str, step: int, database: duckdb.DuckDBPyConnection
) -> None:
    rate = min(max(sampling_key(unit_id, salt) + step * 2**-53, 0.0), 1.0)

    found = database.execute(f"SELECT {sampled_sql('id', rate, salt)} FROM (SELECT ? AS id)", [unit_id]).fetchone()

    assert found == (is_sampled(unit_id, rate, salt),)
    assert is_sampled(unit_id, rate, salt) == (step == 1)


def test_a_lower_rate_chooses_a_subset_of_a_higher_one(many_ids: list[str]) -> None:
    samples = [{name for name in many_ids if is_sampled(name, rate)} for rate in RATES]

    assert all(lower <= higher for lower, higher in zip(samples, samples[1:], strict=False))
    assert samples[0] == set()
    assert samples[-1] == set(many_ids)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("salt", ["", "other"])
def test_the_share_that_is_sampled_is_the_rate(rate: float, salt: str) -> None:
    units = [f"{number:016x}" for number in range(50_000)]

    sampled = sum(is_sampled(unit, rate, salt) for unit in units)

    # Five standard deviations of a binomial; the ids are fixed, so the test cannot flicker.
    assert abs(sampled - rate * len(units)) < 5 * (len(units) * rate * (1 - rate)) ** 0.5


def test_another_salt_is_another_choice(many_ids: list[str]) -> None:
    units = set(many_ids)

    first = {name for name in units if is_sampled(name, 0.5, "first")}
    second = {name for name in units if is_sampled(name, 0.5, "second")}

    assert 0.24 < len(first & second) / len(units) < 0.26


def test_a_full_sample_costs_no_hash() -> None:
    assert sampled_sql("id", 1.0) == "TRUE"
    assert sampled_sql("id", 1) == "TRUE"


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), 20])
def test_a_rate_outside_zero_and_one_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        sampled_sql("id", rate)
    with pytest.raises(ValueError, match="between 0 and 1"):
        is_sampled("id", rate)
