"""Which units of a day a run would take on, as SQL: the part of selection that writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from evals_pipeline.core.columns import INGESTED_AT
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.engine.parts import parts_of
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.settled import SETTLED_TABLE
from evals_pipeline.lake.connection import one_row
from evals_pipeline.lake.delta import Snapshot
from evals_pipeline.selection.sampling import key_sql, sampled_sql
from evals_pipeline.selection.units import units_sql


@dataclass(frozen=True, slots=True)
class Chooser:
    """The SQL of a selection: candidates, then those admitted, then those sampled, then the first `max_units`.

    Attributes:
        after: Only spans that arrived later are looked at, in microseconds since 1970; 0 for the whole day.
        asks_all: Whether every evaluator is asked about every unit; if not, `create_settled` must have been called.
    """

    connection: duckdb.DuckDBPyConnection
    spans: Snapshot
    plan: TaskPlan
    day: date
    after: int = 0
    asks_all: bool = True

    @property
    def admitted(self) -> str:
        """SQL of the task's filter."""
        return self.plan.filter.sql if self.plan.filter else "TRUE"

    @property
    def sampled(self) -> str:
        """SQL that is true for the units within the sampling rate."""
        task = self.plan.task
        return sampled_sql(identifier(self.plan.granularity.key_column), task.sampling_rate, task.sampling_salt)

    def counts(self) -> tuple[int, int, int]:
        """Candidates, those admitted by the filter, and those of them that are sampled."""
        query = (
            f"SELECT count(*), count(*) FILTER ({self.admitted}), count(*) FILTER ({self.admitted} AND {self.sampled})"
            f" FROM {self._candidates()}"
        )
        candidates, admitted, sampled = one_row(self.connection, query)
        return candidates, admitted, sampled

    def chosen(self) -> str:
        """SQL of the units handed on, with the evaluators that are asked about each."""
        names = [use.name for use in self.plan.uses]
        everyone = "[" + ", ".join(literal(name) for name in names) + "]"
        units = self._units()
        if self.asks_all:
            return f"SELECT *, NULL::VARCHAR[] AS evaluators FROM ({units})"
        asked = f"list_filter({everyone}, lambda name: NOT list_contains(coalesce(done.evaluators, []), name))"
        return (
            f"SELECT * FROM (SELECT units.*, {asked} AS evaluators FROM ({units}) AS units"
            f" LEFT JOIN {SETTLED_TABLE} AS done USING (unit_id)) WHERE len(evaluators) > 0"
        )

    def _units(self) -> str:
        """SQL of the units that are admitted, sampled and within the limit."""
        values = ", ".join(f"{literal(key)}: {sql}" for key, sql in self.plan.nested_values.items())
        extra = f'{"MAP {" + values + "}" if values else "NULL::MAP(VARCHAR, VARCHAR)"} AS "values", part'
        chosen = f"(SELECT * FROM {self._candidates()} WHERE {self.admitted} AND {self.sampled})"
        units = units_sql(self.plan.granularity, chosen, extra=extra)
        limit = self.plan.task.max_units
        if limit is None:
            return units
        key = key_sql("unit_id", self.plan.task.sampling_salt)
        return f"SELECT * FROM ({units}) ORDER BY {key}, unit_id LIMIT {limit}"

    def _candidates(self) -> str:
        parts = parts_of(self.spans, self.plan.task.project, self.day)
        together = " UNION ALL ".join(
            f"SELECT *, {number} AS part FROM {self.spans.relation(files)}" for number, files in enumerate(parts)
        )
        arrived = f"WHERE {identifier(INGESTED_AT)} > make_timestamptz({self.after})" if self.after else ""
        return f"(SELECT * FROM ({together}) {arrived})"
