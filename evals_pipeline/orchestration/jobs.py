"""The job. There is one: a job a task would make the code location four times as large to load.

Which assets a run works on is its asset selection.
"""

from __future__ import annotations

import dagster as dg

from evals_pipeline.orchestration.naming import JOB

evaluate = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="Collects spans, evaluates them and attaches the results.",
)
