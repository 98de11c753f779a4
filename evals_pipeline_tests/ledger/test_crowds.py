"""Several processes at the judges' tables at once, and some of them killed."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.synchronize import Barrier

import sqlalchemy as sa

from evals_pipeline.core.calls import Amount, BudgetLimit, Tally
from evals_pipeline.ledger.board import Board
from evals_pipeline.ledger.budgets import Budgets
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.judge_answers import JudgeAnswers
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline_tests.builders import now
from evals_pipeline_tests.ledger.parts import RUN, Clock, answer, exit_code_of, in_processes, key, keys

ROUNDS = 10
STATEMENTS_OF_A_KEEP = range(20)


def test_of_many_processes_that_claim_the_same_keys_each_key_goes_to_one(url: str) -> None:
    Database(url).close()

    taken = in_processes(_claim, *((url, f"p{number}") for number in range(4)))

    assert sorted(key for mine in taken for key in mine) == sorted(keys(300))


def test_of_many_processes_that_find_claims_lapsed_each_key_goes_to_one(url: str) -> None:
    clock = Clock()
    database = Database(url, now=clock)
    JudgeAnswers(database, RUN, "hallucination").claim(keys(300), "killed")
    database.close()

    taken = in_processes(_claim, *((url, f"p{number}") for number in range(4)))

    assert sorted(key for mine in taken for key in mine) == sorted(keys(300))


def test_of_many_threads_that_claim_the_same_keys_each_key_goes_to_one(database: Database) -> None:
    answers = JudgeAnswers(database, RUN, "hallucination")

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(partial(answers.claim, keys(100)), (f"t{number}" for number in range(8))))

    assert sorted(key for claims in taken for key in claims.mine) == sorted(keys(100))


def test_no_key_is_asked_twice_while_processes_keep_what_others_look_up(url: str) -> None:
    Database(url).close()

    asked = in_processes(_ask_all, *((url, f"p{number}") for number in range(4)))

    assert sorted(key for mine in asked for key in mine) == sorted(keys(200))


def test_a_process_that_is_killed_while_it_keeps_answers_keeps_all_or_none(url: str) -> None:
    Database(url).close()
    codes, kept = [], []

    for statement in STATEMENTS_OF_A_KEEP:
        codes.append(exit_code_of(_die_keeping, url, statement))
        kept.append(_what_is_kept(url, statement))
        if codes[-1] == 0:
            break

    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 5
    assert set(kept[:-1]) <= {(0, 0)}
    assert kept[-1] == (50, 50)


def test_judges_runs_budgets_and_boards_work_on_the_ledger_at_once(url: str) -> None:
    Database(url).close()

    in_processes(_work, *((url, number) for number in range(4)))

    ledger = Ledger(url)
    spent, accounts = ledger.spending(), Budgets(ledger.database).spent(["day"])
    (topic,), runs = Board(ledger.database).topics(), ledger.runs()
    ledger.close()
    assert spent["hallucination"].questions == 4 * ROUNDS * 50
    assert accounts == {"day": Amount(4 * ROUNDS * 3, 4 * ROUNDS * 2)}
    assert topic.state == {"count": 4 * ROUNDS}
    assert {run.status for run in runs} == {"finished"}


def _claim(url: str, owner: str, together: Barrier) -> list[str]:
    database = Database(url)
    together.wait()
    mine = JudgeAnswers(database, RUN, "hallucination").claim(keys(300), owner).mine
    database.close()
    return list(mine)


def _ask_all(url: str, owner: str, together: Barrier) -> list[str]:
    """Ask every key that nobody else asks, a few at a time, until all are answered; returns what was asked here."""
    database = Database(url)
    answers = JudgeAnswers(database, RUN, "hallucination")
    asked: list[str] = []
    together.wait()
    while True:
        claims = answers.claim(keys(200), owner)
        if len(claims.answers) == 200:
            break
        mine = sorted(claims.mine)
        answers.release(mine[20:], owner)
        answers.keep(dict.fromkeys(mine[:20], answer()), Tally(), owner)
        asked += mine[:20]
    database.close()
    return asked


def _die_keeping(url: str, statement: int) -> None:
    """Keep fifty answers, but be killed before the statement of that number, the commit being the last one."""
    database = Database(url)
    answers = JudgeAnswers(database, replace(RUN, run_id=f"r{statement}"), "hallucination")
    answers.claim(_keys_of(statement), "a")
    left = statement

    def count(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)
    answers.keep(dict.fromkeys(_keys_of(statement), answer()), Tally(questions=50), "a")


def _keys_of(statement: int) -> list[str]:
    return keys(50, start=100 * statement)


def _what_is_kept(url: str, statement: int) -> tuple[int, int]:
    """Answers kept, and questions on the account."""
    ledger = Ledger(url)
    found = JudgeAnswers(ledger.database, RUN, "toxicity").claim(_keys_of(statement), "b").answers
    spent = ledger.spending(run_id=f"r{statement}")
    ledger.close()
    return len(found), sum(tally.questions for tally in spent.values())


def _work(url: str, number: int, together: Barrier) -> None:
    ledger = Ledger(url)
    board, budgets = Board(ledger.database), Budgets(ledger.database)
    run = replace(RUN, run_id=f"r{number}")
    answers = JudgeAnswers(ledger.database, run, "hallucination")
    day = [BudgetLimit("day", "day", None, None)]
    together.wait()
    for turn in range(ROUNDS):
        ledger.start_run(run, {}, now=now())
        mine = keys(50, start=10_000 * number + 50 * turn)
        answers.claim([*mine, key(-turn)], f"o{number}")
        budgets.reserve(day, Amount(5, 5))
        board.exchange("quota", f"o{number}", {}, lambda state, _: {"count": state.get("count", 0) + 1})
        answers.keep(dict.fromkeys(mine, answer()), Tally(questions=50), f"o{number}")
        budgets.give_back(day, Amount(2, 3))
        ledger.finish_run(run, {}, None, now=now())
    ledger.close()
