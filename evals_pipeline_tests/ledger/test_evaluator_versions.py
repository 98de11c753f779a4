"""Versions in the hub: numbers without gaps, whoever pushes at the same time and whoever is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from multiprocessing.synchronize import Barrier

import pytest
import sqlalchemy as sa

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.core.evaluator import Parameter, Variable
from evals_pipeline.core.version import Content, Draft, EvaluatorKind, Version
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.evaluator_versions import Deletion, EvaluatorVersions
from evals_pipeline_tests.ledger.parts import Clock, exit_code_of, in_processes

PROCESSES = 4
PUSHES = 5


def draft(source: str = "class Polite: ...", name: str = "polite", **fields: str) -> Draft:
    """A draft whose hash is its source."""
    variables = (Variable("text", "what is judged"), Variable("tone", "", is_required=False))
    parameters = (
        Parameter("words", "string_array", "", default=("please", "thanks")),
        Parameter("anything", None, "", is_required=True),
    )
    said = {"message": "why", "author": "Ada <ada@example.com>", **fields}
    content = Content(EvaluatorKind.CUSTOM, source, "kind: code\n")
    return Draft(name, content, source, said["message"], said["author"], variables, parameters, "span", None)


def numbers(database: Database, name: str = "polite") -> list[int]:
    return [each.number for each in EvaluatorVersions(database).log(name) if isinstance(each, Version)]


def test_a_version_is_read_as_it_was_pushed(database: Database, clock: Clock) -> None:
    versions = EvaluatorVersions(database)

    pushed, is_new = versions.push(draft())

    assert (pushed.number, pushed.pushed_at, is_new) == (1, clock.moment, True)
    assert versions.log("polite") == [pushed]
    assert versions.chosen() == ({"polite": pushed}, {})
    assert pushed.draft == draft()


def test_the_same_content_is_no_new_version_and_an_earlier_one_is(database: Database) -> None:
    versions = EvaluatorVersions(database)

    pushed = [versions.push(draft(source, message=source)) for source in ("one", "one", "two", "one")]

    assert [(version.number, is_new) for version, is_new in pushed] == [(1, True), (1, False), (2, True), (3, True)]
    assert numbers(database) == [3, 2, 1]


def test_each_name_counts_for_itself_and_pins_are_found_beside_the_newest(database: Database) -> None:
    versions = EvaluatorVersions(database)
    for name, source in (("polite", "1"), ("polite", "2"), ("polite", "3"), ("short", "1")):
        versions.push(draft(source, name))

    latest, pinned = versions.chosen([("polite", 1), ("polite", 9), ("short", 1), ("unknown", 1)])

    assert {name: version.number for name, version in latest.items()} == {"polite": 3, "short": 1}
    assert {pin: version.content.source for pin, version in pinned.items()} == {("polite", 1): "1", ("short", 1): "1"}


def test_a_deleted_name_is_hidden_until_it_is_pushed_again_and_goes_on_counting(database: Database) -> None:
    versions = EvaluatorVersions(database)
    versions.push(draft())

    deleted, again = versions.delete("polite", "Bob"), versions.delete("polite", "Bob")
    hidden = versions.chosen([("polite", 1)])
    back, is_new = versions.push(draft())

    assert deleted is not None
    assert (deleted.number, again, hidden) == (1, None, ({}, {}))
    assert (back.number, is_new) == (2, True)
    assert set(versions.chosen([("polite", 1)])[1]) == {("polite", 1)}
    assert [type(each) for each in versions.log("polite")] == [Version, Deletion, Version]


def test_what_was_never_pushed_cannot_be_deleted(database: Database) -> None:
    assert EvaluatorVersions(database).delete("polite", "Bob") is None


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800"], ids=["NUL", "half a character"])
def test_text_that_a_database_cannot_hold_is_refused(database: Database, text: str) -> None:
    with pytest.raises(LedgerError, match="'polite'"):
        EvaluatorVersions(database).push(draft(text))

    assert numbers(database) == []


def test_processes_that_push_different_contents_at_once_get_numbers_without_gaps(url: str) -> None:
    Database(url).close()

    taken = in_processes(_push_many, *((url, f"p{number}") for number in range(PROCESSES)))

    database = Database(url)
    stored = {version.number: version.content.source for version in EvaluatorVersions(database).log("polite")}  # type: ignore[union-attr]
    database.close()
    assert sorted(number for mine in taken for number in mine) == list(range(1, PROCESSES * PUSHES + 1))
    assert stored == {number: source for mine in taken for number, source in mine.items()}


def test_processes_that_push_the_same_content_at_once_make_one_version(url: str) -> None:
    Database(url).close()

    found = in_processes(_push_one, *((url,) for _ in range(PROCESSES)))

    assert Counter(found) == {(1, True): 1, (1, False): PROCESSES - 1}


def test_a_push_that_is_killed_leaves_nothing_or_a_whole_version(url: str) -> None:
    codes, kept = [], []

    for statement in range(20):
        codes.append(exit_code_of(_push_killed, url, statement))
        kept.append(_numbers_at(url))
        if codes[-1] == 0:
            break

    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 4
    assert kept == [[]] * (len(codes) - 1) + [[1]]


def _push_many(url: str, name: str, barrier: Barrier) -> dict[int, str]:
    database = Database(url)
    barrier.wait()
    pushed = [EvaluatorVersions(database).push(draft(f"{name} {number}")) for number in range(PUSHES)]
    database.close()
    return {version.number: version.content.source for version, _ in pushed}


def _push_one(url: str, barrier: Barrier) -> tuple[int, bool]:
    database = Database(url)
    barrier.wait()
    version, is_new = EvaluatorVersions(database).push(draft())
    database.close()
    return version.number, is_new


def _push_killed(url: str, statement: int) -> None:
    """Push, but be killed before the statement of that number, the commit being the last one."""
    database = Database(url)
    left = statement

    def count(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)
    EvaluatorVersions(database).push(draft())


def _numbers_at(url: str) -> list[int]:
    database = Database(url)
    found = numbers(database)
    database.close()
    return found
