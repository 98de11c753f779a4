"""How custom code was confined and failed, as asset pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from evals_pipeline.ledger.ledger import Run
from evals_pipeline.orchestration.tables import Metadata, table_if
from evals_pipeline.sandbox.report import SandboxReport

if TYPE_CHECKING:
    from evals_pipeline.engine.run_errors import ErrorClass

_CLASSES_SHOWN = 20
_COLUMNS = ("evaluator", "error", "where", "units", "one of them")


def sandbox_metadata(run: Run | None) -> Metadata:
    """What held custom code in a run; nothing where there was none."""
    if run is None or not run.sandbox:
        return {}
    return {"sandbox": dg.MetadataValue.text(SandboxReport.from_dict(run.sandbox).summary)}


def errors_metadata(classes: Sequence[ErrorClass]) -> Metadata:
    """How evaluators failed in a run, the most frequent way first; nothing where none did."""
    rows = [(of.evaluator, of.error_type, of.place, of.units, of.unit_id) for of in classes[:_CLASSES_SHOWN]]
    return table_if("errors", _COLUMNS, rows)
