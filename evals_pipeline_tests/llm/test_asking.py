from __future__ import annotations

import _thread
import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from evals_pipeline.core.calls import Answer, Failure, Question, Tally
from evals_pipeline.core.errors import LedgerError, ProviderError
from evals_pipeline.llm.asking import ask_all, ask_over
from evals_pipeline.llm.memory import MemoryAnswers
from evals_pipeline_tests.llm.asking import batches, run, said, stores
from evals_pipeline_tests.llm.endpoints import model, question
from evals_pipeline_tests.llm.provider import (
    Act,
    Asked,
    Provider,
    break_down,
    filtered,
    half,
    hang,
    ordinary,
    refuse,
    reply,
    reset,
    says,
    wrong_key,
)

pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def slowly(act: Act) -> Act:
    async def wait(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await act(provider, request, asked)

    return wait


def wait_for(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.005)


def errors(heard: Mapping[str, object]) -> Counter[str]:
    return Counter(what.error_type for what in heard.values() if isinstance(what, Failure))


def test_every_unit_hears_exactly_once(provider: Provider) -> None:
    heard = said(model(provider), batches(500))

    assert sorted(heard) == sorted(f"u{number}" for number in range(500))
    assert all(isinstance(what, Answer) and what.label == "factual" for what in heard.values())
    assert len(provider.asked) == 500


def test_without_questions_nothing_is_said(provider: Provider) -> None:
    assert said(model(provider), iter(())) == {}
    assert said(model(provider), iter([[], []])) == {}


def test_no_more_calls_are_under_way_than_allowed(provider: Provider) -> None:
    provider.latency_seconds = 0.02

    said(model(provider, max_in_flight=7), batches(100))

    assert provider.peak_in_flight == 7


def test_it_works_where_an_event_loop_is_running(provider: Provider) -> None:
    async def notebook() -> int:
        return len(said(model(provider), batches(5)))

    assert asyncio.run(notebook()) == 5


def test_questions_are_drawn_as_they_are_needed(provider: Provider) -> None:
    drawn = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal drawn
        for batch in batches(1_000_000, 100):
            drawn += len(batch)
            yield batch

    answers = ask_all(model(provider), endless(), stores(), run=run())
    heard = len(next(answers))
    answers.close()  # type: ignore[attr-defined]

    assert 0 < heard <= drawn <= 1_100


def test_equal_questions_are_asked_once_and_paid_once(provider: Provider) -> None:
    provider.latency_seconds = 0.05
    same = [(f"u{number}", question("the same")) for number in range(40)]
    keep = MemoryAnswers()

    heard = said(model(provider), iter([same[:20], same[20:]]), stores(keep))

    assert len(provider.asked) == 1
    paid = [what for what in heard.values() if isinstance(what, Answer) and not what.reused]
    assert len(heard) == 40 and len(paid) == 1
    assert {
        (what.calls, what.cost_nano_usd, what.usage.prompt_tokens) for what in heard.values() if what not in paid
    } == {(0, 0, 0)}
    assert keep.spent.questions == 40 and keep.spent.reused == 39 and keep.spent.calls == 1


def test_a_known_answer_costs_nothing_and_waits_for_no_limit(provider: Provider) -> None:
    keep = stores()
    said(model(provider), batches(30), keep)

    heard = said(model(provider, requests_per_minute=1), batches(30), keep, by=run("run2"))

    assert len(provider.asked) == 30
    assert all(isinstance(what, Answer) and what.reused and what.cost_nano_usd == 0 for what in heard.values())


def test_what_another_run_is_asking_is_waited_for(provider: Provider) -> None:
    provider.latency_seconds = 0.3
    keep = stores()
    heard: dict[str, dict[str, object]] = {}
    threads = [
        threading.Thread(
            target=lambda owner=owner: heard.update({owner: said(model(provider), batches(60), keep, by=run(owner))})
        )
        for owner in ("run1", "run2")
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(provider.asked) == 60
    assert {owner: len(what) for owner, what in heard.items()} == {"run1": 60, "run2": 60}


def test_a_question_that_another_run_gave_up_becomes_ours(provider: Provider) -> None:
    provider.latency_seconds = 0.2
    keep = stores()
    wanted = next(batches(1, text="warm up"))
    said(model(provider), iter([wanted]), keep)
    provider.next(slowly(filtered()))
    heard: list[object] = []
    first = threading.Thread(target=lambda: heard.append(said(model(provider), batches(1), keep)["u0"]))

    first.start()
    wait_for(lambda: len(provider.asked) == 2)
    second = said(model(provider), batches(1), keep, by=run("run2"))["u0"]
    first.join()

    assert isinstance(heard[0], Failure)
    assert isinstance(second, Answer) and second.calls == 1


def test_a_malformed_answer_is_mended_once_and_both_calls_are_paid(provider: Provider) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(says('{"explanation": "well", "label": "perhaps"}'))
    keep = stores(answers := MemoryAnswers())

    heard = said(model(provider), batches(1), keep)

    only = heard["u0"]
    assert isinstance(only, Answer) and only.calls == 2
    assert only.usage.prompt_tokens == 240
    assert answers.spent.repairs == 1 and answers.spent.calls == 2


def test_an_answer_that_stays_malformed_is_an_error_after_two_calls(provider: Provider) -> None:
    provider.answer = "perhaps"

    heard = said(model(provider, answers="json_schema"), batches(3))

    assert errors(heard) == {"MalformedAnswer": 3}
    assert {what.calls for what in heard.values() if isinstance(what, Failure)} == {2}
    assert len(provider.asked) == 6


def test_a_content_filter_is_not_tried_again(provider: Provider) -> None:
    provider.answer = "factual"
    said(model(provider), batches(1, text="warm up"))
    provider.next(filtered())

    heard = said(model(provider, max_in_flight=1), batches(3))

    assert sum(errors(heard).values()) == 1
    assert len(provider.asked) == 1 + 3


@pytest.mark.parametrize("fault", [break_down(), break_down(503), reset, half, refuse(0.01)])
def test_what_passes_is_tried_again(provider: Provider, fault: object) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(*[fault] * 3)  # type: ignore[list-item]

    heard = said(model(provider), batches(10))

    assert errors(heard) == {}
    assert len(provider.asked) == 1 + 13


def test_everything_may_fail_and_the_run_still_ends(provider: Provider) -> None:
    provider.next(*[break_down()] * 1_000)

    heard = said(model(provider, max_attempts=2), batches(40))

    assert len(heard) == 40 and sum(errors(heard).values()) == 40


@pytest.mark.parametrize("late", [hang, refuse(0.5)], ids=["hangs", "is refused"])
def test_the_last_call_of_four_may_fail_once_and_the_run_ends(provider: Provider, late: object) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(ordinary(), ordinary(), ordinary(), late)  # type: ignore[arg-type]

    heard = said(model(provider, timeout_seconds=1, max_in_flight=4), batches(4))

    assert len(heard) == 4 and errors(heard) == {}


def test_hung_sockets_hold_up_nothing_but_themselves(provider: Provider) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(*([ordinary()] * 49 + [hang]) * 4)

    heard = said(model(provider, timeout_seconds=1), batches(300))

    assert len(heard) == 300 and errors(heard) == {}


def test_a_refused_key_ends_the_run_after_what_had_arrived_was_handed_out(provider: Provider) -> None:
    provider.latency_seconds = 0.02
    said(model(provider), batches(1, text="warm up"))
    provider.next(*[ordinary()] * 60, *[wrong_key()] * 10_000)
    keep = stores(answers := MemoryAnswers())
    heard: list[str] = []

    with pytest.raises(ProviderError):
        for delivery in ask_all(model(provider), batches(2_000), keep, run=run()):
            heard += [unit for unit, _ in delivery]

    answered = [asked for asked in provider.asked[1:] if asked.status == 200]
    assert len(heard) == len(answers.answers) == len(answered) >= 60
    assert len(provider.asked) < 200
    assert answers.claim([*answers._owners], "another").mine == frozenset(answers._owners)


def test_a_closed_iterator_keeps_what_has_arrived(provider: Provider) -> None:
    provider.latency_seconds = 0.05
    keep = MemoryAnswers()
    answers = ask_all(model(provider), batches(10_000), stores(keep), run=run())

    next(iter(answers))
    answers.close()  # type: ignore[attr-defined]

    answered = sum(asked.status == 200 for asked in provider.asked)
    assert answered == len(keep.answers)
    assert threading.active_count() < 10


def test_an_error_in_what_is_to_be_asked_reaches_the_caller(provider: Provider) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield next(batches(10))
        raise OSError("the lake is gone")

    with pytest.raises(OSError, match="the lake is gone"):
        said(model(provider), broken())


class FullDisk(MemoryAnswers):
    def keep(self, answers: Mapping[str, Answer], spent: Tally, owner: str) -> None:
        if len(self.answers) >= 100:
            raise LedgerError("the disk is full")
        super().keep(answers, spent, owner)


def test_a_store_that_fails_ends_the_run_and_nothing_is_said_that_is_not_kept(provider: Provider) -> None:
    keep = FullDisk()
    heard: list[str] = []

    with pytest.raises(LedgerError, match="the disk is full"):
        for delivery in ask_all(model(provider), batches(5_000), stores(keep), run=run()):
            heard += [unit for unit, _ in delivery]

    assert len(heard) == len(keep.answers) >= 100


def test_a_truncated_question_is_asked_like_any_other(provider: Provider) -> None:
    asked: list[tuple[str, Question]] = [("u0", question("long", truncated=True))]

    assert isinstance(said(model(provider), iter([asked]))["u0"], Answer)


class Hiccup(MemoryAnswers):
    """Cannot end claims the first time, as a database that is locked for too long."""

    fails = True

    def release(self, keys: Collection[str], owner: str) -> None:
        if keys and self.fails:
            self.fails = False
            raise LedgerError("locked")
        super().release(keys, owner)


def test_what_was_spent_is_counted_once_though_a_store_failed_in_between(provider: Provider) -> None:
    said(model(provider), batches(1, text="warm up"))
    provider.next(filtered())
    keep = Hiccup()

    with pytest.raises(LedgerError):
        said(model(provider, max_in_flight=1), batches(10), stores(keep))

    assert (keep.spent.questions, keep.spent.calls) == (10, 9)


def test_an_interrupt_before_the_first_call_leaves_no_thread_behind() -> None:
    @asynccontextmanager
    async def interrupted():  # type: ignore[no-untyped-def]
        _thread.interrupt_main()
        await asyncio.sleep(0.2)
        yield Priced()

    before = threading.active_count()

    with pytest.raises(KeyboardInterrupt):
        list(ask_over(interrupted, model("http://localhost"), batches(1), stores(), run=run()))  # type: ignore[arg-type]

    wait_for(lambda: threading.active_count() == before)


class Priced:
    is_priced = True

    def key(self, question: Question) -> str:
        return str(question.messages)


@pytest.mark.parametrize("logprobs", ["none", {"content": "none"}, {"content": [{"top_logprobs": True}]}, [1]])
def test_strange_probabilities_cost_no_answer(provider: Provider, logprobs: object) -> None:
    strange = {"message": {"content": '{"explanation": "", "label": "factual"}'}, "logprobs": logprobs}
    provider.next(reply(json.dumps({"choices": [strange], "usage": {"prompt_tokens": 5, "completion_tokens": 5}})))

    heard = said(model(provider, answers="json_schema"), iter([[("u0", question("odd", logprobs=True))]]))["u0"]

    assert isinstance(heard, Answer) and heard.probabilities is None
    assert len(provider.asked) == 1
