"""init, check, schema, tasks and hub: everything that needs no run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from evals_pipeline.cli.check import FileKind, file_schema
from evals_pipeline.cli.main import app
from evals_pipeline_tests.builders import DAY, write_task
from evals_pipeline_tests.cli.conftest import BROKEN_TASK, Evals, document, program

CONTINUOUS_TASK = """
project: shop
filter: "span_kind = 'LLM'"
sampling_rate: 0.2
continuous: {every_minutes: 5}
evaluators:
  - evaluator: exact_match
    as: polite
    parameters: {expected: "[red]x"}
    mapping: {text: attributes.output.value}
"""


def test_a_new_project_folder_passes_check_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVALS_FIRST_DAY")
    folder = tmp_path / "new"

    made = program("init", str(folder), folder=tmp_path)
    monkeypatch.chdir(folder)
    checked = CliRunner().invoke(app, ["check"])
    ran = CliRunner().invoke(app, ["backfill", "answer_format", "--last", "3d", "--json"])

    assert made.returncode == 0, made.stderr
    assert "backfill answer_format" in made.stdout
    assert (checked.exit_code, "tasks/answer_format" in checked.stdout) == (0, True)
    assert document(ran)["judged"] > 0
    assert ".evals/" in (folder / ".gitignore").read_text()


def test_the_sample_of_a_new_folder_ends_yesterday(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path / "new")])

    lines = (tmp_path / "new" / "traces" / "sample.jsonl").read_text().splitlines()

    starts = [
        int(span["startTimeUnixNano"])
        for line in lines
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    newest = datetime.fromtimestamp(max(starts) / 1e9, UTC).date()
    assert newest == datetime.now(UTC).date() - timedelta(days=1)


def test_a_new_folder_names_the_module_for_dagster(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path / "new")])

    workspace = yaml.safe_load((tmp_path / "new" / "workspace.yaml").read_text())

    (place,) = workspace["load_from"]
    assert place["python_module"]["module_name"] == "evals_pipeline.definitions"


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "answer_format.yaml").write_text("mine")

    result = CliRunner().invoke(app, ["init", str(tmp_path)])

    assert result.exit_code == 2
    assert "nothing is overwritten" in result.stderr
    assert (tmp_path / "tasks" / "answer_format.yaml").read_text() == "mine"
    assert not (tmp_path / "projects").exists()


def test_init_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")

    result = CliRunner().invoke(app, ["init", str(tmp_path / "new")])

    assert (result.exit_code, "is a file" in result.stderr) == (2, True)


def test_check_names_every_broken_file_and_the_good_ones(evals: Evals, shop: Path) -> None:
    write_task(shop, "bad", BROKEN_TASK)
    write_task(shop, "worse", "project: [")

    result = evals("check")

    assert result.exit_code == 1
    assert "tasks/bad.yaml, filtr: there is no setting 'filtr'" in result.stdout
    assert "Hint: did you mean 'filter'?" in result.stdout
    assert "tasks/worse.yaml: the file is no YAML" in result.stdout
    assert "ok      tasks/format" in result.stdout


def test_check_as_json_holds_the_place_of_each_problem(evals: Evals, shop: Path) -> None:
    write_task(shop, "bad", BROKEN_TASK)

    result = evals("check", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["tasks"] == ["format", "orders"]
    (broken,) = found["broken"]
    assert (broken["path"], broken["field"], broken["kind"]) == ("tasks/bad.yaml", "filtr", "task")


def test_check_shows_a_hostile_file_as_text(evals: Evals, shop: Path) -> None:
    write_task(
        shop, "bad", 'project: "\\e[31mred[bold]"\nevaluators: [{evaluator: json_parseable, mapping: {text: name}}]\n'
    )

    result = evals("check")

    assert "\x1b" not in result.stdout
    assert "[bold]" in result.stdout


def test_an_empty_folder_is_no_project(evals: Evals, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = evals("check", folder=tmp_path / "empty")

    assert (result.exit_code, "holds no projects" in result.stderr) == (2, True)


def test_tasks_shows_what_a_task_does_and_that_it_never_ran(evals: Evals, shop: Path) -> None:
    write_task(shop, "live", CONTINUOUS_TASK)

    result = evals("tasks")

    (line,) = [line for line in result.stdout.splitlines() if line.strip().startswith("live")]
    for word in ("shop", "polite", "span_kind = 'LLM'", "20.0%", "every 5 min", "never"):
        assert word in line


def test_tasks_shows_broken_files_as_broken(evals: Evals, shop: Path) -> None:
    write_task(shop, "bad", BROKEN_TASK)

    result = evals("tasks")

    (line,) = [line for line in result.stdout.splitlines() if line.strip().startswith("bad")]
    assert "broken" in line
    assert "1 file cannot be used" in result.stderr
    assert result.exit_code == 0


def test_tasks_knows_the_last_run(evaluated: Evals) -> None:
    found = document(evaluated("tasks", "--json"))

    last = {entry["task"]: entry["last_run"] for entry in found["tasks"]}
    assert last["orders"] is None
    assert (last["format"]["status"], last["format"]["day"]) == ("finished", str(DAY))


def test_looking_at_tasks_makes_no_files(evals: Evals, shop: Path) -> None:
    evals("tasks")

    assert not (shop / ".evals").exists()


def test_the_schema_accepts_the_name_of_a_result(evals: Evals) -> None:
    task = file_schema(FileKind.TASK)

    assert "as" in task["$defs"]["EvaluatorUse"]["properties"]
    assert "name" not in task["properties"]
    assert task["required"] == ["project", "evaluators"]
    assert document(CliRunner().invoke(app, ["schema", "project"]))["required"] == ["source"]


def test_the_hub_lists_the_prebuilt_evaluators() -> None:
    found = document(CliRunner().invoke(app, ["hub", "list", "--json"]))

    assert {"matches_regex", "json_parseable", "exact_match"} <= {entry["name"] for entry in found}


@pytest.mark.parametrize("name", ["contains_any_keyword", "exact_match", "json_parseable", "matches_regex"])
def test_the_hub_shows_the_python_that_decides(name: str) -> None:
    shown = CliRunner().invoke(app, ["hub", "show", name])

    assert shown.exit_code == 0
    assert "def evaluate(self, text: str" in shown.stdout
    assert "variable" in shown.stdout


def test_the_hub_knows_parameters_and_labels() -> None:
    found = document(CliRunner().invoke(app, ["hub", "show", "matches_regex", "--json"]))

    assert found["labels"] == {"matches": 1.0, "no_match": 0.0}
    assert [each["name"] for each in found["parameters"]] == ["pattern", "full_match", "case_sensitive"]


def test_an_unknown_evaluator_is_refused_with_the_nearest_one() -> None:
    result = CliRunner().invoke(app, ["hub", "show", "match_regex"])

    assert (result.exit_code, "did you mean 'matches_regex'?" in result.stderr) == (2, True)
