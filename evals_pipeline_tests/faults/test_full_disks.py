"""A lake or a ledger on a disk that is full: a clear error, nothing halfway, and the next run completes."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import LakeError, LedgerError
from evals_pipeline_tests.builders import history, project_folder, span, stored_ids, units, walk
from evals_pipeline_tests.faults.conftest import SmallDisk

pytestmark = pytest.mark.faults


def noise(size: int) -> str:
    """Text that no codec makes smaller."""
    return "".join(random.choices(string.printable, k=size))


def big_spans(prefix: str, count: int = 40, size: int = 5_000) -> list[dict[str, object]]:
    return [span(f"{prefix}{number:02}", **{c.OUTPUT_VALUE: noise(size)}) for number in range(count)]


@pytest.fixture
def folder(tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lake, and nothing else, lies on the small disk."""
    monkeypatch.setenv("EVALS_LAKE", str(small_disk.root / "lake"))
    return project_folder(tmp_path, big_spans("s"))


def test_a_full_disk_is_a_lake_error_that_says_what_was_being_done(folder: Path, small_disk: SmallDisk) -> None:
    small_disk.fill()

    with pytest.raises(LakeError, match=r"failed: .*([Nn]o space|full)"):
        walk(folder)


def test_whatever_space_is_left_nothing_is_committed_halfway(folder: Path, small_disk: SmallDisk) -> None:
    expected = sorted(f"s{number:02}" for number in range(40))
    refused = 0

    for leaving in range(0, 600_000, 12_000):
        small_disk.fill(leaving=leaving)
        try:
            walk(folder, run_id=f"run{leaving}")
        except LakeError:
            refused += 1
        small_disk.free()
        assert stored_ids(folder) in ([], expected)
        assert units(folder) in ([], expected)
    walk(folder, run_id="last")

    assert refused > 5
    assert (stored_ids(folder), units(folder)) == (expected, expected)


def test_files_of_a_write_that_failed_are_removed(folder: Path, small_disk: SmallDisk) -> None:
    small_disk.fill(leaving=100_000)

    with pytest.raises(LakeError):
        walk(folder)

    assert list((small_disk.root / "lake").rglob("*.parquet")) == []


def test_a_ledger_on_a_full_disk_is_a_ledger_error_and_the_next_run_completes(
    tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project_folder(tmp_path, [span()])
    monkeypatch.setenv("EVALS_DATABASE", f"sqlite:///{small_disk.root / 'ledger.db'}")
    walk(folder, run_id="first")
    (folder / "traces" / "second.jsonl").write_text((folder / "traces" / "first.jsonl").read_text().replace("s1", "s2"))

    small_disk.fill()
    with pytest.raises(LedgerError, match=r"ledger\.db failed"):
        walk(folder, run_id="refused")
    small_disk.free()
    walk(folder, run_id="next")

    assert units(folder) == ["s1", "s2"]
    assert {row["run_id"] for row in history(folder) if row["unit_id"] == "s2"} == {"next"}
