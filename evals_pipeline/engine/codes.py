"""Verdicts as small codes: what the scan decides for each unit and evaluator, before rows are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals_pipeline.core.outcome import Outcome
from evals_pipeline.core.paths import Path, text_sql
from evals_pipeline.core.sql import literal
from evals_pipeline.engine.uses import JSON_KEY, PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck

NOT_ASKED, FILTERED, SETTLED, DOUBT, FALSE, TRUE, MISSING = range(7)
"""`DOUBT`: the evaluator itself must be asked. `MISSING + n`: the evaluator's n-th variable has no value."""

OUTCOMES: Mapping[int, Outcome] = {
    FILTERED: Outcome.FILTERED,
    SETTLED: Outcome.ALREADY_EVALUATED,
    FALSE: Outcome.EVALUATED,
    TRUE: Outcome.EVALUATED,
    MISSING: Outcome.SKIPPED,
}
"""What the codes mean; units that are not asked about were counted by selection, those in doubt by their answers."""


def shown_sql(use: PlannedUse) -> Mapping[str, str]:
    """What an asker is shown: column -> DuckDB expression, over a span joined with its input row.

    For a custom evaluator a column per path, in its own type, or as the text of its JSON; for others one per variable,
    as text.
    """
    if not isinstance(use.evaluator, Custom):
        return {variable: value_sql(path) for variable, path in use.paths.items()}
    return {path.dotted: natural_sql(path) for path in use.shown_paths}


def code_sql(use: PlannedUse, *, asks_all: bool, checks_settled: bool) -> str:
    """DuckDB expression of the code, over a span (`span`), its input row (`units`) and what is settled (`done`)."""
    value_of = natural_sql if isinstance(use.evaluator, Custom) else value_sql
    variables = [value_of(path) for path in use.paths.values()]
    name = literal(use.name)
    whens = []
    if not asks_all:
        whens.append(f"WHEN NOT list_contains(units.evaluators, {name}) THEN {NOT_ASKED}")
    if checks_settled:
        whens.append(f"WHEN coalesce(list_contains(done.evaluators, {name}), FALSE) THEN {SETTLED}")
    if use.filter is not None:
        whens.append(f"WHEN NOT ({use.filter.sql}) THEN {FILTERED}")
    whens += [f"WHEN {value} IS NULL THEN {MISSING + number}" for number, value in enumerate(variables)]
    verdict = _verdict(use, variables)
    return f"(CASE {' '.join(whens)} ELSE {verdict} END)::UTINYINT" if whens else f"({verdict})::UTINYINT"


def _verdict(use: PlannedUse, variables: Sequence[str]) -> str:
    """What DuckDB can decide by itself; nothing where the evaluator is no check."""
    if not isinstance(use.evaluator, PrebuiltCheck):
        return str(DOUBT)
    verdict = use.evaluator.sql(dict(zip(use.paths, variables, strict=True)))
    return f"CASE ({verdict}) WHEN TRUE THEN {TRUE} WHEN FALSE THEN {FALSE} ELSE {DOUBT} END"


def value_sql(path: Path) -> str:
    """DuckDB expression of a mapped value as text, over a span joined with its input row."""
    return text_sql(path) if path.is_column else f'units."values"[{literal(path.dotted)}]'


def natural_sql(path: Path) -> str:
    """The same in its own type; nested values and JSON columns as the text of their JSON."""
    return path.natural_sql if path.is_column else f'units."values"[{literal(JSON_KEY + path.dotted)}]'
