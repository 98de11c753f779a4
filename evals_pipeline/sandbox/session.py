"""One evaluator version in one run: rows go in, as many results come out, whatever the evaluator does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox import loading, results, rows
from evals_pipeline.sandbox.channel import Channel, LostWorkerError, violation
from evals_pipeline.sandbox.frames import FRAME_BYTES, Frame, Kind, ViolationError
from evals_pipeline.sandbox.pipes import Log
from evals_pipeline.sandbox.program import Limits, Program, result_schema
from evals_pipeline.sandbox.results import ERROR_TYPE_LENGTH, LOAD_ERROR_LENGTH
from evals_pipeline.sandbox.standing import Standing, Told

if TYPE_CHECKING:
    import pyarrow as pa

    from evals_pipeline.sandbox.parent import Sandbox

PART_BYTES = 4 * 2**20
"""Values that are shown at once, so that a batch of long texts fits into a worker's memory."""

RESULT_BYTES = 128 * 2**20
"""Results of a batch: texts of full length for each of 10,000 rows would take 800 MB of the pipeline's memory."""

_MANY = 100
_LOCK_SECONDS = 30.0
_LOAD_ERROR_BYTES = 4 * (ERROR_TYPE_LENGTH + LOAD_ERROR_LENGTH + 1)


class Session:
    """Runs one program in a worker of its own; a worker that is lost is replaced.

    One thread evaluates at a time; `close` may be called from another.
    """

    def __init__(self, sandbox: Sandbox, program: Program, limits: Limits, standing: Standing | None = None) -> None:
        self._sandbox = sandbox
        self._program = program
        self._limits = limits
        self._standing = standing or Standing()
        self._log = Log()
        self._channel: Channel | None = None
        self._batches = 0
        self._room = RESULT_BYTES
        self._is_closed = False
        self._is_busy = threading.Lock()
        self._columns = list(dict.fromkeys((*program.variables.values(), *(program.row_columns or ()))))

    @property
    def log(self) -> str:
        """The head of what the evaluator printed, hostile like everything that comes from it."""
        return str(self._log)

    def evaluate(self, batch: pa.RecordBatch) -> pa.Table:
        """The results of all rows, in their order; columns are those of `result_schema()`.

        Whatever the evaluator does becomes errors of rows: that of a row that raised, never ended or killed its worker
        is the row's alone.

        Raises:
            SandboxError: The sandbox itself fails or is closed, or the batch lacks a column of the program.
        """
        import pyarrow as pa

        missing = [name for name in self._columns if name not in batch.schema.names]
        if missing:
            raise SandboxError(f"The batch has no column {missing[0]!r}; it has {', '.join(batch.schema.names)}.")
        with self._is_busy, self._clean_worker():
            self._room = RESULT_BYTES
            tables = [table for part in _parts(batch.select(self._columns)) for table in self._results(part)]
        whole = pa.concat_tables(tables or [result_schema().empty_table()])
        return whole.combine_chunks() if len(tables) > _MANY else whole  # a row each would slow whoever reads it

    def close(self) -> None:
        """End the worker; an evaluation that goes on in another thread fails."""
        self._is_closed = True
        if channel := self._channel:
            with contextlib.suppress(SandboxError):
                channel.end()
        with self._is_busy:
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextlib.contextmanager
    def _clean_worker(self) -> Iterator[None]:
        """Leave no worker behind that is in the middle of something."""
        self._refuse_if_closed()
        try:
            yield
        except BaseException:
            self._drop()
            raise

    def _results(self, part: pa.RecordBatch) -> Iterator[pa.Table]:
        """Results of a part; where a worker is lost, the row that it was at has the error and all others are run."""
        waiting: list[tuple[pa.RecordBatch, Told | None]] = [(part, None)]
        while waiting:
            rest, error = waiting.pop()
            if not rest.num_rows:
                continue
            if told := error or self._refused(rest):
                yield results.failed(rest.num_rows, *told)
                continue
            answered = 0
            try:
                for table in self._answers(rest):
                    answered += table.num_rows
                    yield table
            except LostWorkerError as lost:
                culprit = self._give_up(lost, answered, rest.num_rows)
                waiting.append((rest.slice(culprit + 1), None))
                waiting.append((rest.slice(culprit, 1), lost.told))
                waiting.append((rest.slice(answered, culprit - answered), None))  # judged, but not sent: once more

    def _refused(self, part: pa.RecordBatch) -> Told | None:
        """The error that the rows have without being run; makes a worker where there is none."""
        if part.num_rows == 1 and part.nbytes > FRAME_BYTES:
            return "MemoryError", f"its values take {part.nbytes:,} bytes; at most {FRAME_BYTES:,} are shown at once"
        if self._room < 0:
            return _wordy().told
        if self._channel is None and self._standing.verdict is None:
            self._load()
        return self._standing.verdict

    def _load(self) -> None:
        """Make a worker and load the program in it; a failure is the verdict on all rows."""
        channel = self._channel = self._sandbox.worker(self._limits.memory_mb, self._log)
        self._refuse_if_closed()
        try:
            channel.answer(_LOCK_SECONDS, "confining the worker")
        except LostWorkerError as lost:
            self._refuse_if_closed()
            raise SandboxError(f"A worker of the sandbox could not be confined: {lost}. It said: {self.log}") from lost
        channel.send(Kind.PROGRAM, 0, loading.packed(self._program))
        try:
            if told := _load_error(channel.answer(self._limits.load_seconds, "loading it")):
                self._standing.condemn(told)
                self._drop()
        except LostWorkerError as lost:
            self._standing.condemn((lost.error_type, f"the evaluator could not be loaded: {lost}"))
            self._give_up(lost, 0, 0)

    def _answers(self, part: pa.RecordBatch) -> Iterator[pa.Table]:
        """Checked chunks of results until every row has one; raises LostWorkerError."""
        channel = self._channel
        assert channel is not None  # `_refused` has seen to it
        self._batches += 1
        left = part.num_rows
        channel.send(Kind.ROWS, self._batches, rows.packed(part))
        of_batch = {"number": self._batches, "rows": left}
        for frame in channel.frames(self._limits.row_seconds, "the row", **of_batch):
            if frame.kind == Kind.DONE and not left and not frame.payload:
                return
            if frame.kind != Kind.RESULTS:
                raise violation("an answer out of turn")
            try:
                table = results.unpack(frame.payload, left)
            except ViolationError as error:
                raise violation(error) from error
            left -= table.num_rows
            self._room -= len(frame.payload)
            yield table
            if left and self._room < 0:
                raise _wordy()

    def _give_up(self, lost: LostWorkerError, answered: int, count: int) -> int:
        """Leave the worker behind; returns the row that it was at, by its own account, among those unanswered."""
        self._refuse_if_closed()
        begun = self._channel.begun() if self._channel else 0
        self._drop()
        self._standing.lose(lost, self._limits)
        return max(answered, min(begun, count) - 1)

    def _drop(self) -> None:
        channel, self._channel = self._channel, None
        if channel:
            with contextlib.suppress(SandboxError):  # without a fork server there is no worker either
                channel.close()

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise SandboxError("The session is closed.")


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halves of halves, until each is small enough to be shown at once."""
    if batch.num_rows < 2 or batch.nbytes <= PART_BYTES:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _parts(batch.slice(0, middle))
    yield from _parts(batch.slice(middle))


def _load_error(frame: Frame) -> Told | None:
    """What a new worker says of its program: nothing, or class and text of an error."""
    if frame.kind != Kind.LOADED or len(frame.payload) > _LOAD_ERROR_BYTES:
        raise violation("an answer out of turn")
    if not frame.payload:
        return None
    try:
        error_type, _, message = frame.payload.decode().partition("\n")
    except UnicodeDecodeError as error:
        raise violation("text that is no UTF-8") from error
    return error_type[:ERROR_TYPE_LENGTH] or "Exception", message[:LOAD_ERROR_LENGTH]


def _wordy() -> LostWorkerError:
    """What becomes of a worker, and of the rest of a batch, when there is no room for what it says."""
    return LostWorkerError("InvalidResult", f"the results of one batch take more than {RESULT_BYTES // 2**20} MiB")
