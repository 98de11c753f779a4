"""Committing files under a key, exactly once, and reading them back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from evals_pipeline.core.errors import LakeError
from evals_pipeline.lake.connection import in_memory, lake_errors
from evals_pipeline.lake.delta import Lake, OverlapError, Snapshot, WrittenFile
from evals_pipeline.lake.tables import RESULTS, SPANS, TABLES
from evals_pipeline_tests.builders import DAY, now

KEY = "spans/shop"
NAMES = [
    "shop",
    "with a slash / and \\ another",
    "100% 'quoted' \"twice\"",
    "Grüße 日本語 😀",
    "a=b&c#d?e;f",
    "%2F",
    " dots .. and spaces ",
    "..",
    "day=2026-01-01",
    "__HIVE_DEFAULT_PARTITION__",
    "NULL",
    "{braces} [brackets] *star*",
    "日" * 60,
]


def rows_sql(count: int, prefix: str = "s") -> str:
    """SQL of spans with an id each; everything else is NULL."""
    nothing = ", ".join(
        f'NULL::{kind} AS "{name}"' for name, kind in SPANS.columns.items() if name != "context.span_id"
    )
    return f"SELECT '{prefix}' || range AS \"context.span_id\", {nothing} FROM range({count})"


def write(lake: Lake, count: int, prefix: str = "s", project: str = "shop", day: date = DAY) -> WrittenFile | None:
    with in_memory(lake.root) as connection:
        return lake.write(connection, SPANS, {"project": project, "day": day}, rows_sql(count, prefix))


def append(lake: Lake, count: int, prefix: str = "s", project: str = "shop", key: str = KEY) -> int:
    """Commit `count` spans and return their stamp."""
    snapshot = lake.snapshot(SPANS)
    stamp = lake.next_stamp(snapshot, key, now=now())
    file = write(lake, count, prefix, project)
    assert file is not None
    lake.commit(snapshot, key, stamp, [file])
    return stamp


def ids(snapshot: Snapshot, **partition: str | date) -> list[str]:
    relation = snapshot.relation(snapshot.files_of(**partition))
    with in_memory("") as connection:
        return sorted(row[0] for row in connection.execute(f'SELECT "context.span_id" FROM {relation}').fetchall())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_that_is_missing_is_made_empty_with_all_columns(lake: Lake, table: Any) -> None:
    snapshot = lake.snapshot(table)

    with in_memory(lake.root) as connection:
        found = connection.execute(f"SELECT * FROM {snapshot.relation(snapshot.files)}")
        columns = [column[0] for column in found.description]
        rows = found.fetchall()

    assert (columns, rows, snapshot.stamp("any key")) == (list(table.columns), [], 0)


def test_what_is_committed_is_read_back_with_its_partition(lake: Lake) -> None:
    append(lake, 3)

    snapshot = lake.snapshot(SPANS)

    (file,) = snapshot.files
    assert (file.rows, file.partition) == (3, {"project": "shop", "day": str(DAY)})
    assert ids(snapshot) == ["s0", "s1", "s2"]


def test_what_is_written_and_not_committed_is_not_there(lake: Lake) -> None:
    lake.snapshot(SPANS)

    write(lake, 3)

    assert lake.snapshot(SPANS).files == ()


def test_no_rows_are_no_file(lake: Lake, tmp_path: Path) -> None:
    lake.snapshot(SPANS)

    assert write(lake, 0) is None
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_query_that_fails_is_a_lake_error_and_leaves_no_file(lake: Lake, tmp_path: Path) -> None:
    with in_memory(lake.root) as connection, pytest.raises(LakeError, match="writing 'spans'"):
        lake.write(
            connection,
            SPANS,
            {"project": "shop", "day": DAY},
            f"SELECT * REPLACE (error('no') AS name) FROM ({rows_sql(3)})",
        )

    assert list(tmp_path.rglob("*.parquet")) == []


def test_stamps_of_a_key_strictly_increase_even_when_the_clock_goes_back(lake: Lake) -> None:
    first = append(lake, 1)

    early = lake.next_stamp(lake.snapshot(SPANS), KEY, now=datetime(2001, 1, 1, tzinfo=UTC))

    assert early == first + 1
    assert lake.snapshot(SPANS).stamp(KEY) == first


def test_the_second_of_two_writers_of_a_key_is_refused_and_its_file_removed(lake: Lake, tmp_path: Path) -> None:
    first, second = lake.snapshot(SPANS), lake.snapshot(SPANS)
    files = [write(lake, 2, prefix) for prefix in "ab"]
    stamps = [lake.next_stamp(snapshot, KEY, now=now()) for snapshot in (first, second)]

    lake.commit(first, KEY, stamps[0], [files[0]])
    with pytest.raises(OverlapError):
        lake.commit(second, KEY, stamps[1] + 1_000_000, [files[1]])

    assert ids(lake.snapshot(SPANS)) == ["a0", "a1"]
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_writers_of_different_keys_do_not_refuse_each_other(lake: Lake) -> None:
    snapshots = [lake.snapshot(SPANS) for _ in range(3)]

    for number, snapshot in enumerate(snapshots):
        lake.commit(snapshot, f"key {number}", 1, [write(lake, 1, f"{number}-")])

    found = lake.snapshot(SPANS)
    assert ids(found) == ["0-0", "1-0", "2-0"]
    assert [found.stamp(f"key {number}") for number in range(4)] == [1, 1, 1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_project_may_be_called_anything(lake: Lake, tmp_path: Path, name: str) -> None:
    append(lake, 2, project=name, key=f"spans/{name}")
    append(lake, 1, prefix="other", project="shop 2")

    snapshot = lake.snapshot(SPANS)

    with in_memory(lake.root) as connection:
        relation = snapshot.relation(snapshot.files_of(project=name))
        rows = connection.execute(f'SELECT "context.span_id", project, day FROM {relation} ORDER BY 1').fetchall()
    assert rows == [("s0", name, DAY), ("s1", name, DAY)]
    assert snapshot.stamp(f"spans/{name}") > 0
    assert {path.name for path in tmp_path.iterdir()} == {"lake"}


def test_projects_whose_names_are_alike_are_kept_apart(lake: Lake) -> None:
    for name in ("a/b", "a%2Fb", "a%252Fb", "A/B"):
        append(lake, 1, prefix=name, project=name, key=name)

    found = {name: ids(lake.snapshot(SPANS), project=name) for name in ("a/b", "a%2Fb", "a%252Fb", "A/B")}

    assert found == {name: [f"{name}0"] for name in found}


def test_an_older_version_shows_what_there_was(lake: Lake) -> None:
    append(lake, 1, "first")
    version = lake.snapshot(SPANS).delta.version()
    append(lake, 1, "second")

    assert ids(lake.snapshot(SPANS, version=version)) == ["first0"]
    assert ids(lake.snapshot(SPANS)) == ["first0", "second0"]


def test_a_version_that_never_was_is_a_lake_error(lake: Lake) -> None:
    lake.snapshot(RESULTS)

    with pytest.raises(LakeError, match="evaluation_results"):
        lake.snapshot(RESULTS, version=99)


def test_a_column_is_there_in_every_row_of_many_partitions(lake: Lake) -> None:
    for number in range(3):
        append(lake, 2, prefix=f"{number}-", project=f"p{number}", key=f"k{number}")

    assert len(ids(lake.snapshot(SPANS))) == 6


def test_what_goes_wrong_is_told_on_one_line_without_colours() -> None:
    with pytest.raises(LakeError) as error, lake_errors("reading"):
        raise OSError("first\n   \x1b[31m↳\x1b[0m second\x00\n")

    assert str(error.value) == "reading failed: first ↳ second"


def test_appends_of_many_processes_at_once_all_arrive(lake: Lake) -> None:
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=_append_many, args=(lake.root, f"p{number}")) for number in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    snapshot = lake.snapshot(SPANS)
    assert [process.exitcode for process in processes] == [0] * 4
    assert ids(snapshot) == sorted(
        f"p{number} {turn} {row}" for number in range(4) for turn in range(5) for row in range(2)
    )
    assert snapshot.delta.version() == 40


def _append_many(root: str, name: str) -> None:
    """Ten commits: five under a key of its own, five under one that all processes share."""
    lake = Lake(root)
    for turn in range(5):
        append(lake, 1, prefix=f"{name} {turn} ", key=name)
        _append_shared(lake, f"{name} {turn} ")


def _append_shared(lake: Lake, prefix: str) -> None:
    while True:
        snapshot = lake.snapshot(SPANS)
        stamp = lake.next_stamp(snapshot, "shared", now=now())
        with in_memory(lake.root) as connection:
            query = f"SELECT * FROM ({rows_sql(2, prefix)}) WHERE \"context.span_id\" LIKE '%1'"
            file = lake.write(connection, SPANS, {"project": "shop", "day": DAY}, query)
        try:
            lake.commit(snapshot, "shared", stamp, [file])
        except OverlapError:
            continue
        return
