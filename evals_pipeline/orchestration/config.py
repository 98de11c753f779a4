"""What a person may choose for one run in the launchpad.

Add a field here, and to `engine.plan.Overrides`, for a new choice. What a task always does belongs into its file.
"""

from __future__ import annotations

import dagster as dg
from pydantic import Field

from evals_pipeline.engine.plan import Overrides


class RunOptions(dg.Config):
    """What this run does differently from its task; whatever is left out is as the task says."""

    sampling_rate: float | None = Field(default=None, description="Share of the units, above 0 and up to 1.")
    filter: str | None = Field(default=None, description="Filter in place of the task's, such as: span_kind = 'LLM'")
    max_units: int | None = Field(default=None, description="Units taken on per day, at least 1.")
    override: bool = Field(default=False, description="Evaluate again what has a result; the new one supersedes it.")
    reevaluate: str | None = Field(
        default=None, description="new-version: evaluate again what has a result of another version of its evaluator."
    )

    def overrides(self) -> Overrides:
        """The same choice in the engine's words."""
        return Overrides(self.sampling_rate, self.filter, self.max_units, self.override, self.reevaluate)

    @classmethod
    def run_config(cls, op: str, overrides: Overrides) -> dict[str, object]:
        """Run config that makes this choice for the inputs asset computed by `op`."""
        chosen = overrides.as_dict()
        return {"ops": {op: {"config": chosen}}} if chosen else {}
