"""All evaluators of a task over the inputs of a run: one scan of the spans, then one file of results per evaluator.

The scan decides a code per unit and evaluator. Where DuckDB cannot be sure to agree with an evaluator's plain Python
definition, the code is `DOUBT` and the definition is asked about those rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from evals_pipeline.core.columns import INGESTED_AT, SPAN_ID
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.engine.codes import DOUBT, MISSING, OUTCOMES, code_sql, value_sql
from evals_pipeline.engine.inputs import Counts, Selection
from evals_pipeline.engine.parts import parts_of
from evals_pipeline.engine.plan import PlannedUse, TaskPlan
from evals_pipeline.engine.result_rows import ANSWERS, answer_row, rows_sql
from evals_pipeline.engine.settled import SETTLED_TABLE
from evals_pipeline.engine.summary import Summary, summarise_judged
from evals_pipeline.evaluators.prebuilt.python_rows import evaluate_rows
from evals_pipeline.lake.connection import hashing_second_side, one_row
from evals_pipeline.lake.delta import Lake, Snapshot, WrittenFile
from evals_pipeline.lake.tables import RESULTS
from evals_pipeline.ledger.ledger import RunKey

Progressed = Callable[[int, int], None]
"""Called with parts done and parts to do, for progress bars."""

_DOUBT_ROWS = 2_000


@dataclass(slots=True)
class Judging:
    """One run's evaluation of one day.

    Attributes:
        stamp: The stamp of the commit that the results will be part of.
        checks_settled: Whether another run may have judged some of the units meanwhile.
        counts: Outcomes of the units that evaluators were asked about.
        summary: What the written results look like.
    """

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    plan: TaskPlan
    key: RunKey
    selection: Selection
    stamp: int
    checks_settled: bool
    counts: Counts = field(init=False)
    summary: Summary = field(default_factory=lambda: Summary({}))

    def __post_init__(self) -> None:
        self.counts = {use.name: {} for use in self.plan.uses}

    def judge(self, spans: Snapshot, inputs: Snapshot, *, progressed: Progressed | None = None) -> list[WrittenFile]:
        """Write, without committing, the results of every evaluator."""
        if not self.selection.units:
            return []
        written: list[WrittenFile] = []
        parts = parts_of(spans, self.key.project, self.key.day)
        try:
            for number, files in enumerate(parts):
                scanned = self._scanned(spans.relation(files), inputs, number)
                self._decide(scanned)
                for position, use in enumerate(self.plan.uses):
                    written += self._finish(f"c{position}", use, scanned)
                if progressed is not None:
                    progressed(number + 1, len(parts))
        except BaseException:
            self.lake.discard(RESULTS, written)
            raise
        return written

    def _scanned(self, spans: str, inputs: Snapshot, part: int) -> str:
        """SQL of a part's units beside their spans; the inputs are the smaller side and come second, to be hashed."""
        files = inputs.files_of(project=self.key.project, day=self.key.day, task=self.key.task)
        mine = (
            f"SELECT * FROM {inputs.relation(files)} WHERE run_id = {literal(self.selection.run_id)}"
            f" AND selected_at = make_timestamptz({self.selection.inputs_stamp}) AND part = {part}"
        )
        settled = f" LEFT JOIN {SETTLED_TABLE} AS done ON done.unit_id = units.unit_id" if self.checks_settled else ""
        arrived = f"span.{identifier(INGESTED_AT)} > make_timestamptz({self.selection.after_stamp})"
        joined = f"{spans} AS span JOIN ({mine}) AS units ON span.{identifier(SPAN_ID)} = units.span_id"
        return f"{joined}{settled} WHERE {arrived}"

    def _decide(self, scanned: str) -> None:
        """Make table `judged`: the keys of the part's units and a code for each evaluator."""
        asks_all, checks_settled = self.selection.asks_all, self.checks_settled
        codes = ", ".join(
            f"{code_sql(use, asks_all=asks_all, checks_settled=checks_settled)} AS c{position}"
            for position, use in enumerate(self.plan.uses)
        )
        keys = "units.unit_id, units.trace_id, units.span_id, units.session_id, units.unit_start"
        with hashing_second_side(self.connection):
            self.connection.execute(f"CREATE OR REPLACE TABLE judged AS SELECT {keys}, {codes} FROM {scanned}")

    def _finish(self, code: str, use: PlannedUse, scanned: str) -> list[WrittenFile]:
        """Ask the definition where there is doubt, write the evaluator's rows and count them."""
        codes = dict(self.connection.execute(f"SELECT {code}, count(*) FROM judged GROUP BY ALL").fetchall())
        has_answers = DOUBT in codes
        if has_answers:
            self._ask_definition(code, use, scanned)
        granularity = str(self.plan.granularity)
        rows = rows_sql(use, self.key, code, granularity=granularity, stamp=self.stamp, has_answers=has_answers)
        partition = {"project": self.key.project, "day": str(self.key.day), "evaluator": use.name}
        file = self.lake.write(self.connection, RESULTS, partition, rows)
        self._count(use, codes)
        part = Summary({use.name: summarise_judged(self.connection, use, code, codes, has_answers=has_answers)})
        self.summary = part.added_to(self.summary)
        return [] if file is None else [file]

    def _ask_definition(self, code: str, use: PlannedUse, scanned: str) -> None:
        """Make table `answers`: what the plain definition says of the rows in doubt."""
        answers = pa.concat_tables([self._answers(use, batch) for batch in self._doubted(code, use, scanned)])
        self.connection.register("answered", answers)
        self.connection.execute("CREATE OR REPLACE TABLE answers AS SELECT * FROM answered")
        self.connection.unregister("answered")

    def _doubted(self, code: str, use: PlannedUse, scanned: str) -> Iterator[pa.RecordBatch]:
        variables = ", ".join(f"{value_sql(path)} AS {identifier(name)}" for name, path in use.paths.items())
        doubted = f"units.unit_id IN (SELECT unit_id FROM judged WHERE {code} = {DOUBT})"
        query = f'SELECT units.unit_id AS "unit id", {variables} FROM {scanned} AND {doubted}'
        yield from self.connection.sql(query).to_arrow_reader(_DOUBT_ROWS)

    def _answers(self, use: PlannedUse, batch: pa.RecordBatch) -> pa.Table:
        judged = evaluate_rows(use.check, batch.select(list(use.paths)).to_pylist())
        units = batch.column("unit id").to_pylist()
        return pa.Table.from_pylist([answer_row(*pair) for pair in zip(units, judged, strict=True)], schema=ANSWERS)

    def _count(self, use: PlannedUse, codes: dict[int, int]) -> None:
        counts = self.counts[use.name]
        found = [
            (OUTCOMES[min(code, MISSING)], count) for code, count in codes.items() if min(code, MISSING) in OUTCOMES
        ]
        if DOUBT in codes:
            (errored,) = one_row(self.connection, "SELECT count(*) FROM answers WHERE error_type IS NOT NULL")
            found += [(Outcome.ERRORED, errored), (Outcome.EVALUATED, codes[DOUBT] - errored)]
        for outcome, count in found:
            if count:
                counts[outcome] = counts.get(outcome, 0) + count
