from __future__ import annotations

import duckdb
import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.granularity import Granularity
from evals_pipeline.selection.units import units_sql


def test_a_span_is_a_unit_of_its_own(database: duckdb.DuckDBPyConnection) -> None:
    shouted, hours = 'upper("name") AS shouted', "date_diff('hour', start_time, ingested_at) AS hours"
    units = units_sql(Granularity.SPAN, "spans", extra=f"{shouted}, {hours}")

    found = database.execute(f"SELECT * REPLACE (unit_start::VARCHAR AS unit_start) FROM ({units}) ORDER BY unit_id")
    names = [column[0] for column in found.description]
    assert names == ["unit_id", "trace_id", "span_id", "session_id", "unit_start", "shouted", "hours"]
    assert found.fetchall() == [
        ("llm", "t1", "llm", "s1", "2026-01-10 12:00:00+00", "CHATCOMPLETION", 1),
        ("root", "t1", "root", "s1", "2026-01-10 11:59:59+00", "AGENT", 1),
        ("tool", "t2", "tool", None, "2026-01-11 00:00:00+00", "LOOK_UP", 1),
    ]


def test_the_relation_may_be_a_query(database: duckdb.DuckDBPyConnection) -> None:
    llm_spans = "(SELECT * FROM spans WHERE span_kind = 'LLM')"

    rows = database.execute(
        f"SELECT unit_id FROM ({units_sql(Granularity.SPAN, llm_spans, extra='1 AS one')})"
    ).fetchall()

    assert rows == [("llm",)]


@pytest.mark.parametrize("granularity", [Granularity.TRACE, Granularity.SESSION])
def test_wider_units_are_refused_until_they_can_be_built(granularity: Granularity) -> None:
    with pytest.raises(ConfigError, match=f"{granularity.value} granularity is not supported yet; there is: span"):
        units_sql(granularity, "spans", extra="1 AS one")
