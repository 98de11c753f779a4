"""Accounts that several calls, and several processes, draw on."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier

import pytest

from evals_pipeline.core.calls import Amount, BudgetLimit
from evals_pipeline.ledger.budgets import Budgets
from evals_pipeline.ledger.database import Database
from evals_pipeline_tests.ledger.parts import in_processes

RUN = BudgetLimit("run", "run r1", 1_000, None)
DAY = BudgetLimit("day", "task quality 2026-01-12", 1_500, 600)


def test_what_fits_is_added_to_every_account(database: Database) -> None:
    budgets = Budgets(database)

    said = [budgets.reserve([RUN, DAY], Amount(400, 100)) for _ in range(2)]

    assert said == [None, None]
    assert budgets.spent([RUN.key, DAY.key, "other"]) == {
        RUN.key: Amount(800, 200),
        DAY.key: Amount(800, 200),
        "other": Amount(),
    }


def test_the_last_of_a_budget_may_be_spent(database: Database) -> None:
    assert Budgets(database).reserve([RUN, DAY], Amount(1_000, 600)) is None


@pytest.mark.parametrize(
    ("amount", "scope"),
    [(Amount(1_001, 0), "run"), (Amount(0, 601), "day"), (Amount(1_001, 601), "run")],
    ids=["money", "tokens", "both"],
)
def test_what_does_not_fit_one_account_is_added_to_none(database: Database, amount: Amount, scope: str) -> None:
    budgets = Budgets(database)

    said = budgets.reserve([RUN, DAY], amount)

    assert said == scope
    assert budgets.spent([RUN.key, DAY.key]) == {RUN.key: Amount(), DAY.key: Amount()}


def test_tokens_and_money_without_a_limit_are_counted_all_the_same(database: Database) -> None:
    budgets = Budgets(database)
    budgets.reserve([RUN], Amount(1, 2**40))

    assert budgets.spent([RUN.key]) == {RUN.key: Amount(1, 2**40)}


def test_what_was_reserved_and_not_spent_can_be_spent_again(database: Database) -> None:
    budgets = Budgets(database)
    budgets.reserve([RUN, DAY], Amount(1_000, 500))
    budgets.give_back([RUN, DAY], Amount(700, 450))

    assert budgets.spent([RUN.key, DAY.key]) == {RUN.key: Amount(300, 50), DAY.key: Amount(300, 50)}
    assert budgets.reserve([RUN, DAY], Amount(700, 550)) is None
    assert budgets.reserve([RUN], Amount(1, 0)) == "run"


def test_what_was_spent_beyond_the_reservation_counts(database: Database) -> None:
    budgets = Budgets(database)
    budgets.reserve([RUN], Amount(900, 0))

    budgets.give_back([RUN], Amount(-200, -5))

    assert budgets.spent([RUN.key]) == {RUN.key: Amount(1_100, 5)}
    assert budgets.reserve([RUN], Amount(0, 0)) == "run"


def test_without_limits_everything_fits_and_no_account_is_kept(database: Database) -> None:
    budgets = Budgets(database)

    assert budgets.reserve([], Amount(10**15, 10**15)) is None
    budgets.give_back([], Amount(1, 1))
    assert budgets.spent([]) == {}


def test_four_processes_that_reserve_at_once_spend_the_budget_to_the_last_and_no_more(url: str) -> None:
    database = Database(url)
    orders = [[RUN, DAY], [DAY, RUN]] * 2  # different orders, so that row locks taken in turn would wait in a circle

    got = in_processes(_reserve_all, *((url, limits) for limits in orders))

    spent = Budgets(database).spent([RUN.key, DAY.key])
    database.close()
    assert sum(got) == 1_000 // 7
    assert set(spent.values()) == {Amount(7 * sum(got), 3 * sum(got))}


def _reserve_all(url: str, limits: list[BudgetLimit], together: Barrier) -> int:
    """How many reservations of 7 and 3 fit, each made with a detour that is given back."""
    database = Database(url)
    budgets, got = Budgets(database), 0
    together.wait()
    while budgets.reserve(limits, Amount(7, 3)) is None:
        got += 1
        if budgets.reserve(limits, Amount(1, 1)) is None:
            budgets.give_back(limits, Amount(1, 1))
    # Others may hold a detour just now: what they give back must be taken up by someone.
    together.wait()
    while budgets.reserve(limits, Amount(7, 3)) is None:
        got += 1
    database.close()
    return got
