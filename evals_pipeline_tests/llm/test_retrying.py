from __future__ import annotations

from dataclasses import replace

import pytest

from evals_pipeline.core.calls import Amount, Answer, Failure, Usage
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.llm.replies import Again, Good, Malformed, Never, Reply
from evals_pipeline.llm.retrying import REFUSED_FOR_SECONDS, Attempts, OutageWatch, Pause, charged

ANSWER = Answer("factual", None, "m", Usage(100, 10), 500, 20.0)
MALFORMED = Malformed("perhaps", "the label is not allowed", Usage(90, 9), 400)
BROKEN = Again("APIConnectionError", "connection reset", may_be_charged=True)
REFUSED = Again("RateLimitError", "slow down", retry_after=1.0, is_refusal=True)


def test_an_answer_is_final() -> None:
    attempts = Attempts(6)

    assert attempts.after(Good(ANSWER), 0.0) is ANSWER
    assert (attempts.tally.calls, attempts.tally.nano_usd) == (1, 500)


def test_back_off_grows_and_is_jittered() -> None:
    pauses = [[step.seconds for _ in range(9) if isinstance(step := tries.after(BROKEN, 0.0), Pause)] for tries in [Attempts(50) for _ in range(200)]]  # fmt: skip  # noqa: E501

    for number, most in enumerate([0.5, 1, 2, 4, 8, 16, 32, 60, 60]):
        waits = [each[number] for each in pauses]
        assert 0 <= min(waits) < 0.2 * most
        assert 0.8 * most < max(waits) <= most


def test_after_the_last_attempt_it_is_a_failure() -> None:
    attempts = Attempts(3)

    steps = [attempts.after(BROKEN, 0.0) for _ in range(3)]

    assert [type(step) for step in steps] == [Pause, Pause, Failure]
    assert isinstance(steps[2], Failure) and steps[2].error_type == "APIConnectionError"
    assert "tried 3 times" in steps[2].message
    assert attempts.tally.retries == 2


def test_a_refusal_waits_as_long_as_the_provider_says_and_is_no_attempt() -> None:
    attempts = Attempts(1)

    steps = [attempts.after(REFUSED, float(now)) for now in range(50)]

    assert all(isinstance(step, Pause) and 1.0 <= step.seconds <= 1.2 for step in steps)
    assert attempts.tally.refusals == 50
    assert attempts.after(Good(ANSWER), 60.0) is ANSWER


def test_a_question_that_is_refused_for_long_is_given_up() -> None:
    attempts = Attempts(6)
    attempts.after(REFUSED, 10.0)

    given_up = attempts.after(REFUSED, 10.0 + REFUSED_FOR_SECONDS)

    assert isinstance(given_up, Failure) and given_up.error_type == "RateLimitError"


def test_a_malformed_answer_is_repaired_once_and_all_calls_are_paid() -> None:
    attempts = Attempts(6)

    first, last = attempts.after(MALFORMED, 0.0), attempts.after(Good(ANSWER), 0.0)

    assert first == Pause(0.0) and attempts.repair is MALFORMED
    assert isinstance(last, Answer)
    assert (last.calls, last.usage, last.cost_nano_usd) == (2, Usage(190, 19), 900)


def test_a_second_malformed_answer_is_a_failure_that_says_what_was_said() -> None:
    attempts = Attempts(6)
    attempts.after(MALFORMED, 0.0)

    failure = attempts.after(MALFORMED, 0.0)

    assert isinstance(failure, Failure) and failure.error_type == "MalformedAnswer"
    assert "perhaps" in failure.message and (failure.calls, failure.cost_nano_usd) == (2, 800)


def test_a_malformed_answer_without_budget_for_a_repair_has_been_paid() -> None:
    attempts = Attempts(6)
    attempts.after(MALFORMED, 0.0)

    failure = attempts.unrepaired("day")

    assert failure is not None and (failure.error_type, failure.calls) == ("MalformedAnswer", 1)
    assert "day budget" in failure.message


def test_what_would_fail_again_is_a_failure_at_once() -> None:
    failure = Attempts(6).after(Never(Failure("BadRequestError", "too long")), 0.0)

    assert isinstance(failure, Failure) and failure.error_type == "BadRequestError"


def test_an_unknown_price_stays_unknown() -> None:
    attempts = Attempts(6)
    attempts.after(Malformed("x", "y", Usage(1, 1), None), 0.0)

    answer = attempts.after(Good(ANSWER), 0.0)

    assert isinstance(answer, Answer) and answer.cost_nano_usd is None
    assert attempts.tally.unpriced == 1


@pytest.mark.parametrize(
    ("reply", "spent"),
    [
        (Good(ANSWER), Amount(500, 110)),
        (MALFORMED, Amount(400, 99)),
        (REFUSED, Amount()),
        (BROKEN, Amount(9_000, 999)),
        (Never(Failure("BadRequestError", "too long")), Amount()),
    ],
    ids=["an answer", "a malformed one", "a refusal", "a broken connection", "a bad request"],
)
def test_what_may_have_been_charged_counts_as_charged(reply: Reply, spent: Amount) -> None:
    assert charged(reply, Amount(9_000, 999)) == spent


def test_many_calls_in_vain_for_two_minutes_are_an_outage() -> None:
    watch = OutageWatch()

    with pytest.raises(ProviderError, match="has not answered 61 calls in a row"):
        for number in range(100):
            watch.after(BROKEN, number * 2.0)


def test_one_answer_shows_that_it_is_no_outage() -> None:
    watch = OutageWatch()

    for number in range(1_000):
        watch.after(Good(ANSWER) if number % 50 == 0 else BROKEN, number * 2.0)


def test_a_few_calls_in_vain_are_no_outage_however_long() -> None:
    watch = OutageWatch()

    for number in range(40):
        watch.after(BROKEN, number * 60.0)


def test_refusals_of_every_call_end_the_run_only_after_a_quarter_of_an_hour() -> None:
    watch = OutageWatch()
    for number in range(890):
        watch.after(REFUSED, float(number))

    with pytest.raises(ProviderError):
        watch.after(REFUSED, 900.0)


def test_no_question_waits_longer_than_it_may_be_refused() -> None:
    tomorrow = Again("RateLimitError", "daily limit reached", retry_after=80_000.0, is_refusal=True)
    attempts = Attempts(6)

    first, later = attempts.after(tomorrow, 0.0), attempts.after(tomorrow, 600.0)

    assert isinstance(first, Pause) and first.seconds <= 1.2 * REFUSED_FOR_SECONDS
    assert isinstance(later, Pause) and later.seconds <= 1.2 * (REFUSED_FOR_SECONDS - 600)
    assert isinstance(attempts.after(tomorrow, 600.0 + later.seconds), Failure)


def test_a_call_whose_use_is_not_told_counts_in_full() -> None:
    most = Amount(1_000, 500)
    untold = replace(ANSWER, usage=Usage(), cost_nano_usd=None)
    too_long = Failure("APIResponseValidationError", "too long", cost_nano_usd=None, calls=1)

    assert charged(Good(untold), most) == most
    assert charged(replace(MALFORMED, usage=Usage(), cost_nano_usd=None), most) == most
    assert charged(Never(too_long), most) == most
    assert charged(Good(replace(ANSWER, cost_nano_usd=None)), Amount(0, 500)) == Amount(0, 110)
