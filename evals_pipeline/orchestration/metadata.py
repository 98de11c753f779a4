"""What asset pages show: few, stable, numeric keys, which become charts, and short tables.

Never the text of a span, because everyone with the UI sees it: counts, ids, labels and scores only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.ledger.ledger import SourceProblem
from evals_pipeline.orchestration.costs import judges_metadata
from evals_pipeline.orchestration.plots import label_shares, most_frequent
from evals_pipeline.orchestration.tables import Metadata, table_if

if TYPE_CHECKING:
    from evals_pipeline.engine.annotations import Attached
    from evals_pipeline.engine.inputs import Counts, Selected
    from evals_pipeline.engine.results import Evaluated
    from evals_pipeline.engine.spans import Collected
    from evals_pipeline.engine.summary import Summary

ROWS = "dagster/partition_row_count"

_NUMBERED = (Outcome.EVALUATED, Outcome.SKIPPED, Outcome.ERRORED)
_PROBLEMS_SHOWN = 10
_LOWEST_SHOWN = 10


def spans_metadata(collected: Collected, day: date, *, rows: int, problems: Sequence[SourceProblem]) -> Metadata:
    """What a look at the source brought for one day."""
    found = [(problem.uri.rpartition("/")[2], problem.line, problem.message) for problem in problems[:_PROBLEMS_SHOWN]]
    return {
        ROWS: dg.MetadataValue.int(rows),
        "new_spans": dg.MetadataValue.int(collected.spans.get(day, 0)),
        "duplicates": dg.MetadataValue.int(collected.duplicates),
        "files_read": dg.MetadataValue.int(collected.files),
        "problems": dg.MetadataValue.int(collected.problems),
    } | table_if("problems_found", ("file", "line", "message"), found)


def inputs_metadata(selected: Selected) -> Metadata:
    """What selection decided for one day."""
    return {
        "units": dg.MetadataValue.int(selected.selection.units),
        "candidates": dg.MetadataValue.int(selected.candidates),
    } | table_if("outcomes", ("evaluator", "outcome", "units"), _outcome_rows(selected.counts))


def results_metadata(
    evaluated: Evaluated, told: Metadata, *, seconds: float, newest_arrival: int, now: datetime
) -> Metadata:
    """What a run brought on one day and what the day's current results look like.

    Args:
        evaluated: What the engine returned.
        told: What else there is to tell of the run; it stands before the long tables.
        seconds: How long evaluation took.
        newest_arrival: When the project's newest span arrived, in microseconds since 1970; 0 when none has.
        now: The moment to which the age of the data is counted.
    """
    metadata: Metadata = {
        ROWS: dg.MetadataValue.int(evaluated.summary.rows),
        "candidates": dg.MetadataValue.int(evaluated.candidates),
        "new_results": dg.MetadataValue.int(evaluated.rows),
        "duration_seconds": dg.MetadataValue.float(round(seconds, 3)),
    }
    if newest_arrival:
        age = now.astimezone(UTC).timestamp() - newest_arrival / 1_000_000
        metadata["seconds_since_data_arrived"] = dg.MetadataValue.float(round(max(age, 0.0), 1))
    numbers = _outcome_numbers(evaluated.counts) | _scores(evaluated.summary)
    return metadata | numbers | judges_metadata(evaluated.spent, evaluated.counts) | told | _pictures(evaluated)


def annotations_metadata(attached: Attached) -> Metadata:
    """Where a day's annotations are."""
    return {
        ROWS: dg.MetadataValue.int(attached.units),
        "path": dg.MetadataValue.path(str(attached.path)),
        "is_new": dg.MetadataValue.bool(attached.is_new),
    }


def _outcome_rows(counts: Counts) -> list[tuple[str, str, int]]:
    return [(name, str(outcome), of[outcome]) for name, of in counts.items() for outcome in Outcome if of.get(outcome)]


def _outcome_numbers(counts: Counts) -> Metadata:
    """This run's outcomes that cost work, over all evaluators; 0 where there is none, so that charts have no gaps."""
    return {
        str(outcome): dg.MetadataValue.int(sum(of.get(outcome, 0) for of in counts.values())) for outcome in _NUMBERED
    }


def _scores(summary: Summary) -> Metadata:
    metadata: Metadata = {}
    for name, of in summary.evaluators.items():
        if of.score_mean is not None:
            metadata[f"{name}/score_mean"] = dg.MetadataValue.float(round(of.score_mean, 6))
        metadata[f"{name}/score_count"] = dg.MetadataValue.int(of.score_count)
    return metadata


def _pictures(evaluated: Evaluated) -> Metadata:
    summary = evaluated.summary
    picture = label_shares(summary)
    shown: Mapping[str, dg.MetadataValue] = {"label_shares": dg.MetadataValue.md(picture)} if picture else {}
    return {
        **shown,
        **table_if("labels", ("evaluator", "label", "units", "share"), _label_rows(summary)),
        **table_if("outcomes", ("evaluator", "outcome", "units"), _outcome_rows(evaluated.counts)),
        **table_if("lowest_scored", ("evaluator", "unit", "score", "label"), _lowest_rows(summary)),
    }


def _label_rows(summary: Summary) -> list[tuple[str, str, int, str]]:
    return [
        (name, label, count, f"{count / sum(of.labels.values()):.1%}")
        for name, of in summary.evaluators.items()
        for label, count in most_frequent(of.labels).items()
    ]


def _lowest_rows(summary: Summary) -> list[tuple[str, str, float, str | None]]:
    """The units with the lowest scores; evaluators take turns where scores are equal."""
    rows = [
        (score, place, (name, unit, score, label))
        for name, of in summary.evaluators.items()
        for place, (unit, score, label) in enumerate(of.lowest)
    ]
    return [row for _, _, row in sorted(rows, key=lambda item: (item[0], item[1], item[2][0]))[:_LOWEST_SHOWN]]
