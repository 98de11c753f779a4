"""Lakes, sources and ledgers that are damaged, gone or busy."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from evals_pipeline.core.errors import LakeError, LedgerError, SourceError
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline_tests.builders import (
    DAY,
    deliver,
    history,
    now,
    project_folder,
    span,
    spans,
    stored_ids,
    units,
    walk,
)

pytestmark = pytest.mark.faults


def data_files(folder: Path, table: str) -> list[Path]:
    return sorted((folder / ".evals" / "lake" / table).rglob("*.parquet"))


def test_a_damaged_file_of_spans_is_named_and_nothing_is_committed(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(30))
    with opened(folder) as here:
        collect_spans(here, read_catalog(folder).project("shop"), now=now)
    (file,) = data_files(folder, "spans")
    file.write_bytes(b"PAR1" + b"\xff" * (file.stat().st_size - 8) + b"PAR1")

    with pytest.raises(LakeError, match=file.name):
        walk(folder)

    assert history(folder) == []


def test_damage_inside_a_file_of_spans_is_found_when_it_is_judged(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(300))
    walk(folder, run_id="first")
    before = history(folder)
    (file,) = data_files(folder, "spans")
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])

    with pytest.raises(LakeError, match=file.name):
        walk(folder, run_id="again", overrides=_override())
    file.write_bytes(whole)

    assert history(folder) == before
    assert walk(folder, run_id="mended", overrides=_override()).evaluated.rows == 300


def test_a_vanished_file_of_spans_is_a_lake_error(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder)
    (file,) = data_files(folder, "spans")
    file.unlink()

    with pytest.raises(LakeError, match=file.name):
        walk(folder, run_id="again", overrides=_override())


def test_a_damaged_delta_log_is_a_lake_error_that_names_the_table(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder)
    log = folder / ".evals" / "lake" / "spans" / "_delta_log"
    for entry in log.glob("*.json"):
        entry.write_text("this is no JSON")

    with pytest.raises(LakeError, match="'spans'"):
        walk(folder, run_id="again")


def test_a_file_where_the_lake_should_be_is_a_lake_error(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    (folder / ".evals").mkdir()
    (folder / ".evals" / "lake").write_text("not a folder")

    with pytest.raises(LakeError, match="lake"):
        walk(folder)


def test_a_source_folder_that_vanishes_between_runs_is_a_source_error_and_what_was_stored_stays(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="first")
    shutil.move(folder / "traces", folder / "elsewhere")

    with pytest.raises(SourceError, match="traces"):
        walk(folder, run_id="gone")
    shutil.move(folder / "elsewhere", folder / "traces")
    deliver(folder, "more", [span("late")])
    walk(folder, run_id="back")

    assert units(folder) == ["late", "s0", "s1", "s2"]


def test_a_source_folder_that_vanishes_while_it_is_read_is_a_source_error_and_comes_back_whole(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)
    for number in range(4):
        deliver(folder, f"file{number}", [span(f"s{number}")])

    def move_away(done: int, _: int) -> None:
        if done == 2:
            (folder / "traces").rename(folder / "elsewhere")

    with opened(folder) as here, pytest.raises(SourceError, match="vanished"):
        collect_spans(here, read_catalog(folder).project("shop"), now=now, progressed=move_away)
    (folder / "elsewhere").rename(folder / "traces")
    walk(folder)

    assert stored_ids(folder) == units(folder) == ["s0", "s1", "s2", "s3"]


def test_a_file_that_vanishes_while_others_are_read_is_a_problem_that_names_it(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)
    for number in range(3):
        deliver(folder, f"file{number}", [span(f"s{number}")])

    def remove_next(done: int, _: int) -> None:
        if done == 1:
            (folder / "traces" / "file1.jsonl").unlink()

    with opened(folder) as here:
        collected = collect_spans(here, read_catalog(folder).project("shop"), now=now, progressed=remove_next)
        (problem,) = here.ledger.problems("shop")

    assert (collected.spans, collected.problems) == ({DAY: 2}, 1)
    assert problem.uri.endswith("file1.jsonl")


def test_one_file_that_cannot_be_read_does_not_keep_the_others_out(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)
    deliver(folder, "a", [span("before")])
    (folder / "traces" / "b.jsonl").symlink_to("/proc/self/mem")
    deliver(folder, "c", [span("after")])

    with pytest.raises(SourceError, match=r"b\.jsonl"):
        walk(folder)

    assert stored_ids(folder) == ["after", "before"]


def test_a_ledger_that_is_locked_for_some_seconds_is_waited_for(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="first")
    locked = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(folder / ".evals" / "ledger.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(2)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    started = time.monotonic()
    walk(folder, run_id="second")
    holder.join()

    assert time.monotonic() - started > 1


@pytest.mark.parametrize("content", [b"", b"this is no database" * 100], ids=["a folder", "some other file"])
def test_something_else_in_place_of_the_ledger_is_a_ledger_error(tmp_path: Path, content: bytes) -> None:
    folder = project_folder(tmp_path, spans(3))
    ledger = folder / ".evals" / "ledger.db"
    ledger.parent.mkdir()
    ledger.write_bytes(content) if content else ledger.mkdir()

    with pytest.raises(LedgerError, match=r"ledger\.db"):
        walk(folder)


def _override() -> Overrides:
    return Overrides(override=True)
