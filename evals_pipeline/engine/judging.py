"""All evaluators of a task over the inputs of a run: a scan of the spans, then one file of results per evaluator.

The scan decides a code per unit and evaluator. Where DuckDB cannot decide, the code is `DOUBT` and the evaluator's
asker answers those rows alone: a check's plain Python definition where DuckDB is not sure to agree with it, a sandbox
for a custom evaluator, a judge's model always. Judges come after all code, in a scan of their own, because a provider
may refuse to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import duckdb
import pyarrow as pa

from evals_pipeline.core.columns import INGESTED_AT, SPAN_ID
from evals_pipeline.core.errors import ConfigError, ProviderError, SandboxError
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.sql import identifier, literal
from evals_pipeline.engine.answers import UNIT, Asker, create_answers, keep_answers
from evals_pipeline.engine.codes import DOUBT, MISSING, OUTCOMES, code_sql, shown_sql
from evals_pipeline.engine.inputs import Counts, Selection
from evals_pipeline.engine.ordering import in_order
from evals_pipeline.engine.parts import parts_of
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.result_rows import rows_sql
from evals_pipeline.engine.settled import SETTLED_TABLE
from evals_pipeline.engine.summary import EvaluatorSummary, Summary, summarise_judged
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.lake.connection import beside, hashing_second_side
from evals_pipeline.lake.delta import Lake, Snapshot, WrittenFile
from evals_pipeline.lake.tables import RESULTS
from evals_pipeline.ledger.ledger import RunKey

Progressed = Callable[[int, int], None]
"""Called with what is done and what there is to do, in any unit, for progress bars."""

Refusal = ProviderError | SandboxError | ConfigError
"""Why somebody whom evaluators ask answers nothing any more."""

Scanned = Callable[[str], str]
"""SQL of a part's units beside their spans, as far as a condition on the unit is true."""

_SANDBOX = ("sandbox", None)
_STEP = 1_000
"""What a scan of a part counts for in progress."""


@dataclass(slots=True)
class Judging:
    """One run's evaluation of one day.

    Attributes:
        askers: Evaluator -> who answers its rows in doubt.
        stamp: The stamp of the commit that the results will be part of.
        checks_settled: Whether another run may have judged some of the units meanwhile.
        counts: Outcomes of the units that evaluators were asked about; those that nobody answered for are missing.
        summary: What the written results look like.
        refusals: Endpoint and key's variable, or the sandbox -> why nobody answers there; nothing more is asked of it.
    """

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    plan: TaskPlan
    key: RunKey
    selection: Selection
    askers: Mapping[str, Asker]
    stamp: int
    checks_settled: bool
    progressed: Progressed | None
    counts: Counts = field(init=False)
    summary: Summary = field(default_factory=lambda: Summary({}))
    refusals: dict[tuple[str, str | None], Refusal] = field(default_factory=dict)
    _report: Callable[[float], None] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = {use.name: {} for use in self.plan.uses}
        self._report = _share_of(None, 0, 1)

    def judge(self, spans: Snapshot, inputs: Snapshot) -> list[WrittenFile]:
        """Write, without committing, the results of every evaluator."""
        if not self.selection.units:
            return []
        written: list[WrittenFile] = []
        parts = parts_of(spans, self.key.project, self.key.day)
        checks = tuple(use for use in self.plan.uses if use.judge is None)
        rounds = [uses for uses in (checks, self.plan.judges) if uses]
        self.summary = Summary({use.name: EvaluatorSummary() for use in self.plan.uses})
        steps = [(uses, number, files) for uses in rounds for number, files in enumerate(parts)]
        try:
            for done, (uses, number, files) in enumerate(steps):
                self._report = _share_of(self.progressed, done, len(steps))
                for file in self._judge_part(uses, partial(self._scanned, spans.relation(files), inputs, number)):
                    written.append(file)
        except BaseException:
            self.lake.discard(RESULTS, written)
            raise
        return written

    def _judge_part(self, uses: Sequence[PlannedUse], scanned: Scanned) -> Iterator[WrittenFile]:
        self._decide(uses, scanned("TRUE"))
        for position, use in enumerate(uses):
            yield from self._finish(f"c{position}", use, scanned)
            self._report((position + 1) / len(uses))

    def _scanned(self, spans: str, inputs: Snapshot, part: int, chosen: str) -> str:
        """SQL of a part's `chosen` units beside their spans; the units come second, to be hashed: they are smaller."""
        files = inputs.files_of(project=self.key.project, day=self.key.day, task=self.key.task)
        mine = (
            f"SELECT * FROM {inputs.relation(files)} WHERE run_id = {literal(self.selection.run_id)}"
            f" AND selected_at = make_timestamptz({self.selection.inputs_stamp}) AND part = {part} AND {chosen}"
        )
        settled = f" LEFT JOIN {SETTLED_TABLE} AS done ON done.unit_id = units.unit_id" if self.checks_settled else ""
        arrived = f"span.{identifier(INGESTED_AT)} > make_timestamptz({self.selection.after_stamp})"
        joined = f"{spans} AS span JOIN ({mine}) AS units ON span.{identifier(SPAN_ID)} = units.span_id"
        return f"{joined}{settled} WHERE {arrived}"

    def _decide(self, uses: Sequence[PlannedUse], scanned: str) -> None:
        """Make table `judged`: the keys of the part's units and a code for each evaluator."""
        asks_all, checks_settled = self.selection.asks_all, self.checks_settled
        codes = ", ".join(
            f"{code_sql(use, asks_all=asks_all, checks_settled=checks_settled)} AS c{position}"
            for position, use in enumerate(uses)
        )
        keys = "units.unit_id, units.trace_id, units.span_id, units.session_id, units.unit_start"
        with hashing_second_side(self.connection):
            self.connection.execute(f"CREATE OR REPLACE TABLE judged AS SELECT {keys}, {codes} FROM {scanned}")

    def _finish(self, code: str, use: PlannedUse, scanned: Scanned) -> list[WrittenFile]:
        """Ask where there is doubt, write the evaluator's rows and count them."""
        codes = dict(self.connection.execute(f"SELECT {code}, count(*) FROM judged GROUP BY ALL").fetchall())
        has_answers = DOUBT in codes
        if has_answers:
            self._ask(code, use, scanned, codes[DOUBT])
        granularity = str(self.plan.granularity)
        rows = rows_sql(use, self.key, code, granularity=granularity, stamp=self.stamp, has_answers=has_answers)
        partition = {"project": self.key.project, "day": str(self.key.day), "evaluator": use.name}
        file = self.lake.write(self.connection, RESULTS, partition, rows)
        self._count(use, codes)
        part = Summary({use.name: summarise_judged(self.connection, use, code, codes, has_answers=has_answers)})
        self.summary = part.added_to(self.summary)
        return [] if file is None else [file]

    def _ask(self, code: str, use: PlannedUse, scanned: Scanned, count: int) -> None:
        """Make table `answers`: what the evaluator's asker says of the rows in doubt."""
        create_answers(self.connection)
        line = _SANDBOX if use.judge is None else (use.judge.model.endpoint, use.judge.model.api_key_env)
        if line in self.refusals and not isinstance(use.evaluator, PrebuiltCheck):
            return
        try:
            self._keep_answers(code, use, scanned, count)
        except (ProviderError, SandboxError, ConfigError) as error:
            self.refusals[line] = error

    def _keep_answers(self, code: str, use: PlannedUse, scanned: Scanned, count: int) -> None:
        asker, answered = self.askers[use.name], 0
        with hashing_second_side(self.connection), beside(self.connection) as reader:
            for found in asker.answers(self._doubted(reader, code, use, scanned)):
                keep_answers(self.connection, found)
                answered += found.num_rows
                self._report(answered / count)

    def _doubted(
        self, reader: duckdb.DuckDBPyConnection, code: str, use: PlannedUse, scanned: Scanned
    ) -> Iterator[pa.RecordBatch]:
        asker = self.askers[use.name]
        shown = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in shown_sql(use).items())
        doubted = scanned(f"unit_id IN (SELECT unit_id FROM judged WHERE {code} = {DOUBT})")
        query = f"SELECT units.unit_id AS {identifier(UNIT)}, {shown} FROM {doubted}"
        if asker.order:
            return in_order(reader, query, UNIT, asker.order, asker.batch_rows)
        return iter(reader.sql(query).to_arrow_reader(asker.batch_rows))

    def _count(self, use: PlannedUse, codes: dict[int, int]) -> None:
        counts = self.counts[use.name]
        found = [
            (OUTCOMES[min(code, MISSING)], count) for code, count in codes.items() if min(code, MISSING) in OUTCOMES
        ]
        if DOUBT in codes:
            answered = self.connection.execute("SELECT outcome, count(*) FROM answers GROUP BY outcome").fetchall()
            found += [(Outcome(outcome), count) for outcome, count in answered]
        for outcome, count in found:
            if count:
                counts[outcome] = counts.get(outcome, 0) + count


def _share_of(progressed: Progressed | None, done: int, steps: int) -> Callable[[float], None]:
    """Reports a share of the next step as a share of all steps."""

    def report(share: float) -> None:
        if progressed is not None:
            progressed(round((done + share) * _STEP), steps * _STEP)

    return report
