"""From the folder `evaluators` into the hub, and what is known of it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.catalog import read_hub
from evals_pipeline.engine.hub.entries import hub_entries, hub_entry
from evals_pipeline.engine.hub.history import compare_files, delete, differ, log
from evals_pipeline.engine.hub.pushing import push
from evals_pipeline.hub.states import FileState
from evals_pipeline_tests.builders import (
    JUDGE,
    now,
    write_code,
    write_judge,
    write_task,
)
from evals_pipeline_tests.engine.polite import CODE, OTHER, manners, polite_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return polite_folder(tmp_path)


def test_nothing_is_pushed_when_one_of_the_files_is_broken(folder: Path) -> None:
    write_code(folder, "rude", "class")

    with pytest.raises(ConfigError, match=r"evaluators/rude\.py"):
        push(folder, [], "all of them")

    assert log(folder, "polite") == ()


@pytest.mark.parametrize("given", ["polite", "polite.py", "evaluators/polite.py", "{folder}/evaluators/polite.py"])
def test_an_evaluator_is_pushed_by_its_name_or_file(folder: Path, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    (pushed,) = push(folder, [given.format(folder=folder)], "first", "Ada")

    assert (pushed.version.spelled, pushed.version.draft.author) == ("polite@1", "Ada")


@pytest.mark.parametrize(
    ("given", "message", "complaint"),
    [
        ("polite", "", "the message is empty"),
        ("polite", " \n ", "the message is empty"),
        ("polite", "x" * 1_001, "1,001 characters; 1,000 are the most"),
        ("plite", "why", "no file of an evaluator 'plite'"),
        ("exact_match", "why", "prebuilt and read-only"),
        ("toxicity", "why", "prebuilt and read-only"),
        ("nosuch.py", "why", "no file 'nosuch.py'"),
        ("tasks/manners.yaml", "why", "no evaluator of this project"),
    ],
)
def test_what_cannot_be_pushed_is_refused(folder: Path, given: str, message: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        push(folder, [given], message)

    assert not (folder / ".evals").exists()


def test_settings_beside_the_code_belong_to_the_version(folder: Path) -> None:
    push(folder, ["polite"], "code alone")
    write_code(folder, "polite", CODE, "filter: span_kind = 'LLM'\n")

    (again,) = push(folder, ["polite"], "with a filter")

    assert (again.version.number, again.version.draft.filter) == (2, "span_kind = 'LLM'")
    assert "+filter: span_kind = 'LLM'" in differ(folder, "polite@1", "polite@2").text


def test_the_time_of_a_push_has_a_zone(folder: Path) -> None:
    (pushed,) = push(folder, ["polite"], "first")

    assert abs((now() - pushed.version.pushed_at).total_seconds()) < 600


def test_an_evaluator_in_use_is_not_deleted_and_tasks_that_are_broken_count(folder: Path) -> None:
    push(folder, ["polite"], "first")
    write_task(folder, "pinned", manners("polite@1") + "no_such_setting: 1\n")
    write_task(folder, "no_yaml", manners("polite") + "filter: [\n")
    write_task(folder, "another", manners("politeness"))

    with pytest.raises(ConfigError) as error:
        delete(folder, "polite", "Ada")

    assert "in use by tasks/manners.yaml, tasks/no_yaml.yaml, tasks/pinned.yaml" in error.value.message


def test_a_deleted_evaluator_is_gone_from_the_hub_and_its_file_runs_again(folder: Path) -> None:
    push(folder, ["polite"], "first")
    (folder / "tasks" / "manners.yaml").unlink()

    deleted = delete(folder, "polite", "Ada")

    assert (deleted.version.number, deleted.file) == (1, "evaluators/polite.py")
    assert [entry.event for entry in log(folder, "polite")] == ["deleted", "pushed"]
    assert read_hub(folder).state("polite") is FileState.NEVER_PUSHED
    with pytest.raises(ConfigError, match="no versions in the hub"):
        delete(folder, "polite", "Ada")


def test_all_files_are_compared_with_their_newest_versions(folder: Path) -> None:
    for name in ("changed", "new"):
        write_code(folder, name, CODE)
    push(folder, ["polite", "changed"], "first")
    write_code(folder, "changed", OTHER)
    write_code(folder, "unusable", "class")
    write_judge(folder, "tone", JUDGE)
    (folder / "evaluators" / "exact_match.yaml").write_text(JUDGE)

    found = {each.name: each for each in compare_files(folder)}

    assert {name: (str(each.state), each.latest) for name, each in found.items()} == {
        "changed": ("changed", 1),
        "exact_match": ("never pushed", None),
        "new": ("never pushed", None),
        "polite": ("pushed", 1),
        "tone": ("never pushed", None),
        "unusable": ("never pushed", None),
    }
    assert [name for name, each in found.items() if each.problem] == ["exact_match", "unusable"]
    assert "exact_match" in {entry.name for entry in hub_entries(read_hub(folder))}
    assert found["polite"].notice is None


def test_the_hub_shows_prebuilt_judges_and_custom_evaluators_and_their_versions(folder: Path) -> None:
    push(folder, ["polite"], "first")
    write_code(folder, "polite", OTHER)
    write_judge(folder, "tone", JUDGE)
    push(folder, ["polite"], "second")
    write_code(folder, "polite", CODE + "# more\n")
    hub = read_hub(folder, ["polite@1"])

    entries = {entry.name: entry for entry in hub_entries(hub)}
    pinned = hub_entry("polite@1", hub)

    assert (entries["polite"].kind, entries["polite"].version, entries["polite"].state) == ("CODE", "2", "changed")
    assert (entries["tone"].kind, entries["tone"].state) == ("LLM", "never pushed")
    assert (entries["exact_match"].state, entries["exact_match"].pushed) == ("", None)
    assert pinned.source == CODE
    assert pinned.pushed is not None
    assert pinned.pushed["message"] == "first"
    assert [entry.event for entry in log(folder, "toxicity")] == ["prebuilt"]


def test_a_version_is_compared_with_the_file_or_another_version(folder: Path) -> None:
    push(folder, ["polite"], "first")
    write_code(folder, "polite", OTHER)

    with_file = differ(folder, "polite")
    push(folder, ["polite"], "second")
    same = differ(folder, "polite", "polite@2")

    assert (with_file.old, with_file.new) == ("polite@1", "evaluators/polite.py")
    assert '+    """Whether it says thank."""' in with_file.text
    assert same.text == ""
