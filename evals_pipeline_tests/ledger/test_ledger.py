"""What the ledger remembers of files, runs, outcomes and progress."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.ledger.ledger import FileRead, Ledger, Progress, RunKey, SourceProblem, conserved
from evals_pipeline_tests.builders import DAY

NOW = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)
COUNTS = {"a": {Outcome.EVALUATED: 3, Outcome.FILTERED: 2}, "b": {Outcome.SKIPPED: 5}}
PROGRESS = Progress("f1", 2**53 + 1, 7, True, {"a": {"labels": {"ja \u0000'; --": 3}}})


def key(run_id: str = "r1", task: str = "format", project: str = "shop") -> RunKey:
    return RunKey(run_id, project, task, DAY)


def test_a_setting_is_written_once(ledger: Ledger) -> None:
    first = ledger.setting("first_day", "2026-01-01")

    second = ledger.setting("first_day", "2027-01-01")

    assert (first, second) == ("2026-01-01", "2026-01-01")
    assert ledger.setting("other", "x") == "x"


def test_a_file_is_remembered_in_its_newest_version_and_for_its_project_alone(ledger: Ledger) -> None:
    ledger.record_file("shop", FileRead("a.jsonl", "v1", 3, 0), [], now=NOW)
    ledger.record_file("shop", FileRead("a.jsonl", "v2", 5, 0), [], now=NOW)
    ledger.record_file("other", FileRead("a.jsonl", "v9", 1, 0), [], now=NOW)

    assert ledger.files_read("shop") == {"a.jsonl": "v2"}
    assert ledger.files_read("nobody") == {}


def test_problems_of_a_file_are_replaced_when_it_is_read_again(ledger: Ledger) -> None:
    old = [SourceProblem("a.jsonl", 1, "old"), SourceProblem("a.jsonl", None, "whole file")]
    ledger.record_file("shop", FileRead("a.jsonl", "v1", 3, 2), old, now=NOW)
    ledger.record_file("shop", FileRead("b.jsonl", "v1", 3, 1), [SourceProblem("b.jsonl", 7, "stays")], now=NOW)

    ledger.record_file("shop", FileRead("a.jsonl", "v2", 3, 1), [SourceProblem("a.jsonl", 2, "new")], now=NOW)

    assert [(problem.uri, problem.line, problem.message) for problem in ledger.problems("shop")] == [
        ("a.jsonl", 2, "new"),
        ("b.jsonl", 7, "stays"),
    ]
    assert len(ledger.problems("shop", limit=1)) == 1


def test_texts_of_any_kind_are_kept(ledger: Ledger) -> None:
    text = "'; DROP TABLE runs; -- \x00 😀 \u2028 %s :name " + "x" * 20_000
    ledger.record_file("shop ' ü", FileRead("ü'.jsonl", "v1", 0, 1), [SourceProblem("ü'.jsonl", 1, text)], now=NOW)

    (problem,) = ledger.problems("shop ' ü")

    assert problem.message == text.replace("\x00", "\ufffd")


def test_a_run_goes_from_running_to_finished_with_its_outcomes(ledger: Ledger) -> None:
    ledger.start_run(key(), {"max_units": 5}, now=NOW)
    running = ledger.run(key())
    ledger.record_selection(key(), {"units": 5}, {"a": {Outcome.FILTERED: 2}}, candidates=5)
    ledger.finish_run(key(), COUNTS, PROGRESS, now=NOW + timedelta(seconds=3))

    run = ledger.run(key())

    assert running and run
    assert (running.status, running.candidates, running.selection, running.finished_at) == ("running", None, None, None)
    assert (run.status, run.candidates, run.selection, run.outcomes) == ("finished", 5, {"units": 5}, COUNTS)
    assert (run.started_at, run.finished_at) == (NOW, NOW + timedelta(seconds=3))
    assert run.options == {"max_units": 5}
    assert ledger.progress("shop", "format", DAY) == PROGRESS


def test_a_run_that_starts_again_starts_afresh(ledger: Ledger) -> None:
    ledger.start_run(key(), {}, now=NOW)
    ledger.record_selection(key(), {"units": 5}, COUNTS, candidates=5)
    ledger.fail_run(key(), "the disk is full", now=NOW)

    ledger.start_run(key(), {}, now=NOW)

    run = ledger.run(key())
    assert run
    assert (run.status, run.message, run.outcomes, run.selection, run.candidates) == ("running", None, {}, None, None)


def test_a_failed_run_says_why(ledger: Ledger) -> None:
    ledger.start_run(key(), {}, now=NOW)

    ledger.fail_run(key(), "the disk is full", now=NOW)

    run = ledger.run(key())
    assert run
    assert (run.status, run.message, run.finished_at) == ("failed", "the disk is full", NOW)


def test_outcomes_that_a_second_end_no_longer_has_are_gone(ledger: Ledger) -> None:
    ledger.start_run(key(), {}, now=NOW)
    ledger.finish_run(key(), {"a": {Outcome.ERRORED: 1, Outcome.EVALUATED: 4}}, None, now=NOW)

    ledger.finish_run(key(), {"a": {Outcome.EVALUATED: 5}}, None, now=NOW)

    run = ledger.run(key())
    assert run
    assert run.outcomes == {"a": {Outcome.EVALUATED: 5}}


def test_runs_are_listed_newest_first_and_by_task(ledger: Ledger) -> None:
    for number, task in enumerate(["format", "orders", "format"]):
        ledger.start_run(key(f"r{number}", task), {}, now=NOW + timedelta(minutes=number))

    assert [run.key.run_id for run in ledger.runs()] == ["r2", "r1", "r0"]
    assert [run.key.run_id for run in ledger.runs(task="format")] == ["r2", "r0"]
    assert [run.key.run_id for run in ledger.runs(limit=1)] == ["r2"]
    assert ledger.run(key("unknown")) is None


def test_the_newest_selection_is_of_the_newest_run_that_made_one(ledger: Ledger) -> None:
    for number in range(3):
        ledger.start_run(key(f"r{number}"), {}, now=NOW + timedelta(minutes=number))
    ledger.record_selection(key("r0"), {"units": 1}, {}, candidates=1)
    ledger.record_selection(key("r1"), {"units": 2}, {}, candidates=2)

    found = ledger.latest_selection("shop", "format", DAY)

    assert found
    assert (found.key.run_id, found.selection) == ("r1", {"units": 2})
    assert ledger.latest_selection("shop", "format", DAY + timedelta(days=1)) is None


def test_progress_is_of_one_project_task_and_day(ledger: Ledger) -> None:
    ledger.start_run(key(), {}, now=NOW)
    ledger.finish_run(key(), {}, PROGRESS, now=NOW)
    ledger.finish_run(key(), {}, None, now=NOW)

    others = [("other", "format", DAY), ("shop", "other", DAY), ("shop", "format", DAY - timedelta(days=1))]

    assert ledger.progress("shop", "format", DAY) == PROGRESS
    assert [ledger.progress(*other) for other in others] == [None, None, None]


def test_times_of_any_zone_are_kept_in_utc_and_those_without_are_refused(ledger: Ledger) -> None:
    ledger.start_run(key(), {}, now=NOW.astimezone(timezone(timedelta(hours=5))))

    run = ledger.run(key())

    assert run
    assert run.started_at == NOW
    with pytest.raises(LedgerError, match="no time zone"):
        ledger.start_run(key(), {}, now=NOW.replace(tzinfo=None))


def test_outcomes_that_do_not_sum_up_are_named_with_the_difference() -> None:
    assert conserved(5, COUNTS) == {}
    assert conserved(6, COUNTS) == {"a": -1, "b": -1}
    assert conserved(0, {"a": {}}) == {}
