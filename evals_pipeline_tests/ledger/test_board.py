"""Topics that runs share: states, notices, and silence."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.synchronize import Barrier

import pytest

from evals_pipeline.ledger.board import Board, Json
from evals_pipeline.ledger.database import Database
from evals_pipeline_tests.ledger.parts import Clock, in_processes

TOPIC = "quota/https://api.example.com/v1 gpt-5-mini"


def unchanged(state: Json, notices: Mapping[str, Json]) -> Json:
    return state


def counted(state: Json, notices: Mapping[str, Json]) -> Json:
    return {"count": state.get("count", 0) + 1, "owners": sorted(notices)}


def test_a_topic_begins_empty_with_the_callers_notice(database: Database) -> None:
    state, notices = Board(database).exchange(TOPIC, "a", {"in_flight": 3}, unchanged)

    assert (state, notices) == ({}, {"a": {"in_flight": 3, "age_seconds": 0.0}})


def test_a_state_is_folded_from_the_one_before_and_all_notices(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, counted)

    state, _ = board.exchange(TOPIC, "b", {}, counted)

    assert state == {"count": 2, "owners": ["a", "b"]}


def test_a_state_outlives_everyone_who_took_part(database: Database, clock: Clock) -> None:
    Board(database).exchange(TOPIC, "a", {}, lambda state, notices: {"deep": {"er": [1, 2.5, None, "\u00fc\x00"]}})
    Board(database).leave(TOPIC, "a")
    clock.pass_by(10_000)

    state, notices = Board(database).exchange(TOPIC, "b", {}, unchanged)

    assert state == {"deep": {"er": [1, 2.5, None, "\u00fc\x00"]}}
    assert set(notices) == {"b"}


def test_notices_tell_how_old_they_are(database: Database, clock: Clock) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {"x": 1}, unchanged)
    clock.pass_by(1.25)

    _, notices = board.exchange(TOPIC, "b", {"x": 2}, unchanged)

    assert notices == {"a": {"x": 1, "age_seconds": 1.25}, "b": {"x": 2, "age_seconds": 0.0}}


def test_a_clock_that_was_set_back_makes_no_notice_younger_than_new(database: Database, clock: Clock) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, unchanged)
    clock.pass_by(-5)

    _, notices = board.exchange(TOPIC, "b", {}, unchanged)

    assert notices["a"] == {"age_seconds": 0.0}


def test_an_owner_has_one_notice_its_newest(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {"x": 1, "y": 1}, unchanged)

    _, notices = board.exchange(TOPIC, "a", {"x": 2}, unchanged)

    assert notices == {"a": {"x": 2, "age_seconds": 0.0}}


def test_the_silent_are_dropped_after_fifteen_seconds(database: Database, clock: Clock) -> None:
    board = Board(database)
    board.exchange(TOPIC, "silent", {}, unchanged)

    clock.pass_by(15)
    _, in_time = board.exchange(TOPIC, "a", {}, unchanged)
    clock.pass_by(0.001)
    _, late = board.exchange(TOPIC, "a", {}, unchanged)

    assert (set(in_time), set(late)) == ({"a", "silent"}, {"a"})


def test_who_leaves_is_no_longer_seen(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, unchanged)
    board.leave(TOPIC, "a")
    board.leave(TOPIC, "never there")

    _, notices = board.exchange(TOPIC, "b", {}, unchanged)

    assert set(notices) == {"b"}


def test_topics_do_not_mix(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, counted)

    state, notices = board.exchange("another", "b", {}, counted)

    assert (state, set(notices)) == ({"count": 1, "owners": ["b"]}, {"b"})


def test_a_fold_that_fails_changes_nothing(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, counted)

    with pytest.raises(ZeroDivisionError):
        board.exchange(TOPIC, "b", {}, lambda state, notices: {"count": 1 // 0})

    state, _ = board.exchange(TOPIC, "a", {}, counted)
    assert state == {"count": 2, "owners": ["a"]}


def test_topics_are_listed_by_prefix_with_state_owners_and_time(database: Database, clock: Clock) -> None:
    board = Board(database)
    board.exchange("quota/m%", "b", {}, counted)
    board.exchange("quota/m%", "a", {}, counted)
    board.exchange("abilities/m", "a", {}, lambda state, notices: {"form": "schema"})

    found = {topic.name: (topic.state, topic.owners, topic.updated_at) for topic in board.topics()}

    assert found == {
        "abilities/m": ({"form": "schema"}, ("a",), clock()),
        "quota/m%": ({"count": 2, "owners": ["a", "b"]}, ("a", "b"), clock()),
    }
    assert [topic.name for topic in board.topics("quota/")] == ["quota/m%"]
    assert board.topics("%") == []


def test_a_forgotten_topic_begins_anew(database: Database) -> None:
    board = Board(database)
    board.exchange(TOPIC, "a", {}, counted)

    was_there = [board.forget(TOPIC), board.forget(TOPIC)]

    assert was_there == [True, False]
    assert board.topics() == []
    assert board.exchange(TOPIC, "a", {}, counted)[0] == {"count": 1, "owners": ["a"]}


def test_no_fold_of_many_processes_is_lost(url: str) -> None:
    Database(url).close()

    counts = in_processes(_count, *((url, f"p{number}") for number in range(4)))

    assert max(counts) == 4 * 25


def _count(url: str, owner: str, together: Barrier) -> int:
    database = Database(url)
    together.wait()
    seen = [Board(database).exchange(TOPIC, owner, {}, counted)[0]["count"] for _ in range(25)]
    database.close()
    return max(seen)
