"""Trying an evaluator on sample rows of a task: it runs for real, and nothing but what models answered is kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from evals_pipeline.core.calls import NANO, BudgetLimit, Tally
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.answers import ANSWERS, UNIT, Asker
from evals_pipeline.engine.askers import code_asker, judge_asker, program_of
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.readiness import refuse_unpriced, unready
from evals_pipeline.engine.sandboxes import RunSandbox, answers_of, preloaded
from evals_pipeline.engine.trying.samples import Samples, missing
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline.sandbox.report import SandboxReport

TEST_TASK = "hub_test"
"""The task under which the ledger keeps what tests cost."""

TRIED_ROWS = 10


@dataclass(frozen=True, slots=True)
class TriedRow:
    """A unit with what the evaluator was shown and said.

    Attributes:
        values: Variable -> value in its natural type.
        said: The columns of `ANSWERS` that are about the result, outcome included.
    """

    unit: str
    values: Mapping[str, Any]
    said: Mapping[str, Any]

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        return Outcome(self.said["outcome"])


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial.

    Attributes:
        rows: In the order of the samples.
        log: The head of what custom code printed.
        sandbox: What confined it; None where nothing had to be.
        tally: What a judge cost; None for code.
    """

    rows: tuple[TriedRow, ...]
    log: str
    sandbox: SandboxReport | None
    tally: Tally | None

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many rows have which outcome."""
        return Counter(row.outcome for row in self.rows)


@dataclass(slots=True)
class Confined:
    """One session in a sandbox, as who answers; like every asker for a single use.

    Attributes:
        log: The head of what the code printed, once all is answered.
    """

    program: Program
    limits: Limits
    sandbox: RunSandbox
    log: str = ""
    report: SandboxReport | None = None
    order: tuple[str, ...] = field(default=(), init=False)
    batch_rows: int = field(default=1_000, init=False)

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """One table per batch; raises SandboxError where nobody can run code in confinement."""
        started = self.sandbox.started()
        self.report = started.report
        session = started.session(self.program, self.limits)
        try:
            for batch in rows:
                # By its place: a gold file may have a column of that name.
                yield answers_of(batch.column(0), session.evaluate(batch.remove_column(0)))
            self.log = session.log
        finally:
            session.close()


def run_trial(
    here: Installation, use: PlannedUse, samples: Samples, *, budget_usd: float | None = None, now: datetime
) -> Trial:
    """Show the evaluator the sample rows.

    Args:
        here: Where a judge's answers are kept, so that a repeat costs nothing.
        use: The evaluator with its mapping.
        samples: Rows of `sample_rows` for it.
        budget_usd: The most that a judge may spend.
        now: The present.

    Raises:
        ConfigError: A judge's model cannot be asked, or not within a budget in money.
        SandboxError: Custom code cannot be run in confinement here.
        ProviderError: The model's provider refuses every call; what was answered before is kept in the ledger.
    """
    key = RunKey(f"test-{uuid4()}", use.name, TEST_TASK, now.date())
    judge = use.judge
    if judge is not None:
        refuse_model(judge.model, budget_usd)
    reports: list[SandboxReport] = []
    with RunSandbox(preloaded(use.evaluator)) as sandbox:
        asker: Asker
        if judge is not None:
            asker = judge_asker(here, use.name, judge, key, limits_of(budget_usd, key))
        else:
            asker = _code_asker(use, sandbox, reports)
        said = {row["unit_id"]: row for found in asker.answers(_batches(use, samples)) for row in found.to_pylist()}
    tally = here.ledger.spending(run_id=key.run_id).get(use.name, Tally()) if judge is not None else None
    log = asker.log if isinstance(asker, Confined) else ""
    reports += [asker.report] if isinstance(asker, Confined) and asker.report is not None else []
    return Trial(_rows(use, samples, said), log, reports[0] if reports else None, tally)


def refuse_model(model: ModelSpec, budget_usd: float | None) -> None:
    """Raises ConfigError for a model that cannot be asked, or not within a budget in money."""
    if (problem := unready(model)) is not None:
        raise problem
    if budget_usd is not None and not math.isfinite(budget_usd):
        raise ConfigError(f"a budget is an amount of USD, not {budget_usd}", hint="leave it out for no limit")
    if budget_usd is not None:
        refuse_unpriced(model)


def limits_of(budget_usd: float | None, key: RunKey) -> tuple[BudgetLimit, ...]:
    """What a test may spend; nothing for no limit."""
    return () if budget_usd is None else (BudgetLimit("test", key.run_id, round(budget_usd * NANO), None),)


def _code_asker(use: PlannedUse, sandbox: RunSandbox, reports: list[SandboxReport]) -> Asker:
    if not isinstance(use.evaluator, Custom):
        return code_asker(use, sandbox, reports.append)
    return Confined(program_of(use.evaluator, use), use.evaluator.limits, sandbox)


def _batches(use: PlannedUse, samples: Samples) -> Iterator[pa.RecordBatch]:
    """The rows that have all that is mapped: by path for custom code, by variable and as text for others."""
    rows = [row for row in samples.table.to_pylist() if not missing(use, row)]
    if not rows:
        return
    if isinstance(use.evaluator, Custom):
        yield pa.RecordBatch.from_pylist(rows, schema=samples.table.schema)
        return
    shown = [{UNIT: row[UNIT], **{name: row[path.dotted] for name, path in use.paths.items()}} for row in rows]
    if isinstance(use.evaluator, Judge):
        shown.sort(key=lambda row: [row[name] for name in use.paths])
    yield pa.RecordBatch.from_pylist(shown, schema=pa.schema([(name, pa.string()) for name in shown[0]]))


def _rows(use: PlannedUse, samples: Samples, said: Mapping[str, Mapping[str, Any]]) -> tuple[TriedRow, ...]:
    found = []
    for unit, row in samples.rows().items():
        why = missing(use, row)
        skipped = {"outcome": Outcome.SKIPPED, "error_type": "MissingVariable", "error_message": why}
        values = {variable: row[path.dotted] for variable, path in use.paths.items()}
        found.append(TriedRow(unit, values, {**dict.fromkeys(ANSWERS.names), **(skipped if why else said[unit])}))
    return tuple(found)
