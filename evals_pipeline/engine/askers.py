"""Who answers for each evaluator of a run: definitions for checks, sandboxes for code, models for judges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from evals_pipeline.core.calls import BudgetLimit
from evals_pipeline.engine.answers import Asker, DefinitionAsker
from evals_pipeline.engine.budgets import budget_limits
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.engine.sandboxes import ConfinedCheckAsker, RunSandbox, SandboxAsker, Used, preloaded
from evals_pipeline.engine.uses import PlannedUse
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.prebuilt.confined import is_confined
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline.sandbox.program import Program
from evals_pipeline.sandbox.report import SandboxReport


def askers_of(
    here: Installation, plan: TaskPlan, key: RunKey, sandbox: RunSandbox, *, now: datetime
) -> Mapping[str, Asker]:
    """Evaluator -> who answers its rows in doubt, for one attempt of a run; `now` says which day is spent on."""
    limits = budget_limits(plan.task, key.run_id, now.date())

    def used(report: SandboxReport) -> None:
        here.ledger.record_sandbox(key, report.as_dict())

    return {
        use.name: judge_asker(here, use.name, use.judge, key, limits)
        if use.judge is not None
        else code_asker(use, sandbox, used)
        for use in plan.uses
    }


def run_sandbox(plan: TaskPlan) -> RunSandbox:
    """The sandbox of a run of `plan`, to be started when it is needed."""
    return RunSandbox(tuple(dict.fromkeys(name for use in plan.uses for name in preloaded(use.evaluator))))


def code_asker(use: PlannedUse, sandbox: RunSandbox, used: Used) -> Asker:
    """Who answers for a check or a custom evaluator; `used` hears of the sandbox when it is."""
    if isinstance(use.evaluator, Custom):
        return SandboxAsker(program_of(use.evaluator, use), use.evaluator.limits, sandbox, used)
    if isinstance(use.evaluator, Judge):
        raise TypeError(f"{use.name!r} asks a model and is no code")
    return (
        ConfinedCheckAsker(use.evaluator, sandbox, used)
        if is_confined(use.evaluator)
        else DefinitionAsker(use.evaluator)
    )


def program_of(custom: Custom, use: PlannedUse) -> Program:
    """What a worker runs for `use`, whose evaluator is `custom`; columns are paths."""
    variables = {variable: path.dotted for variable, path in use.paths.items()}
    columns = [path.dotted for path in use.shown_paths]
    return custom.program(variables, columns, [path.dotted for path in use.shown_paths if path.is_json])


def judge_asker(here: Installation, name: str, judge: Judge, key: RunKey, limits: tuple[BudgetLimit, ...]) -> Asker:
    """Who asks the model of `judge`, whose answers and costs the ledger keeps under `key` and `name`."""
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
    return JudgeAsker(judge, stores, AskingRun(owner, f"{key.project}/{key.task}", limits))
