"""Testing an evaluator against labelled rows: every row is asked about, and what was said is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.paths import as_text
from evals_pipeline.engine.answers import ANSWERS, UNIT, Asker
from evals_pipeline.engine.gold.agreement import Agreement, agreement
from evals_pipeline.engine.gold.misgivings import misgivings
from evals_pipeline.engine.gold.rows import GoldRow

BatchOf = Callable[[Sequence[GoldRow]], pa.RecordBatch]
"""Makes of some rows what an asker is shown."""

MOST_LABELS = 50
"""Of an evaluator that says what it likes; a matrix of more is nothing to read."""

_BATCH_ROWS = 1_000

_ANSWERED = [field for field in ANSWERS if field.name != "unit_id"]
VERDICTS = pa.schema([("row", pa.int64()), ("gold", pa.string()), ("agrees", pa.bool_()), *_ANSWERED])
"""A verdict on a gold row, beside `value.<variable>` for what the evaluator was shown. `row` counts the rows of the
file from 1; `agrees` is null where no label was given."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the calls took that gave an answer; milliseconds."""

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class GoldReport:
    """What a test found.

    Attributes:
        verdicts: One row per gold row, in the order of the file; see `VERDICTS`.
        outcomes: How many rows have which outcome. Only `evaluated` ones count in the agreement.
        agreement: The figures.
        accuracy_with_failures: Accuracy if each row without a label counted as wrong; null without rows.
        warnings: Why the figures or the evaluator may be worth little.
        latency: Null when no call was made.
        truncated: Rows with a value that was cut.
        unlabelled: Rows that custom code gave a score and no label.
    """

    verdicts: pa.Table
    outcomes: Mapping[Outcome, int]
    agreement: Agreement
    accuracy_with_failures: float | None
    warnings: tuple[str, ...]
    latency: Latency | None
    truncated: int
    unlabelled: int = 0

    @property
    def unanswered(self) -> int:
        """Rows that got no label."""
        return sum(count for outcome, count in self.outcomes.items() if outcome is not Outcome.EVALUATED)

    @property
    def disagreements(self) -> pa.Table:
        """The verdicts that differ from gold, and the rows without one."""
        import pyarrow.compute as pc

        return self.verdicts.filter(pc.invert(pc.fill_null(self.verdicts.column("agrees"), fill_value=False)))


def text_batch(rows: Sequence[GoldRow]) -> pa.RecordBatch:
    """What checks and judges are shown: `UNIT` and a column of text for each variable."""
    schema = pa.schema([(name, pa.string()) for name in (UNIT, *rows[0].values)])
    return pa.RecordBatch.from_pylist([{UNIT: str(row.number), **row.values} for row in rows], schema=schema)


def gold_report(
    asker: Asker, rows: Sequence[GoldRow], labels: Sequence[str] | None, *, batch_of: BatchOf = text_batch
) -> GoldReport:
    """Ask about every row and compare.

    Args:
        asker: Who answers for the evaluator.
        rows: At least one; all with the same variables.
        labels: What the evaluator can say; None: whatever it says.
        batch_of: What the asker is shown of some rows.

    Raises:
        ConfigError: The extra `gold` is not installed, a label is none of `labels`, or there are too many of them.
        ProviderError: The model's provider refuses every call; what was answered before is kept in the ledger.
        SandboxError: Custom code cannot be run in confinement here.
    """
    said = {
        str(answer["unit_id"]): answer
        for table in asker.answers(_batches(rows, asker.order, batch_of))
        for answer in table.to_pylist()
    }
    verdicts = [_verdict(row, said) for row in rows]
    pairs = [(each["gold"], each["label"]) for each in verdicts if each["label"] is not None]
    compared = agreement(pairs, _met(rows, pairs) if labels is None else labels)
    right = sum(bool(each["agrees"]) for each in verdicts)
    outcomes = Counter(Outcome(each["outcome"]) for each in verdicts)
    return GoldReport(
        verdicts=pa.Table.from_pylist(verdicts, schema=_schema(rows)),
        outcomes=outcomes,
        agreement=compared,
        accuracy_with_failures=right / len(verdicts) if verdicts else None,
        warnings=misgivings(compared),
        latency=_latency([each["latency_ms"] for each in verdicts if each["latency_ms"] is not None]),
        truncated=sum(bool(each["truncated"]) for each in verdicts),
        unlabelled=outcomes[Outcome.EVALUATED] - len(pairs),
    )


def _met(rows: Sequence[GoldRow], pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The labels there are, those of the gold first."""
    labels = tuple(dict.fromkeys([*sorted({row.label for row in rows}), *sorted({given for _, given in pairs})]))
    if len(labels) > MOST_LABELS:
        raise ConfigError(
            f"gold and evaluator have {len(labels):,} different labels, and at most {MOST_LABELS} can be compared",
            hint="let the evaluator say a class, such as 'short' or 'long', and a number as its score",
        )
    return labels


def _batches(rows: Sequence[GoldRow], order: Sequence[str], batch_of: BatchOf) -> Iterator[pa.RecordBatch]:
    complete = [row for row in rows if not row.missing]
    complete.sort(key=lambda row: [row.values[name] or "" for name in order])
    for start in range(0, len(complete), _BATCH_ROWS):
        yield batch_of(complete[start : start + _BATCH_ROWS])


def _verdict(row: GoldRow, said: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    shown = {f"value.{name}": as_text(value) for name, value in row.values.items()}
    answer = _missing(row) if row.missing else said[str(row.number)]
    label = answer.get("label")
    agrees = None if label is None else label == row.label
    answered = {field.name: answer.get(field.name) for field in _ANSWERED}
    return {"row": row.number, "gold": row.label, "agrees": agrees, **answered, **shown}


def _missing(row: GoldRow) -> Mapping[str, object]:
    return {
        "outcome": Outcome.SKIPPED,
        "error_type": "MissingVariable",
        "error_message": f"no value for: {', '.join(row.missing)}",
    }


def _schema(rows: Sequence[GoldRow]) -> pa.Schema:
    shown = [pa.field(f"value.{name}", pa.string()) for name in (rows[0].values if rows else ())]
    return pa.schema([*VERDICTS, *shown])


def _latency(milliseconds: Sequence[float]) -> Latency | None:
    import numpy as np

    if not milliseconds:
        return None
    median, p95 = np.percentile(milliseconds, [50, 95])
    return Latency(float(median), float(p95))
