"""What judges cost, by run, task, day and evaluator; and how long their answers stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from evals_pipeline.core.calls import Tally, Usage
from evals_pipeline.core.errors import LedgerError
from evals_pipeline.ledger import spending
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.ledger import Ledger, RunKey
from evals_pipeline_tests.builders import DAY
from evals_pipeline_tests.ledger.parts import RUN, Clock, answer, key, keys

SPENT = Tally(10, 4, 7, 1, 2, 3, 5, Usage(3_000, 500, 2_000, 200), 2**53 + 1)


def spend(ledger: Ledger, run: RunKey = RUN, evaluator: str = "hallucination", tally: Tally = SPENT) -> None:
    JudgeAnswers(ledger.database, run, evaluator).keep({}, tally, "a")


def test_what_was_spent_is_summed_up_per_evaluator(ledger: Ledger) -> None:
    spend(ledger)
    spend(ledger)
    spend(ledger, evaluator="toxicity")

    assert ledger.spending(run_id="r1") == {"hallucination": SPENT + SPENT, "toxicity": SPENT}


def test_spending_is_found_by_run_project_task_and_day(ledger: Ledger) -> None:
    next_day = DAY + timedelta(days=1)
    runs = [
        RUN,
        replace(RUN, run_id="r2"),
        replace(RUN, task="other"),
        replace(RUN, project="p"),
        replace(RUN, day=next_day),
    ]
    for run in runs:
        spend(ledger, run)

    found = {
        "all": ledger.spending(),
        "run": ledger.spending(run_id="r2"),
        "task": ledger.spending(task="other"),
        "project": ledger.spending(project="p"),
        "day": ledger.spending(day=next_day),
        "one": ledger.spending(run_id="r1", project="shop", task="quality", day=DAY),
        "nothing": ledger.spending(run_id="r2", task="other"),
    }

    questions = {name: sum(tally.questions for tally in of.values()) for name, of in found.items()}
    assert questions == {"all": 50, "run": 10, "task": 10, "project": 10, "day": 10, "one": 10, "nothing": 0}


def test_runs_are_told_what_they_cost_in_all(ledger: Ledger) -> None:
    spend(ledger)
    spend(ledger, evaluator="toxicity")
    spend(ledger, replace(RUN, day=DAY + timedelta(days=1)))
    spend(ledger, replace(RUN, run_id="r2"))
    spend(ledger, replace(RUN, run_id="r3"))

    found = ledger.spending_of_runs(["r1", "r2", "cost nothing"])

    assert found == {("r1", "shop", "quality"): SPENT + SPENT + SPENT, ("r2", "shop", "quality"): SPENT}
    assert ledger.spending_of_runs([]) == {}


def test_a_second_attempt_adds_to_what_the_first_one_spent(ledger: Ledger, clock: Clock) -> None:
    spend(ledger)
    ledger.start_run(RUN, {}, now=clock())

    spend(ledger)

    assert ledger.spending(run_id="r1") == {"hallucination": SPENT + SPENT}


def test_a_run_that_asked_nothing_has_no_account(ledger: Ledger) -> None:
    spend(ledger, tally=Tally())

    assert ledger.spending() == {}


def test_answers_are_forgotten_by_age_and_asked_again_then(
    url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "_FORGOTTEN_AT_ONCE", 3)
    database, ledger = Database(url, now=clock), Ledger(url)
    answers = JudgeAnswers(database, RUN, "hallucination")
    answers.keep(dict.fromkeys(keys(7), answer()), Tally(), "a")
    clock.pass_by(10)
    answers.keep({key(7): answer()}, Tally(), "a")

    forgotten = [ledger.forget_answers(clock()), ledger.forget_answers(clock())]

    claims = answers.claim(keys(8), "a")
    database.close()
    ledger.close()
    assert forgotten == [7, 0]
    assert (set(claims.answers), claims.mine) == ({key(7)}, set(keys(7)))


def test_a_moment_without_a_zone_is_refused(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(LedgerError, match="no time zone"):
        ledger.forget_answers(clock().replace(tzinfo=None))
