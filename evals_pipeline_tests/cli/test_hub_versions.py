"""`evals hub push`, `log`, `diff`, `delete`, and what other commands say of versions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline_tests.builders import write_task
from evals_pipeline_tests.cli.conftest import Evals, document

CODE = '''from evals_pipeline import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether it says please."""

    def evaluate(self, *, text=None, **kwargs):
        return EvaluationResult(label="polite" if "please" in text else "rude")
'''
OTHER = CODE.replace("please", "thank")
TASK = "project: shop\nevaluators:\n  - {evaluator: polite, mapping: {text: attributes.output.value}}\n"


@pytest.fixture
def polite(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A custom evaluator, and task `manners` that uses it; git knows nobody."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("LOGNAME", "somebody")
    (shop / "evaluators").mkdir()
    (shop / "evaluators" / "polite.py").write_text(CODE)
    write_task(shop, "manners", TASK)
    return shop / "evaluators" / "polite.py"


def log_of(evals: Evals) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(evals("hub", "log", "polite", "--json"))
    return found


def test_a_push_says_the_number_and_a_second_one_that_nothing_changed(evals: Evals, polite: Path) -> None:
    first, second = (evals("hub", "push", "polite", "-m", "first") for _ in range(2))
    polite.write_text(OTHER)
    third = document(evals("hub", "push", "--all", "--message", "thanks, too", "--author", "Ada", "--json"))

    assert (first.exit_code, first.stdout) == (0, "pushed polite@1\n")
    assert (second.exit_code, second.stdout) == (0, "unchanged polite@1: its file is as that version\n")
    (pushed,) = third
    assert (pushed["name"], pushed["number"], pushed["is_new"], pushed["author"]) == ("polite", 2, True, "Ada")
    assert [entry["message"] for entry in log_of(evals)] == ["thanks, too", "first"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_author_is_whom_git_knows_in_the_project_folder_else_the_user(evals: Evals, polite: Path) -> None:
    evals("hub", "push", "polite", "-m", "first")
    folder = polite.parent.parent
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for setting, value in (("user.name", "Ada Lovelace"), ("user.email", "ada@example.com")):
        subprocess.run(["git", "-C", str(folder), "config", setting, value], check=True)
    polite.write_text(OTHER)
    evals("hub", "push", "polite", "-m", "second")

    assert [entry["author"] for entry in log_of(evals)] == ["Ada Lovelace <ada@example.com>", "somebody"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["push", "-m", "why"], "name evaluators or say --all"),
        (["push", "polite", "--all", "-m", "why"], "one of the two"),
        (["push", "polite"], "--message"),
        (["push", "polite", "-m", ""], "the message is empty"),
        (["push", "plite", "-m", "why"], "did you mean 'polite'?"),
        (["push", "json_parseable", "-m", "why"], "prebuilt and read-only"),
        (["delete", "json_parseable"], "prebuilt and read-only"),
        (["push", "polite", "-m", "half \udce9"], "no UTF-8"),
        (["delete", "polite"], "no versions in the hub"),
        (["delete", "polite@1"], "versions stay for good"),
        (["diff", "polite"], "no versions in the hub"),
        (["diff", "@1"], "'@1'"),
        (["diff", "toxicity"], "prebuilt and read-only"),
        (["show", "polite@1"], "no versions in the hub"),
        (["show", "exact_match@1"], "'exact_match' is prebuilt and has no numbered versions"),
        (["log", "plite"], "did you mean 'polite'?"),
        (["log", "polite@1"], "name it without: polite"),
    ],
    ids=ascii,
)
def test_what_cannot_be_is_refused_with_code_2(evals: Evals, polite: Path, arguments: list[str], said: str) -> None:
    result = evals("hub", *arguments)

    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not (polite.parent.parent / ".evals").exists()


def test_broken_code_is_not_pushed_and_the_place_is_told(evals: Evals, polite: Path) -> None:
    polite.write_text(CODE.replace("class Polite", "class"))

    result = evals("hub", "push", "polite", "-m", "why")

    assert result.exit_code == 2
    assert "evaluators/polite.py, line 4, column" in result.stderr


def test_versions_are_listed_shown_and_compared(evals: Evals, polite: Path) -> None:
    evals("hub", "push", "polite", "-m", "first", "--author", "Ada")
    polite.write_text(OTHER)

    listed = next(entry for entry in document(evals("hub", "list", "--json")) if entry["name"] == "polite")
    logged = evals("hub", "log", "polite").stdout
    differs = evals("hub", "diff", "polite").stdout
    evals("hub", "push", "polite", "-m", "second")
    shown = evals("hub", "show", "polite@1").stdout
    same = document(evals("hub", "diff", "polite@2", "polite", "--json"))

    assert (listed["version"], listed["state"], listed["origin"]) == ("1", "changed", "evaluators/polite.py")
    for said in (
        "polite, version 1 (CODE, evaluators/polite.py)",
        "by Ada: first",
        "file: pushed, newest version 2",
        '"please" in text',
    ):
        assert said in shown
    assert all(said in logged for said in ("Ada", "custom", "first"))
    assert '-    """Whether it says please."""\n+    """Whether it says thank."""' in differs
    assert same == {"old": "polite@2", "new": "polite@2", "is_same": True, "diff": ""}


def test_a_changed_file_is_told_by_check_tasks_and_dry_runs(evals: Evals, polite: Path) -> None:
    evals("hub", "push", "polite", "-m", "first")
    quiet = evals("check")
    polite.write_text(OTHER)

    told = [evals("check"), evals("tasks"), evals("run", "manners", "--dry-run")]
    (notice,) = document(evals("check", "--json"))["notices"]

    assert "notice" not in quiet.output
    for result in told:
        assert result.exit_code == 0, result.output
        assert "notice: evaluators/polite.py differs from polite@1, which runs" in result.stderr
        assert "Hint: push it: evals hub push polite -m '...'" in result.stderr
    assert notice["message"] == "differs from polite@1, which runs"


def test_a_push_names_the_tasks_that_do_not_fit_the_new_version(evals: Evals, polite: Path) -> None:
    evals("hub", "push", "polite", "-m", "first")
    polite.write_text(CODE.replace("text=None", "answer=None").replace("in text", "in answer"))

    told = evals("hub", "push", "polite", "-m", "another name")

    assert (told.exit_code, told.stdout) == (0, "pushed polite@2\n")
    assert "broken  tasks/manners.yaml, evaluators.0.mapping.text" in told.stderr


def test_a_prebuilt_check_is_shown_whatever_became_of_the_ledger(
    evals: Evals, polite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALS_DATABASE", "nonsense")

    shown, unknown = evals("hub", "show", "exact_match"), evals("hub", "show", "polite")
    (broken,) = json.loads(evals("check", "--json").stdout)["broken"]

    assert (shown.exit_code, unknown.exit_code) == (0, 3)
    assert "Hint" not in broken["message"]
    assert "EVALS_DATABASE" in broken["hint"]


def test_an_evaluator_is_deleted_only_when_no_task_uses_it(evals: Evals, polite: Path) -> None:
    evals("hub", "push", "polite", "-m", "first")
    refused = evals("hub", "delete", "polite")
    (polite.parent.parent / "tasks" / "manners.yaml").unlink()

    deleted = evals("hub", "delete", "polite", "--author", "Ada")

    assert refused.exit_code == 2
    assert "in use by tasks/manners.yaml" in refused.stderr
    assert deleted.stdout == "deleted polite, whose newest version was 1\n"
    assert "evaluators/polite.py is still there" in deleted.stderr
    assert [(entry["event"], entry["author"]) for entry in log_of(evals)][0] == ("deleted", "Ada")


def test_a_prebuilt_evaluator_has_one_read_only_version(evals: Evals) -> None:
    (entry,) = document(evals("hub", "log", "toxicity", "--json"))

    assert entry["event"] == "prebuilt"
    assert "read-only" in entry["message"]


def test_the_log_of_a_prebuilt_check_has_the_version_of_its_results(evals: Evals) -> None:
    (entry,) = document(evals("hub", "log", "json_parseable", "--json"))

    assert entry["number"] == document(evals("hub", "show", "json_parseable", "--json"))["version"]


def test_commands_are_listed_as_people_go_through_them() -> None:
    told = CliRunner().invoke(app, ["hub", "--help"]).stdout.partition("Commands")[2]

    found = re.findall(r"^\W*([a-z]+)\s{2,}", told, re.MULTILINE)
    assert found == ["list", "show", "check", "test", "export", "push", "log", "diff", "delete"]


def test_the_log_of_a_prebuilt_evaluator_needs_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["hub", "log", "exact_match"])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["run", "backfill"])
def test_an_unknown_choice_of_what_is_evaluated_again_is_refused(evals: Evals, command: str) -> None:
    days = ["--last", "7d"] if command == "backfill" else []

    result = evals(command, "format", *days, "--reevaluate", "everything")

    assert result.exit_code == 2
    assert "new-version" in result.stderr
