"""Sandboxes as those who answer: custom evaluators, and patterns that DuckDB cannot search for.

Which unit a row is about stays on this side; a worker knows positions. A run has one sandbox, made when it is first
needed and shared by its evaluators, each of which has workers of its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc

from evals_pipeline.core.errors import ConfigError, SandboxError
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.answers import ANSWERS, UNIT, DefinitionAsker
from evals_pipeline.engine.hub.resolving import Evaluator
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.evaluators.prebuilt.confined import PACKAGE, as_in_process, confined, is_confined
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline.sandbox.report import SandboxReport
from evals_pipeline.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from evals_pipeline.sandbox.parent import Sandbox

logger = logging.getLogger(__name__)

Used = Callable[[SandboxReport], None]
"""Called with what holds confined code, before any of it runs."""

MOST_ROWS, MOST_BYTES = 10_000, 8_000_000
"""Of a batch that a worker is shown."""
FEWEST_ROWS = 512


class RunSandbox:
    """The sandbox of a run: started when it is first needed, closed with the block.

    Args:
        preload: Packages that its evaluators import.
        settings: The operator's; absent: those of the environment, read when it is started.
    """

    def __init__(self, preload: Collection[str] = (), settings: SandboxSettings | None = None) -> None:
        self._preload, self._settings = tuple(preload), settings
        self._sandbox: Sandbox | None = None
        self._refusal: SandboxError | None = None
        self.workers = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, if it was started."""
        if self._sandbox is not None:
            self._sandbox.close()

    def started(self) -> Sandbox:
        """The sandbox itself.

        Raises:
            SandboxError: There is none on this machine; it is looked for once.
            ConfigError: The environment says something about it that means nothing.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._sandbox is None:
            try:
                self._sandbox = self._start()
            except SandboxError as error:
                self._refusal = error
                raise
        return self._sandbox

    def _start(self) -> Sandbox:
        from evals_pipeline.sandbox.parent import Sandbox  # most runs need none

        settings = self._settings or SandboxSettings.of()
        self.workers = settings.workers or _cores()
        if PACKAGE in self._preload:
            settings = replace(settings, packages=tuple(dict.fromkeys((*settings.packages, PACKAGE))))
        sandbox = Sandbox.start(settings, preload=self._preload)
        report = sandbox.report
        logger.log(
            logging.INFO if report.is_confined else logging.WARNING,
            "sandbox: %s, workers=%d kernel=%s machine=%s",
            report.summary,
            self.workers,
            report.kernel,
            report.machine,
        )
        for reason in report.reasons:
            logger.info("sandbox: %s", reason)
        return sandbox


class SandboxAsker:
    """Runs a program in a sandbox.

    Attributes:
        program: What is run; its columns are those of the rows, but for the unit.
    """

    order: tuple[str, ...] = ()
    batch_rows = 2_048  # what DuckDB hands on at once; gathered here

    def __init__(self, program: Program, limits: Limits, sandbox: RunSandbox, used: Used) -> None:
        self.program, self._limits, self._sandbox, self._used = program, limits, sandbox, used

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """One table per batch that a worker was shown, in any order."""
        from evals_pipeline.sandbox.pool import evaluate_all

        sandbox = self._sandbox.started()
        self._used(sandbox.report)
        workers = self._sandbox.workers
        shown = ((batch.column(UNIT), batch.drop_columns([UNIT])) for batch in portions(rows, workers))
        for units, found in evaluate_all(sandbox, self.program, shown, self._limits, workers=workers):
            yield answers_of(units, found)


class ConfinedCheckAsker:
    """Runs a check whose pattern DuckDB cannot search for in a sandbox; where there is none, in this process."""

    order: tuple[str, ...] = ()
    batch_rows = SandboxAsker.batch_rows

    def __init__(self, check: PrebuiltCheck, sandbox: RunSandbox, used: Used) -> None:
        self._check, self._sandbox = check, sandbox
        self._confined = SandboxAsker(confined(check), Limits(), sandbox, used)

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """The same as `DefinitionAsker`."""
        try:
            self._sandbox.started()
        except (SandboxError, ConfigError) as error:
            told = " ".join(str(error).split())
            logger.warning("%s searches in this process, with a time limit: %s", self._check.name, told)
            yield from DefinitionAsker(self._check).answers(rows)
            return
        for found in self._confined.answers(rows):
            yield as_in_process(found)


def preloaded(evaluator: Evaluator) -> Sequence[str]:
    """Packages that a sandbox for it has at hand."""
    if isinstance(evaluator, Custom):
        return evaluator.definition.imports
    return (PACKAGE,) if isinstance(evaluator, PrebuiltCheck) and is_confined(evaluator) else ()


def answers_of(units: pa.Array, found: pa.Table) -> pa.Table:
    """What a sandbox returned, as rows of `ANSWERS`."""
    failed = pc.is_valid(found.column("error_type"))
    given = {name: found.column(name) for name in ANSWERS.names if name in found.column_names}
    outcome = pc.if_else(failed, str(Outcome.ERRORED), str(Outcome.EVALUATED))
    columns = {**given, "unit_id": units, "outcome": outcome}
    absent = {name: pa.nulls(len(units), ANSWERS.field(name).type) for name in ANSWERS.names if name not in columns}
    return pa.table({**absent, **columns}).select(ANSWERS.names).cast(ANSWERS)


def look_at_sandbox() -> SandboxReport:
    """What holds confined code on this machine, by starting a sandbox and closing it.

    Raises:
        SandboxError: There is none on this machine.
        ConfigError: The environment says something about it that means nothing.
    """
    with RunSandbox() as sandbox:
        return sandbox.started().report


def portions(rows: Iterator[pa.RecordBatch], workers: int) -> Iterator[pa.RecordBatch]:
    """The rows in batches of at most `MOST_ROWS` rows and about `MOST_BYTES`.

    The first ones are small, so that few rows are shared among all workers, too; a batch never exceeds the share of a
    worker in half of what went before.
    """
    sent = 0
    waiting: list[pa.RecordBatch] = []
    for batch in rows:
        most = min(MOST_ROWS, max(FEWEST_ROWS, sent // (2 * workers)))
        for piece in _pieces(batch, most):
            if waiting and not _fits([*waiting, piece], most):
                yield pa.concat_batches(waiting)
                waiting = []
            waiting.append(piece)
            sent += piece.num_rows
    if waiting:
        yield pa.concat_batches(waiting)


def _pieces(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """`batch` halved until its parts fit; a row is never divided."""
    if batch.num_rows <= 1 or _fits([batch], most):
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half), most)
    yield from _pieces(batch.slice(half), most)


def _fits(batches: Collection[pa.RecordBatch], most: int) -> bool:
    rows, size = sum(each.num_rows for each in batches), sum(int(each.nbytes) for each in batches)
    return rows <= most and size <= MOST_BYTES


def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
