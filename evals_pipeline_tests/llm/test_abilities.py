"""What an endpoint can do is found out once, by the first question, and remembered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from evals_pipeline.core.calls import Amount, Usage
from evals_pipeline.ledger.board import Board as LedgerBoard
from evals_pipeline.ledger.database import Database
from evals_pipeline.llm.abilities import Abilities
from evals_pipeline.llm.endpoint import Endpoint
from evals_pipeline.llm.replies import Again, Good, Malformed, Never
from evals_pipeline_tests.llm import provider as acts
from evals_pipeline_tests.llm.endpoints import answer, board, model, question, replies, reply
from evals_pipeline_tests.llm.provider import Provider

PRICE = {"input": 1, "output": 1}
COST = 150_000


def forms(provider: Provider) -> list[str]:
    return [each.form for each in provider.asked]


@pytest.mark.parametrize("objects", ["ignore", 400, 422, 500])
@pytest.mark.parametrize(("supports", "form"), [(("json_schema",), "json_schema"), (("tool",), "tool"), ((), "text")])
def test_the_first_question_finds_the_form_and_later_runs_know_it(
    provider: Provider, supports: Iterable[str], form: str, objects: str | int
) -> None:
    provider.supports, provider.objects, provider.answer = frozenset(supports), objects, "hallucinated"
    memory = board()

    first = answer(model(provider), on=memory)
    tried = forms(provider)
    later = replies(model(provider), question("a"), question("b"), on=memory)

    assert (first.label, first.explanation) == ("hallucinated", "Because the text says so.")
    assert tried == ["json_schema", "tool", "text"][: len(tried)] and tried[-1] == form
    assert forms(provider)[len(tried) :] == [form, form]
    assert all(isinstance(each, Good) for each in later)


def test_many_first_questions_wait_for_one_to_find_out(provider: Provider) -> None:
    provider.supports = frozenset({"tool"})

    found = replies(model(provider), *(question(f"{n}?") for n in range(40)), at_once=True)

    assert all(isinstance(each, Good) for each in found)
    assert forms(provider) == ["json_schema"] + ["tool"] * 40


def test_what_finding_out_took_is_part_of_the_first_answer(provider: Provider) -> None:
    provider.supports = frozenset()

    first = answer(model(provider, price=PRICE))

    assert (first.calls, first.usage, first.cost_nano_usd) == (3, Usage(360, 90), 3 * COST)


def test_finding_out_that_is_cut_short_may_be_charged(provider: Provider) -> None:
    provider.supports = frozenset({"tool"})
    provider.next(acts.ordinary(), acts.break_down(503))

    found = reply(model(provider))

    assert isinstance(found, Again)
    assert found.may_be_charged


def test_the_bound_on_a_call_counts_a_call_for_each_form_until_the_form_is_known(provider: Provider) -> None:
    memory = board()
    before = Endpoint(model(provider, price=PRICE), memory, owner="o", environment={}).most(question())

    known = Endpoint(model(provider, price=PRICE, answers="tool"), memory, owner="o", environment={}).most(question())

    assert before.tokens > 2 * known.tokens > 2 * (300 + len("Is it right?"))
    assert before.nano_usd > 2 * known.nano_usd > 0


def test_a_form_that_the_user_names_is_used_without_finding_out(provider: Provider) -> None:
    memory = board()

    answer(model(provider, answers="text"), on=memory)
    answer(model(provider), on=memory)

    assert forms(provider) == ["text", "json_schema"]


def test_a_named_form_that_the_endpoint_refuses_fails_the_question_and_says_so(provider: Provider) -> None:
    provider.supports, provider.objects = frozenset(), 500

    found = reply(model(provider, answers="json_schema"))

    assert isinstance(found, Never)
    assert "answers as json_schema are refused: response_format" in found.failure.message


def test_one_server_error_does_not_cost_an_endpoint_its_schema(provider: Provider) -> None:
    provider.next(acts.break_down())
    memory = board()

    found = replies(model(provider), question("a"), question("b"), on=memory)

    assert isinstance(found[0], Again) and isinstance(found[1], Good)
    assert forms(provider) == ["json_schema", "json_schema"]


def test_an_outage_that_ends_while_another_form_is_tried_does_not_either(provider: Provider) -> None:
    provider.next(acts.break_down(), acts.break_down())
    memory = board()

    first, second, third = replies(model(provider, price=PRICE), *[question()] * 3, on=memory)

    assert isinstance(first, Again) and isinstance(second, Good) and isinstance(third, Good)
    assert forms(provider) == ["json_schema", "json_schema", "tool", "json_schema", "json_schema"]
    assert (second.answer.calls, second.answer.cost_nano_usd) == (2, 2 * COST)


def test_a_server_error_that_always_meets_one_form_is_taken_for_an_objection(provider: Provider) -> None:
    provider.supports = frozenset({"tool"})
    provider.next(acts.break_down(), acts.break_down(), acts.ordinary(), acts.break_down())
    memory = board()

    first, second, third = replies(model(provider), *[question()] * 3, on=memory)

    assert isinstance(first, Again) and isinstance(second, Good) and isinstance(third, Good)
    assert forms(provider)[-1] == "tool"


def test_a_form_that_turns_out_to_be_ignored_while_it_was_suspected_is_paid_for(provider: Provider) -> None:
    provider.supports = frozenset({"tool"})
    provider.next(acts.break_down(), acts.break_down())

    first, second = replies(model(provider, price=PRICE), question(), question())

    assert isinstance(first, Again) and isinstance(second, Good)
    assert forms(provider) == ["json_schema", "json_schema", "tool", "json_schema"]
    assert (second.answer.calls, second.answer.cost_nano_usd) == (2, 2 * COST)


def test_a_suspected_form_that_cannot_be_tried_again_is_left_to_the_next_question(provider: Provider) -> None:
    provider.next(acts.break_down(), acts.break_down(), acts.ordinary(), acts.refuse())

    replies(model(provider), *[question()] * 3)

    assert forms(provider) == ["json_schema", "json_schema", "tool", "json_schema", "json_schema"]


def test_empty_answers_before_an_outage_prove_nothing(provider: Provider) -> None:
    provider.next(acts.says(""), acts.break_down(503), acts.refuse(), acts.break_down())
    provider.supports = frozenset({"tool"})

    found = replies(model(provider), *[question()] * 5)

    assert isinstance(found[-1], Good)
    assert forms(provider)[-2:] == ["json_schema", "tool"]


def test_abilities_on_a_ledger_are_there_for_the_next_process(provider: Provider, tmp_path: Path) -> None:
    provider.supports = frozenset()
    provider.next(acts.unsupported("temperature"))

    for _ in range(2):
        database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
        answer(model(provider), on=LedgerBoard(database))
        database.close()

    assert forms(provider) == ["json_schema", "json_schema", "tool", "text", "text"]
    assert ["temperature" in each.body for each in provider.asked] == [True, False, False, False, False]


def test_nothing_is_concluded_from_an_outage_of_everything(provider: Provider) -> None:
    provider.next(*[acts.break_down()] * 9)
    memory = board()

    found = replies(model(provider), *[question()] * 6, on=memory)

    assert [type(each) for each in found][-1] is Good
    assert forms(provider)[-1] == "json_schema"
    assert all(isinstance(each, Again) for each in found[:3])


@pytest.mark.parametrize(
    "act",
    [acts.refuse(), acts.hang, acts.reset, acts.half, acts.filtered(), acts.error(400, "context window exceeded")],
    ids=["429", "hang", "reset", "half", "filter", "too long"],
)
def test_what_has_nothing_to_do_with_the_form_leaves_it_to_the_next_question(provider: Provider, act: acts.Act) -> None:
    provider.next(act)

    first, second = replies(model(provider, timeout_seconds=1), question("a"), question("b"))

    assert isinstance(first, Again | Never) and isinstance(second, Good)
    assert forms(provider) == ["json_schema", "json_schema"]


def test_a_schema_that_one_question_alone_cannot_have_is_not_held_against_the_endpoint(provider: Provider) -> None:
    memory = board()
    answer(model(provider), on=memory)
    provider.next(acts.error(400, "json_schema: enum values must be short", param="response_format"))

    odd, ordinary = replies(model(provider), question("odd"), question("ordinary"), on=memory)

    assert isinstance(odd, Good) and isinstance(ordinary, Good)
    assert forms(provider) == ["json_schema", "json_schema", "tool", "json_schema"]


def test_endpoints_that_only_give_empty_answers_do_not_keep_the_others_waiting_for_ever(provider: Provider) -> None:
    provider.next(*[acts.says("")] * 4)

    found = replies(model(provider), *[question()] * 4)

    assert all(isinstance(each, Malformed) for each in found)
    assert forms(provider) == ["json_schema"] * 4


def test_waiting_for_the_first_answer_ends_with_the_time_out(provider: Provider) -> None:
    provider.next(acts.hang)

    found = replies(model(provider, timeout_seconds=0.5), *(question(f"{n}") for n in range(5)), at_once=True)

    assert [type(each) for each in found].count(Again) >= 1
    assert sum(each.may_be_charged for each in found if isinstance(each, Again)) == 1


@pytest.mark.parametrize("parameter", ["temperature", "seed", "top_p", "reasoning_effort"])
def test_a_parameter_that_a_model_does_not_take_is_left_out_from_then_on(provider: Provider, parameter: str) -> None:
    provider.next(acts.unsupported(parameter))
    spec = model(provider, seed=1, top_p=0.5, reasoning_effort="low")
    memory = board()

    replies(spec, question("a"), question("b"), on=memory)
    replies(spec, question("c"), on=memory)

    assert [parameter in each.body for each in provider.asked] == [True, False, False, False]


def test_openais_words_for_a_temperature_it_does_not_take_are_understood(provider: Provider) -> None:
    message = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."
    provider.next(acts.error(400, message, code="unsupported_value", param="temperature"))

    answer(model(provider))

    assert "temperature" not in provider.asked[-1].body


def test_a_value_out_of_range_is_the_users_to_mend(provider: Provider) -> None:
    provider.next(acts.error(400, "temperature must be between 0 and 1", param="temperature"))

    found = reply(model(provider, temperature=2, answers="json_schema"))

    assert isinstance(found, Never)
    assert "between 0 and 1" in found.failure.message


@pytest.mark.parametrize(("first", "then"), [("max_tokens", "max_completion_tokens")])
def test_the_limit_on_length_goes_by_its_other_name_where_the_first_is_refused(
    provider: Provider, first: str, then: str
) -> None:
    provider.next(acts.unsupported(first))
    memory = board()

    replies(model(provider), question("a"), on=memory)
    replies(model(provider), question("b"), on=memory)

    assert [(first in each.body, then in each.body) for each in provider.asked] == [
        (True, False), (False, True), (False, True),
    ]  # fmt: skip


def test_without_any_limit_on_length_nothing_is_asked(provider: Provider) -> None:
    provider.next(acts.unsupported("max_tokens"), acts.unsupported("max_completion_tokens"))

    found = reply(model(provider, answers="json_schema"))

    assert isinstance(found, Never)
    assert len(provider.asked) == 2


def test_many_at_once_that_meet_the_same_unknown_parameter_all_get_through(provider: Provider) -> None:
    provider.latency_seconds = 0.05
    provider.next(*[acts.unsupported("temperature")] * 10)

    found = replies(model(provider, answers="tool"), *(question(f"{n}") for n in range(10)), at_once=True)

    assert all(isinstance(each, Good) for each in found)


@pytest.mark.parametrize("objects", ["ignore", 400])
def test_when_another_server_takes_an_address_over_its_form_is_found_out_anew(
    provider: Provider, objects: str | int
) -> None:
    memory = board()
    answer(model(provider), on=memory)
    provider.supports, provider.objects = frozenset({"tool"}), objects

    replies(model(provider), *(question(f"{n}") for n in range(6)), on=memory)
    asked = len(provider.asked)
    later = answer(model(provider), on=memory)

    assert later.label == "factual"
    assert forms(provider)[asked:] == ["tool"]


def test_a_bad_request_that_does_not_blame_the_form_is_sent_once(provider: Provider) -> None:
    memory = board()
    answer(model(provider), on=memory)
    provider.next(acts.error(400, "messages are wrong"))

    found = reply(model(provider), on=memory)

    assert isinstance(found, Never)
    assert len(provider.asked) == 2


def test_what_another_version_wrote_on_the_board_does_no_harm() -> None:
    found = Abilities.from_json({"form": "telepathy", "without": "x", "length_field": 3, "more": {}})

    assert found == Abilities()


def test_an_estimate_is_below_the_bound_and_costs_nothing_where_no_price_is_known(provider: Provider) -> None:
    endpoint = Endpoint(model(provider), board(), owner="o", environment={})

    estimate, most = endpoint.estimate(question()), endpoint.most(question())

    assert 0 < estimate.tokens < most.tokens
    assert (estimate.nano_usd, most.nano_usd, endpoint.is_priced) == (0, 0, False)
    assert isinstance(estimate, Amount)
