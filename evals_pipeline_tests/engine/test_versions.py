"""Which content of an evaluator runs, and what is told of its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.engine.catalog import read_catalog, read_hub
from evals_pipeline.engine.hub.entries import hub_entry
from evals_pipeline.engine.hub.history import log
from evals_pipeline.engine.hub.pushing import push
from evals_pipeline_tests.builders import (
    project_folder,
    task_of,
    write_code,
    write_task,
)
from evals_pipeline_tests.engine.polite import CODE, OTHER, manners, polite_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return polite_folder(tmp_path)


def runs(folder: Path, task: str = "manners") -> tuple[str, str]:
    """The version that the task's evaluator has, and its source."""
    (use,) = task_of(folder, task).uses
    return use.version, use.evaluator.source


def test_a_file_that_was_never_pushed_runs_as_it_stands_under_its_hash(folder: Path) -> None:
    first = runs(folder)
    write_code(folder, "polite", OTHER)
    second = runs(folder)

    assert (first[1], second[1]) == (CODE, OTHER)
    assert len(first[0]) == len(second[0]) == 12
    assert first[0] != second[0]
    assert read_catalog(folder).notices == ()
    assert not (folder / ".evals").exists()


def test_the_newest_version_runs_and_a_changed_file_is_told_of(folder: Path) -> None:
    push(folder, ["polite"], "first")
    write_code(folder, "polite", OTHER)
    push(folder, ["polite"], "second")
    write_code(folder, "polite", CODE + "# more\n")

    catalog = read_catalog(folder)

    assert runs(folder) == ("2", OTHER)
    (notice,) = catalog.notices
    assert catalog.task("manners").notices == (notice,)
    assert str(notice) == (
        "evaluators/polite.py differs from polite@2, which runs\nHint: push it: evals hub push polite -m '...'"
    )


def test_a_pinned_version_runs_whatever_was_pushed_since_and_its_file_is_no_matter(folder: Path) -> None:
    push(folder, ["polite"], "first")
    write_code(folder, "polite", OTHER)
    push(folder, ["polite"], "second")
    write_task(folder, "manners", manners("polite@1"))
    write_code(folder, "polite", "")

    catalog = read_catalog(folder)

    assert runs(folder) == ("1", CODE)
    assert catalog.task("manners").uses[0].name == "polite"
    assert catalog.notices == ()
    assert [file.kind for file in catalog.broken] == ["evaluator"]


def test_a_version_runs_without_its_file_and_its_folder(folder: Path) -> None:
    push(folder, [], "first")
    (folder / "evaluators" / "polite.py").unlink()
    (folder / "evaluators").rmdir()

    assert runs(folder) == ("1", CODE)
    assert hub_entry("polite", read_hub(folder)).origin == "hub"


@pytest.mark.parametrize(
    ("evaluator", "message", "hint"),
    [
        ("polite@3", "no version 3 of 'polite'; there is: 1 to 2", "evals hub log polite"),
        ("polite@latest", "names no version", "`polite` for the latest version"),
        ("polite@0", "names no version", "polite@3"),
        ("polite@", "names no version", "polite@3"),
        ("plite@1", "no evaluator 'plite'", "did you mean 'polite'?"),
        ("json_parseable@1", "is prebuilt", "write `json_parseable`"),
        ("toxicity@1", "is prebuilt", "write `toxicity`"),
        ("other@1", "no versions in the hub", "evals hub push other"),
    ],
)
def test_a_version_that_does_not_exist_is_refused_with_what_there_is(
    folder: Path, evaluator: str, message: str, hint: str
) -> None:
    for source in (CODE, OTHER):
        write_code(folder, "polite", source)
        push(folder, ["polite"], "why")
    write_code(folder, "other", CODE)
    write_task(folder, "manners", manners(evaluator))

    (file,) = read_catalog(folder).broken

    assert (file.kind, file.field) == ("task", "evaluators.0.evaluator")
    assert message in file.message
    assert hint in file.hint


def test_another_version_or_pin_is_no_other_input_but_another_state_of_the_task(folder: Path) -> None:
    unpushed = task_of(folder, "manners")
    push(folder, ["polite"], "first")
    first = task_of(folder, "manners")
    write_code(folder, "polite", OTHER)
    push(folder, ["polite"], "second")
    second = task_of(folder, "manners")
    write_task(folder, "manners", manners("polite@1"))
    pinned = task_of(folder, "manners")

    assert len({str(plan.fingerprints) for plan in (unpushed, first, second, pinned)}) == 1
    assert first.fingerprint == pinned.fingerprint
    assert len({unpushed.fingerprint, first.fingerprint, second.fingerprint}) == 3


def test_a_ledger_that_cannot_be_read_breaks_the_tasks_that_need_it_and_no_other(folder: Path) -> None:
    write_task(folder, "format", "project: shop\nevaluators:\n  - {evaluator: json_parseable, mapping: {text: name}}\n")
    (folder / ".evals").mkdir()
    (folder / ".evals" / "ledger.db").write_text("this is no SQLite database, whatever its name says")

    (file,) = read_catalog(folder).broken

    assert file.place == "tasks/manners.yaml, evaluators.0.evaluator"
    assert "the versions of 'polite' cannot be read: the ledger" in file.message
    with pytest.raises(LedgerError):
        log(folder, "polite")


def test_many_tasks_and_pins_need_one_look_into_the_hub(folder: Path) -> None:
    for source in (CODE, OTHER):
        write_code(folder, "polite", source)
        push(folder, ["polite"], "why")
    for number in range(100):
        task = manners(f"polite@{number % 2 + 1}").replace("mapping", f"as: n{number}, mapping")
        write_task(folder, f"t{number}", task)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        catalog = read_catalog(folder)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert (len(catalog.tasks), catalog.broken) == (101, ())
    assert len([statement for statement in statements if "evaluator_versions" in statement]) == 1


def test_a_folder_of_checks_alone_opens_no_ledger(tmp_path: Path) -> None:
    project_folder(tmp_path)
    (tmp_path / ".evals").mkdir()
    (tmp_path / ".evals" / "ledger.db").write_text("this is no SQLite database, whatever its name says")

    assert read_catalog(tmp_path).broken == ()
