"""Whether the models of a task have their keys: in the environment, under the names that `models.yaml` gives."""

from __future__ import annotations

import os
from collections.abc import Mapping

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.engine.plan import TaskPlan


def refuse_missing_keys(plan: TaskPlan, environment: Mapping[str, str] = os.environ) -> None:
    """Raises ConfigError for the first judge whose model cannot be asked for want of a key."""
    for use in plan.judges:
        missing = missing_key(use.judge.model, environment) if use.judge is not None else None
        if missing is not None:
            raise ConfigError(f"judge {use.name!r} cannot ask: {missing.message}", hint=missing.hint)


def missing_key(model: ModelSpec, environment: Mapping[str, str] = os.environ) -> ConfigError | None:
    """What is wrong with the model's key, None when it has one or needs none."""
    from evals_pipeline.llm.access import key_of

    try:
        key_of(model, environment)
    except ConfigError as error:
        return error
    return None
