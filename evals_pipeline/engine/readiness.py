"""Whether models can be asked: their keys and addresses, and for budgets in USD their prices."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.model import ModelSpec

if TYPE_CHECKING:
    from evals_pipeline.engine.plan import TaskPlan


def refuse_unready(plan: TaskPlan, environment: Mapping[str, str] = os.environ) -> None:
    """Raises ConfigError for the first judge whose model cannot be asked for want of a key or an address."""
    for use in plan.judges:
        missing = unready(use.judge.model, environment) if use.judge is not None else None
        if missing is not None:
            raise ConfigError(f"judge {use.name!r} cannot ask: {missing.message}", hint=missing.hint)


def unready(model: ModelSpec, environment: Mapping[str, str] = os.environ) -> ConfigError | None:
    """What of the model's key, address or API version is missing or wrong; None when it can be asked."""
    from evals_pipeline.llm.access import Access

    try:
        Access(model, environment)
    except ConfigError as error:
        return error
    return None


def refuse_unpriced(model: ModelSpec, *, field: str = "", instead: str = "") -> None:
    """Raises ConfigError when the model's price is unknown, without which a budget in USD cannot be kept.

    `field` is the budget's place in its file, `instead` what else may be done about it.
    """
    from evals_pipeline.llm.access import base_url_of
    from evals_pipeline.llm.pricing import prices_of  # published prices take a while to load

    if prices_of(model, base_url_of(model, os.environ)) is None:
        raise ConfigError(
            f"the budget is in USD, and the price of model {model.name!r} is unknown",
            field=field,
            hint=f"give the model a `price: {{input: …, output: …}}` in USD per million tokens{instead}",
        )
