from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evals_pipeline.core.calls import Amount, Answer, BudgetLimit, Failure, OverBudget, Question
from evals_pipeline.core.model import Price
from evals_pipeline.ledger.budgets import Budgets
from evals_pipeline.ledger.database import Database
from evals_pipeline.llm.budgeting import CALLS_AT_ONCE, Purse
from evals_pipeline.llm.caller import Caller
from evals_pipeline.llm.memory import MemoryBudgets
from evals_pipeline.llm.replies import Malformed, Reply
from evals_pipeline_tests.llm.asking import batches, run, said, stores
from evals_pipeline_tests.llm.endpoints import model, question
from evals_pipeline_tests.llm.provider import Provider, hang, says

CALL = Amount(1_000, 100)


class CountedBudgets(MemoryBudgets):
    """Counts how often it is asked."""

    asked = 0

    def reserve(self, limits: Sequence[BudgetLimit], amount: Amount) -> str | None:
        self.asked += 1
        return super().reserve(limits, amount)


def limit(nano_usd: int | None = None, tokens: int | None = None, scope: str = "run") -> BudgetLimit:
    return BudgetLimit(scope, f"{scope} account", nano_usd, tokens)


def test_as_many_calls_are_made_as_fit() -> None:
    store = CountedBudgets()

    async def spend() -> list[str | None]:
        purse = Purse(store, [limit(10_500)])
        taken = []
        for _ in range(1_000):
            taken.append(await purse.take(CALL))
            if taken[-1] is None:
                purse.settle(CALL, CALL)
        await purse.close()
        return taken

    taken = asyncio.run(spend())

    assert taken == [None] * 10 + ["run"] * 990
    assert store.accounts["run account"] == Amount(10_000, 1_000)
    assert store.asked < 30


def test_many_calls_are_reserved_together() -> None:
    store = CountedBudgets()

    async def spend() -> None:
        purse = Purse(store, [limit(10**9)])
        for _ in range(500):
            assert await purse.take(CALL) is None
            purse.settle(CALL, Amount(500, 50))
        await purse.close()

    asyncio.run(spend())

    assert store.accounts["run account"] == Amount(250_000, 25_000)
    assert store.asked <= 500 / CALLS_AT_ONCE


def test_what_does_not_fit_waits_for_calls_that_may_cost_less() -> None:
    async def spend() -> list[str | None]:
        purse = Purse(MemoryBudgets(), [limit(1_000)])
        first = await purse.take(CALL)
        second = asyncio.create_task(purse.take(Amount(800, 1)))
        await asyncio.sleep(0.05)
        assert not second.done()
        purse.settle(CALL, Amount(100, 10))
        return [first, await second]

    assert asyncio.run(spend()) == [None, None]


def test_a_smaller_question_may_fit_where_a_larger_did_not() -> None:
    async def spend() -> list[str | None]:
        purse = Purse(MemoryBudgets(), [limit(1_000)])
        return [await purse.take(Amount(2_000)), await purse.take(Amount(900))]

    assert asyncio.run(spend()) == ["run", None]


def test_the_account_of_a_run_is_what_its_calls_cost(provider: Provider) -> None:
    budgets = MemoryBudgets()
    limits = limit(10**12, scope="run"), limit(None, 10**9, scope="day")

    heard = said(
        model(provider, price=Price(input=1, output=1)),
        batches(120),
        stores(budgets=budgets),
        by=run("run1", "quality", *limits),
    )

    cost = sum(what.cost_nano_usd or 0 for what in heard.values() if isinstance(what, Answer))
    assert cost > 0
    assert budgets.accounts == {"run account": Amount(cost, 120 * 150), "day account": Amount(cost, 120 * 150)}


def test_what_does_not_fit_is_over_budget_and_was_not_asked(provider: Provider) -> None:
    budgets = MemoryBudgets()

    heard = said(
        model(provider), batches(400), stores(budgets=budgets), by=run("run1", "quality", limit(tokens=20_000))
    )

    answers = [what for what in heard.values() if isinstance(what, Answer)]
    over = [what for what in heard.values() if what == OverBudget("run")]
    assert len(answers) + len(over) == len(heard) == 400
    assert len(answers) == len(provider.asked) > 100
    assert budgets.accounts["run account"].tokens == len(answers) * 150 <= 20_000


def test_a_call_that_may_have_been_charged_counts_in_full(provider: Provider) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(hang)
    budgets = MemoryBudgets()
    limits = limit(tokens=10**9)

    said(model(provider, timeout_seconds=0.5), batches(1), stores(budgets=budgets), by=run("run1", "quality", limits))

    assert budgets.accounts["run account"].tokens > 150 + 300


def test_a_malformed_answer_whose_repair_does_not_fit_stays_malformed(provider: Provider) -> None:
    provider.usage = {"prompt_tokens": 800, "completion_tokens": 100, "total_tokens": 900}
    provider.next(says('{"label": "perhaps"}'))
    limits = limit(tokens=1_000)

    heard = said(
        model(provider, answers="json_schema", max_output_tokens=100),
        iter([[("u0", question("short"))]]),
        by=run("run1", "quality", limits),
    )

    only = heard["u0"]
    assert isinstance(only, Failure) and only.error_type == "MalformedAnswer"
    assert "budget" in only.message and only.calls == 1


def test_a_budget_in_usd_needs_a_price(provider: Provider) -> None:
    with pytest.raises(ValueError, match="a budget in USD needs the price"):
        said(model(provider, name="nobodys-model"), batches(1), by=run("run1", "quality", limit(1_000)))


def ask_apart(url: str, base_url: str, number: int, into: multiprocessing.Queue[tuple[int, int]]) -> None:
    """One of several processes that ask other questions at the expense of one account."""
    spec = model(base_url, price=Price(input=1, output=1))
    together = stores(budgets=Budgets(Database(url)))  # type: ignore[arg-type]
    limits = limit(nano_usd=60_000_000, scope="day")
    heard = said(spec, batches(300, text=f"process {number}"), together, by=run(f"run{number}", "quality", limits))
    answers = [what for what in heard.values() if isinstance(what, Answer)]
    into.put((len(answers), sum(what.cost_nano_usd or 0 for what in answers)))


def test_several_processes_never_exceed_a_budget(provider: Provider, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    database = Database(url)
    context = multiprocessing.get_context("spawn")
    into: multiprocessing.Queue[tuple[int, int]] = context.Queue()
    asking = [context.Process(target=ask_apart, args=(url, provider.base_url, number, into)) for number in range(3)]

    for process in asking:
        process.start()
    heard = [into.get(timeout=120) for _ in asking]
    for process in asking:
        process.join()

    [spent] = Budgets(database).spent(["day account"]).values()
    answers, cost = (sum(each) for each in zip(*heard, strict=True))
    assert len(provider.asked) == answers
    assert cost == spent.nano_usd == answers * 150_000
    assert 50_000_000 < cost <= 60_000_000


class SlowBudgets(MemoryBudgets):
    """Takes its time once it has reserved, as a busy database does to commit."""

    def reserve(self, limits: Sequence[BudgetLimit], amount: Amount) -> str | None:
        scope = super().reserve(limits, amount)
        time.sleep(0.1)
        return scope


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_being_reserved_when_the_run_was_stopped_is_given_back(times: int) -> None:
    store = SlowBudgets()

    async def stop() -> None:
        purse = Purse(store, [limit(10**9)])
        taking = asyncio.create_task(purse.take(CALL))
        for _ in range(times):
            await asyncio.sleep(0.03)
            taking.cancel()
        await asyncio.wait([taking])
        assert taking.cancelled()
        await purse.close()

    asyncio.run(stop())

    assert store.accounts["run account"] == Amount()


def test_a_call_that_is_let_through_as_the_run_is_stopped_counts_only_if_it_was_made() -> None:
    budgets = MemoryBudgets()

    async def stop() -> int:
        line = LastLine()
        by = run("run1", "quality", limit(10**9))
        caller = Caller(line, model("http://localhost"), stores(budgets=budgets), by, lambda _: None)
        caller.grace_seconds = 0.0
        line.stop = caller.stop
        intake: asyncio.Queue[Sequence[tuple[str, Question]] | None] = asyncio.Queue()
        intake.put_nowait(next(batches(30)))
        await caller.run(intake)
        return line.asked

    made = asyncio.run(stop())

    assert budgets.accounts["run account"] == Amount(made * CALL.nano_usd, made * CALL.tokens)


class LastLine:
    """Stops the run when it is asked what the first call may cost, and never answers."""

    is_priced = True
    asked = 0
    stop: Callable[[], None]

    def key(self, question: Question) -> str:
        return str(question.messages)

    def most(self, question: Question, repair: Malformed | None = None) -> Amount:
        self.stop()
        return CALL

    async def ask(self, question: Question, *, repair: Malformed | None = None) -> Reply:
        self.asked += 1
        await asyncio.sleep(60)
        raise AssertionError


def test_a_server_that_does_not_tell_what_it_used_cannot_exceed_a_budget(provider: Provider) -> None:
    provider.usage = {}
    budgets = MemoryBudgets()

    heard = said(
        model(provider), batches(100), stores(budgets=budgets), by=run("run1", "quality", limit(tokens=20_000))
    )

    assert 0 < sum(isinstance(what, Answer) for what in heard.values()) < 100
    assert 15_000 < budgets.accounts["run account"].tokens <= 20_000
