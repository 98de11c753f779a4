"""Errors on their way to Dagster: the run's row in the ledger is closed, and message and hint are shown.

What is an error and what its text says is `core.errors`; here it only changes its clothes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg

from evals_pipeline.core.errors import ConfigError, EvalsError, ProviderError
from evals_pipeline.ledger.ledger import Ledger, Run, RunKey

_ROWS_SEARCHED = 200


def as_failure(error: EvalsError) -> dg.Failure:
    """The error as Dagster shows it; what is configured wrongly or refused for good is not worth a retry."""
    message, _, hint = str(error).partition("\nHint: ")
    metadata = {"error": type(error).__name__} | ({"hint": hint} if hint else {})
    is_final = isinstance(error, ConfigError | ProviderError)
    return dg.Failure(description=message, metadata=metadata, allow_retries=not is_final)


@contextmanager
def shown() -> Iterator[None]:
    """Raise errors of ours as failures of the step."""
    try:
        yield
    except EvalsError as error:
        raise as_failure(error) from error


@contextmanager
def recorded(
    ledger: Ledger, key: RunKey, others: Iterable[RunKey] = (), *, now: Callable[[], datetime]
) -> Iterator[None]:
    """When the block fails or is interrupted, close the row of `key`, and those of `others` that are still open.

    The others are the run's other days, to which nobody comes any more. Errors of ours become failures of the step.
    """
    with shown():
        try:
            yield
        except BaseException as error:
            message = str(error) or type(error).__name__
            ledger.fail_run(key, message, now=now())
            _close_open(ledger, filter(None, map(ledger.run, others)), message, now=now())
            raise


def close_rows(ledger: Ledger, run_id: str, message: str, *, now: datetime) -> int:
    """Close what a run that ended without a word has left open in the ledger; returns how many rows that were."""
    mine = (run for run in ledger.runs(limit=_ROWS_SEARCHED) if run.key.run_id == run_id)
    return _close_open(ledger, mine, message, now=now)


def _close_open(ledger: Ledger, runs: Iterable[Run], message: str, *, now: datetime) -> int:
    left = [run for run in runs if run.status == "running"]
    for run in left:
        ledger.fail_run(run.key, message, now=now)
    return len(left)
