"""The project folder as a Dagster component, for those who load this package into a project of their own.

One component for the folder, not one a task: Dagster would expand `{{ }}` in prompts, a single bad file would take
every task down, and loading would take ten times as long.
"""

from __future__ import annotations

import dagster as dg

from evals_pipeline.orchestration.build import build_definitions


class EvaluationTasks(dg.Component, dg.Model, dg.Resolvable):
    """The projects and evaluation tasks of a folder with `projects/*.yaml` and `tasks/*.yaml`.

    Attributes:
        folder: The project folder; a relative path starts at the folder of this component's `defs.yaml`.
    """

    folder: str = "."

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of the folder."""
        return build_definitions(context.path / self.folder)
