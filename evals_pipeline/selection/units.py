"""How units are built from spans.

A new granularity is a new case of `units_sql`; everything after it sees units and does not ask how wide they are.
"""

from __future__ import annotations

from evals_pipeline.core.columns import SESSION_ID, SPAN_ID, START_TIME, TRACE_ID
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.granularity import Granularity
from evals_pipeline.core.sql import identifier


def units_sql(granularity: Granularity, spans: str, *, extra: str) -> str:
    """SELECT of the units in the relation `spans` (SQL), one row per unit.

    Columns: unit_id, trace_id, span_id (where results attach), session_id, unit_start (start of the earliest span) and
    those of `extra`, expressions over the unit's spans. The lake holds a span once, so unit_id is unique.
    """
    match granularity:
        case Granularity.SPAN:
            columns = {
                "unit_id": granularity.key_column,
                "trace_id": TRACE_ID,
                "span_id": SPAN_ID,
                "session_id": SESSION_ID,
                "unit_start": START_TIME,
            }
            chosen = ", ".join(f"{identifier(column)} AS {name}" for name, column in columns.items())
            return f"SELECT {chosen}, {extra} FROM {spans}"
        case _:
            raise ConfigError(f"{granularity.value} granularity is not supported yet; there is: span")
