from __future__ import annotations

from evals_pipeline.core.calls import Amount, Answer, BudgetLimit, Tally, Usage
from evals_pipeline.llm.memory import MemoryBoard, in_memory_stores

ANSWER = Answer("factual", None, "m", Usage(100, 10), 500, 20.0)


def test_a_key_is_asked_by_one_and_known_to_all_afterwards() -> None:
    answers = in_memory_stores().answers

    mine = answers.claim(["a", "b"], "one")
    others = answers.claim(["a", "b"], "two")
    answers.keep({"a": ANSWER}, Tally(), "one")
    answers.release(["b"], "one")
    after = answers.claim(["a", "b"], "two")

    assert (mine.mine, others.mine, after.mine) == (frozenset("ab"), frozenset(), frozenset("b"))
    assert after.answers["a"].reused and after.answers["a"].cost_nano_usd == 0


def test_an_amount_goes_to_all_accounts_or_to_none() -> None:
    budgets = in_memory_stores().budgets
    run, day = BudgetLimit("run", "run1", 1_000, None), BudgetLimit("day", "today", None, 150)

    assert budgets.reserve([run, day], Amount(600, 100)) is None
    assert budgets.reserve([run, day], Amount(600, 10)) == "run"
    assert budgets.reserve([run, day], Amount(100, 100)) == "day"
    budgets.give_back([run, day], Amount(600, 100))
    assert budgets.reserve([run, day], Amount(1_000, 150)) is None


def test_a_board_folds_the_notices_of_all_into_the_state() -> None:
    board = MemoryBoard()

    def total(state: dict[str, object], notices: object) -> dict[str, object]:
        assert isinstance(notices, dict)
        return {"total": sum(each["calls"] for each in notices.values())}

    board.exchange("quota", "one", {"calls": 2}, total)
    state, notices = board.exchange("quota", "two", {"calls": 3}, total)
    board.leave("quota", "one")
    later, _ = board.exchange("quota", "two", {"calls": 3}, total)

    assert state == {"total": 5} and set(notices) == {"one", "two"}
    assert notices["two"]["age_seconds"] == 0
    assert later == {"total": 3}
