"""Answers of models: found, claimed, kept, and carried over to the next attempt of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from evals_pipeline.core.calls import Answer, Claims, Tally, Usage
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.known_answers import known_answers
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline_tests.builders import DAY
from evals_pipeline_tests.ledger.parts import RUN, USAGE, Clock, answer, key, keys

REUSED = answer(usage=Usage(), cost_nano_usd=0, latency_ms=None, calls=0, reused=True)
OTHER_RUN = replace(RUN, run_id="r2")


def store(database: Database, run: RunKey = RUN, evaluator: str = "hallucination") -> JudgeAnswers:
    return JudgeAnswers(database, run, evaluator)


def test_keys_that_nobody_knows_are_the_callers(database: Database) -> None:
    claims = store(database).claim(keys(3), "a")

    assert claims == Claims({}, frozenset(keys(3)))


def test_nothing_is_asked_for_nothing(database: Database) -> None:
    assert store(database).claim([], "a") == Claims({}, frozenset())


def test_what_another_asks_at_the_moment_is_neither_known_nor_to_be_asked(database: Database) -> None:
    store(database).claim(keys(3), "a")

    claims = store(database, OTHER_RUN).claim(keys(5), "b")

    assert claims == Claims({}, frozenset(keys(2, start=3)))


def test_an_answer_comes_back_to_other_runs_as_reused_and_free(database: Database) -> None:
    payer = store(database)
    payer.claim([key()], "a")
    payer.keep({key(): answer()}, Tally(questions=1), "a")

    claims = store(database, OTHER_RUN).claim([key(), key(1)], "b")

    assert claims == Claims({key(): REUSED}, frozenset([key(1)]))


@pytest.mark.parametrize(
    "changed",
    [{"run_id": "r2"}, {"project": "other"}, {"task": "other"}, {"day": DAY + timedelta(days=1)}],
    ids=lambda changed: next(iter(changed)),
)
def test_an_answer_is_paid_for_in_one_run_project_task_and_day(database: Database, changed: dict[str, object]) -> None:
    store(database).keep({key(): answer()}, Tally(), "a")

    claims = store(database, replace(RUN, **changed)).claim([key()], "b")

    assert claims.answers == {key(): REUSED}


def test_an_answer_is_paid_for_by_one_evaluator(database: Database) -> None:
    store(database).keep({key(): answer()}, Tally(), "a")

    assert store(database, evaluator="toxicity").claim([key()], "b").answers == {key(): REUSED}


def test_the_next_attempt_of_a_run_finds_answers_as_they_were_paid_but_each_cost_once(database: Database) -> None:
    store(database).keep({key(): answer(), key(1): answer("hallucinated")}, Tally(), "a")

    second = store(database)
    first_batch, later_batch = second.claim([key()], "a"), second.claim(keys(2), "a")
    third = store(database).claim(keys(2), "a")

    assert first_batch.answers == {key(): answer()}
    assert later_batch.answers == {key(): REUSED, key(1): answer("hallucinated")}
    assert third.answers == {key(): answer(), key(1): answer("hallucinated")}


def test_an_equal_question_later_in_the_same_attempt_is_free(database: Database) -> None:
    answers = store(database)
    answers.keep({key(): answer()}, Tally(), "a")

    assert answers.claim([key()], "a").answers == {key(): REUSED}


@pytest.mark.parametrize(
    "kept",
    [
        answer(explanation=None, cost_nano_usd=None, latency_ms=None, probabilities=None, request_id=None),
        answer("J\u00e4 '; -- \U0001f600", explanation="%s :name {x} \u2028" + "x" * 20_000, cost_nano_usd=2**53 + 1),
        answer(usage=Usage(2**40, 2**41, 2**42, 2**43), model="m" * 1_000, request_id="r" * 1_000),
    ],
    ids=["bare", "odd texts", "large"],
)
def test_an_answer_is_kept_as_it_is(database: Database, kept: Answer) -> None:
    store(database).keep({key(): kept}, Tally(), "a")

    assert store(database).claim([key()], "a").answers == {key(): kept}


def test_texts_that_no_database_takes_are_mended_rather_than_lost(database: Database) -> None:
    store(database).keep({key(): answer(explanation="a\x00b\ud83dc")}, Tally(), "a")

    assert store(database).claim([key()], "a").answers == {key(): answer(explanation="a\ufffdb?c")}


def test_the_first_answer_to_a_question_that_was_asked_twice_stays(database: Database) -> None:
    store(database).keep({key(): answer("factual")}, Tally(questions=1), "a")

    store(database, OTHER_RUN).keep({key(): answer("hallucinated")}, Tally(questions=1), "b")

    assert store(database).claim([key()], "a").answers[key()].label == "factual"


def test_a_thousand_keys_are_claimed_kept_and_found_at_once(database: Database) -> None:
    answers = store(database)
    assert len(answers.claim(keys(1_000), "a").mine) == 1_000
    answers.keep(dict.fromkeys(keys(1_000), answer()), Tally(), "a")
    answers.release(keys(1_000), "a")

    claims = store(database, OTHER_RUN).claim(keys(1_100), "b")

    assert (len(claims.answers), len(claims.mine)) == (1_000, 100)


def test_claims_end_when_answers_are_kept_or_given_up(database: Database) -> None:
    answers = store(database)
    answers.claim(keys(4), "a")

    answers.keep({key(0): answer()}, Tally(), "a")
    answers.release([key(1)], "a")

    claims = store(database, OTHER_RUN).claim(keys(4), "b")
    assert (set(claims.answers), claims.mine) == ({key(0)}, {key(1)})


def test_nobody_ends_the_claims_of_another(database: Database) -> None:
    store(database).claim(keys(2), "a")

    store(database, OTHER_RUN).release(keys(2), "b")

    assert store(database, OTHER_RUN).claim(keys(2), "c").mine == frozenset()


def test_a_claim_is_still_the_owners_own_when_it_claims_again(database: Database) -> None:
    answers = store(database)
    answers.claim(keys(2), "a")

    assert answers.claim(keys(3), "a").mine == set(keys(3))


def test_claims_lapse_half_a_minute_after_their_owner_fell_silent(database: Database, clock: Clock) -> None:
    store(database).claim(keys(2), "a")
    other = store(database, OTHER_RUN)

    clock.pass_by(30)
    in_time = other.claim(keys(2), "b").mine
    clock.pass_by(1)
    late = other.claim(keys(2), "b").mine

    assert (in_time, late) == (frozenset(), frozenset(keys(2)))


@pytest.mark.parametrize("method", ["claim", "keep", "release"])
def test_any_call_renews_all_claims_of_the_owner(database: Database, clock: Clock, method: str) -> None:
    answers = store(database)
    answers.claim(keys(2), "a")
    clock.pass_by(25)

    match method:
        case "claim":
            answers.claim([key(9)], "a")
        case "keep":
            answers.keep({}, Tally(), "a")
        case _:
            answers.release([], "a")

    clock.pass_by(25)
    assert store(database, OTHER_RUN).claim(keys(2), "b").mine == frozenset()


def test_a_killed_attempts_claims_lapse_although_the_next_attempt_has_the_same_owner(
    database: Database, clock: Clock
) -> None:
    store(database).claim(keys(2), "run r1")
    again = store(database)

    at_once = again.claim(keys(2), "run r1").mine
    clock.pass_by(25)
    again.release([], "run r1")
    clock.pass_by(6)
    later = again.claim(keys(2), "run r1").mine

    assert (at_once, later) == (frozenset(), frozenset(keys(2)))


def test_lapsed_claims_and_their_owners_leave_nothing_behind(database: Database, clock: Clock) -> None:
    for number in range(5):
        store(database).claim([key(number)], "gone")
    clock.pass_by(31)

    store(database).claim([key(9)], "here")

    with database.begin() as connection:
        rows = [
            connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar()
            for table in ("claims", "claim_owners")
        ]
    assert rows == [1, 1]


def test_who_only_wants_to_know_what_is_answered_claims_nothing(database: Database) -> None:
    store(database).keep(dict.fromkeys(keys(600), answer()), Tally(), "a")

    known = known_answers(database, keys(1_200, start=100))

    assert known == set(keys(500, start=100))
    assert known_answers(database, []) == set()
    assert store(database).claim(keys(700, start=600), "b").mine == set(keys(700, start=600))


def test_nothing_of_what_was_asked_is_stored(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    store(database).keep({key(): answer()}, Tally(questions=1, usage=USAGE), "a")

    with database.begin() as connection:
        columns = {column["name"] for column in sa.inspect(connection).get_columns("judge_answers")}

    database.close()
    assert not columns & {"messages", "prompt", "question", "template", "values"}
