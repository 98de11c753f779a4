"""A task's budgets: the accounts they are kept in, and how full those are."""

from __future__ import annotations

from datetime import date

from evals_pipeline.core.calls import NANO, Amount, BudgetLimit
from evals_pipeline.core.task import Allowance, Task
from evals_pipeline.ledger.ledger import Ledger, Run

_SCOPES = {"run": "of a run", "day": "of a day", "task": "of all its runs"}


def budget_limits(task: Task, run_id: str, today: date) -> tuple[BudgetLimit, ...]:
    """The task's budgets with the accounts that they are kept in; `today` is the UTC day of spending."""
    if task.budget is None:
        return ()
    mine = f"{task.project}/{task.name}"
    accounts = (
        ("run", f"run/{run_id}/{mine}", task.budget.run),
        ("day", f"day/{today}/{mine}", task.budget.day),
        ("task", f"task/{mine}", task.budget.task),
    )
    return tuple(_limit(scope, account, allowed) for scope, account, allowed in accounts if allowed is not None)


def fullest_budget(ledger: Ledger, task: Task, run: Run) -> str:
    """Which of the task's budgets had least left for `run`, with the figures; empty when it has none any more."""
    from evals_pipeline.ledger.budgets import Budgets

    limits = budget_limits(task, run.key.run_id, run.started_at.date())
    if not limits:
        return ""
    spent = Budgets(ledger.database).spent({limit.key for limit in limits})
    fullest = max(limits, key=lambda limit: _share(spent[limit.key], limit))
    return f"the budget {_SCOPES[fullest.scope]}: {_told(spent[fullest.key], fullest)}"


def _limit(scope: str, account: str, allowed: Allowance) -> BudgetLimit:
    nano_usd = None if allowed.usd is None else round(allowed.usd * NANO)
    return BudgetLimit(scope, account, nano_usd, allowed.tokens)


def _share(spent: Amount, limit: BudgetLimit) -> float:
    shares = [
        spent.nano_usd / limit.nano_usd if limit.nano_usd else 0.0,
        spent.tokens / limit.tokens if limit.tokens else 0.0,
    ]
    return max(shares)


def _told(spent: Amount, limit: BudgetLimit) -> str:
    usd = f"{spent.nano_usd / NANO:.6g} of {limit.nano_usd / NANO:g} USD" if limit.nano_usd is not None else ""
    tokens = f"{spent.tokens:,} of {limit.tokens:,} tokens" if limit.tokens is not None else ""
    return " and ".join(part for part in (usd, tokens) if part) + " are spent"
