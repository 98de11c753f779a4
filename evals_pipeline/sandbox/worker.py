"""What runs in a locked process: load the program, then judge row after row.

Everything in here shares its process with code that somebody brought. It makes honest results tidy and errors
readable; it protects nothing. That is the lock's part, and the pipeline's, which checks whatever comes out.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any

import orjson

from evals_pipeline.core.evaluator import EXPLANATION_LENGTH, EvaluationResult
from evals_pipeline.sandbox import frames, loading, rows
from evals_pipeline.sandbox.frames import Kind
from evals_pipeline.sandbox.results import LABEL_LENGTH, LOAD_ERROR_LENGTH, METADATA_LENGTH, NOTHING, Failure, Row, pack

IN, LOG, OUT = 0, (1, 2), 3
"""Descriptors of a worker."""

FLUSH_ROWS, FLUSH_CHARACTERS, FLUSH_SECONDS = 4_096, 1_000_000, 0.2
"""What is sent at once, at most: rows, characters of explanations, metadata and errors, and seconds' work."""

CUT_MARK = f" … [cut to {EXPLANATION_LENGTH:,} characters]"


class InvalidResult(Exception):  # noqa: N818  # the name is what the person who wrote the evaluator reads
    """What `evaluate` returned is no result."""


def serve(progress: memoryview) -> None:
    """Run the program that comes first on the batches that follow, until the pipeline closes the pipe.

    Args:
        progress: Eight bytes that the pipeline sees too; holds the row of the batch that it is at, from 1, and one more
            than there are when all are judged.
    """
    _use_log()
    frames.write(OUT, Kind.LOCKED, 0)
    first = frames.read(IN)
    if first is None:
        return
    program = loading.unpacked(first.payload)
    try:
        evaluate = loading.load(program)
    except BaseException as error:  # noqa: BLE001  # whatever it was, the pipeline is told and this worker ends
        told = loading.described(error, program.file, LOAD_ERROR_LENGTH)
        frames.write(OUT, Kind.LOADED, 0, "\n".join(told).encode("utf-8", "replace"))
        return
    frames.write(OUT, Kind.LOADED, 0)
    begun = progress.cast("Q")
    while batch := frames.read(IN):
        judge = _Judge(evaluate, program.file, batch.number)
        judge.run(rows.calls(batch.payload, program), begun)
        frames.write(OUT, Kind.DONE, batch.number)


def _use_log() -> None:
    """Prints go to the log line by line, whatever becomes of the worker; nobody reads the rows from `input()`."""
    sys.stdout, sys.stderr = (
        os.fdopen(each, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False) for each in LOG
    )
    sys.stdin = io.StringIO()


class _Judge:
    """One batch on its way through an evaluator, its results leaving in chunks."""

    def __init__(self, evaluate: Callable[..., Any], file: str, number: int) -> None:
        self._evaluate = evaluate
        self._file = file
        self._number = number
        self._rows: list[Row] = []
        self._failures: list[Failure] = []

    def run(self, calls: Iterable[dict[str, Any]], begun: memoryview) -> None:
        evaluate, done = self._evaluate, self._rows
        held, due = 0, monotonic() + FLUSH_SECONDS
        begun[0] = 1
        for following, arguments in enumerate(calls, start=2):
            try:
                row = settled(evaluate(**arguments))
            except BaseException as error:  # noqa: BLE001  # SystemExit and KeyboardInterrupt end a row, too
                row = NOTHING
                held += self._fail(error)
            done.append(row)
            if row[2] or row[3]:
                held += len(row[2] or "") + len(row[3] or "")
            if len(done) >= FLUSH_ROWS or held >= FLUSH_CHARACTERS or monotonic() >= due:
                self._flush()
                held, due = 0, monotonic() + FLUSH_SECONDS
            begun[0] = following  # before its values are read, which may be what breaks this worker
        self._flush()

    def _fail(self, error: BaseException) -> int:
        """Note the error of the row at hand; returns the length of its text."""
        failure = Failure(len(self._rows), *loading.described(error, self._file))
        self._failures.append(failure)
        return len(failure.message)

    def _flush(self) -> None:
        if self._rows:
            frames.write(OUT, Kind.RESULTS, self._number, pack(self._rows, self._failures))
            self._rows.clear()
            self._failures.clear()


def settled(said: Any) -> Row:
    """What `evaluate` returned, in the form in which it is sent; raises InvalidResult."""
    result = said if type(said) is EvaluationResult else _alike(said)
    label, score, explanation = result.label, result.score, result.explanation
    if label is not None and len(label) > LABEL_LENGTH:
        raise InvalidResult(f"a label of {len(label):,} characters; it has 1 to {LABEL_LENGTH}")
    if score is not None and type(score) is not float:
        score = float(score)
    is_cut = False
    if explanation is not None and len(explanation) > EXPLANATION_LENGTH:
        explanation, is_cut = explanation[: EXPLANATION_LENGTH - len(CUT_MARK)] + CUT_MARK, True
    return label, score, explanation, _metadata(result.metadata), is_cut


def _alike(said: Any) -> EvaluationResult:
    """The result of a class of the same form, such as one that the source defines itself."""
    try:
        values = {name: getattr(said, name) for name in ("score", "label", "explanation")}
    except AttributeError:
        kind = "None" if said is None else f"a {type(said).__name__}"
        raise InvalidResult(f"evaluate() returned {kind}; it must return an EvaluationResult") from None
    return EvaluationResult(**values, metadata=getattr(said, "metadata", {}))


def _metadata(metadata: Any) -> str | None:
    if metadata is None:
        return None
    if type(metadata) is not dict and not isinstance(metadata, Mapping):
        raise InvalidResult(f"metadata is a {type(metadata).__name__}; it must be a dictionary")
    if not metadata:
        return None
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    try:
        text = orjson.dumps(dict(metadata), default=str, option=options).decode()
    except TypeError as error:  # lone surrogates, nested too deep
        raise InvalidResult(f"metadata cannot be written as JSON: {error}") from error
    if len(text) > METADATA_LENGTH:
        raise InvalidResult(f"metadata of {len(text):,} characters as JSON; at most {METADATA_LENGTH:,} are kept")
    return text
