"""Who answers for each evaluator of a run: definitions for checks, models for judges, within the task's budgets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from evals_pipeline.core.calls import BudgetLimit
from evals_pipeline.engine.answers import Asker, DefinitionAsker
from evals_pipeline.engine.budgets import budget_limits
from evals_pipeline.engine.evaluators import Evaluator
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck
from evals_pipeline.ledger.ledger import RunKey


def askers_of(here: Installation, plan: TaskPlan, key: RunKey, *, now: datetime) -> Mapping[str, Asker]:
    """Evaluator -> who answers its rows in doubt, for one attempt of a run; `now` says which day is spent on."""
    limits = budget_limits(plan.task, key.run_id, now.date())
    return {use.name: asker_of(here, use.name, use.evaluator, key, limits) for use in plan.uses}


def asker_of(
    here: Installation, name: str, evaluator: Evaluator, key: RunKey, limits: tuple[BudgetLimit, ...]
) -> Asker:
    """Who answers for `evaluator`, whose answers and costs the ledger keeps under `key` and `name`."""
    if isinstance(evaluator, PrebuiltCheck):
        return DefinitionAsker(evaluator)
    # What only judges need, and with it the ledger's part for them, is not loaded for a task of checks.
    from evals_pipeline.engine.judges import JudgeAsker
    from evals_pipeline.ledger.board import Board
    from evals_pipeline.ledger.budgets import Budgets
    from evals_pipeline.ledger.judge_answers import JudgeAnswers
    from evals_pipeline.llm.caller import AskingRun
    from evals_pipeline.llm.stores import Stores

    database = here.ledger.database
    stores = Stores(JudgeAnswers(database, key, name), Budgets(database), Board(database))
    owner = f"{key.run_id[:64]}/{name}/{uuid4().hex}"
    return JudgeAsker(evaluator, stores, AskingRun(owner, f"{key.project}/{key.task}", limits))
