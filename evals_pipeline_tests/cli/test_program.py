"""Help, version, project folders, errors and exit codes: what all commands have in common."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline_tests.builders import write_task
from evals_pipeline_tests.cli.conftest import BROKEN_TASK, Evals, program

COMMANDS = {
    "init": [],
    "check": ["--project-dir", "--json"],
    "schema": [],
    "tasks": ["--project-dir", "--json"],
    "preview": ["--spans", "--project-dir", "--json"],
    "run": ["--day", "--sampling-rate", "--filter", "--max-units", "--override", "--reevaluate", "--project-dir"],
    "backfill": ["--last", "--start", "--end", "--dry-run", "--override", "--max-units", "--sampling-rate", "--json"],
    "runs": ["--limit", "--project-dir", "--json"],
    "logs": ["--level", "--project-dir", "--json"],
    "results": ["--format", "--output", "--last", "--start", "--end", "--rows", "--project-dir", "--json"],
    "explain": ["--project-dir", "--json"],
    "sql": ["--format", "--output", "--project-dir", "--json"],
    "hub list": ["--json"],
    "hub show": ["--json"],
    "hub push": ["--message", "--all", "--author", "--project-dir", "--json"],
    "hub log": ["--project-dir", "--json"],
    "hub diff": ["--project-dir", "--json"],
    "hub delete": ["--author", "--project-dir", "--json"],
    "hub test": ["--gold", "--map", "--parameter", "--model", "--limit", "--budget-usd", "--output", "--json"],
    "doctor": ["--project-dir", "--json"],
    "dev": ["--port", "--project-dir"],
    "demo": ["--serve", "--dir", "--port"],
}


@pytest.mark.parametrize(("command", "options"), COMMANDS.items(), ids=list(COMMANDS))
def test_help_names_the_options_and_the_exit_codes(command: str, options: list[str]) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])

    assert result.exit_code == 0
    assert [option for option in options if option not in result.stdout] == []
    assert "Exit codes" in result.stdout


ARGUMENTS = {
    "init": "Folder to make",
    "schema": "Which file's schema",
    "preview": "Name of a task",
    "run": "Name of a task",
    "backfill": "Name of a task",
    "runs": "Only runs of this task",
    "logs": "Id of a run, or its first characters",
    "results": "Name of a task",
    "explain": "Id of the unit",
    "sql": "One SELECT in DuckDB's SQL",
    "hub show": "Name of an evaluator",
    "hub push": "Evaluators, or their files",
    "hub log": "Name of an evaluator",
    "hub diff": "one of its versions",
    "hub delete": "Name of an evaluator",
    "hub test": "Name of an evaluator",
}


@pytest.mark.parametrize(("command", "said"), ARGUMENTS.items(), ids=list(ARGUMENTS))
def test_help_says_what_the_arguments_are(command: str, said: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])

    assert said in result.stdout


def test_the_help_of_the_program_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])

    assert [command for command in COMMANDS if command.split()[0] not in result.stdout] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["run", "nosuch"], 2, "there is no task 'nosuch'; there is: format, orders", id="unknown task"),
        pytest.param(["run", "formt"], 2, "Hint: did you mean 'format'?", id="nearly a task"),
        pytest.param(["run", "format", "--day", "soon"], 2, "'soon' is no day", id="no day"),
        pytest.param(["run", "format", "--day", "2025-12-31"], 2, "no partition", id="before the first day"),
        pytest.param(["run", "format", "--sampling-rate", "7"], 2, "sampling_rate", id="rate"),
        pytest.param(["run", "format", "--filter", "colour = 'red'"], 2, "colour", id="filter"),
        pytest.param(["backfill", "format"], 2, "--last 14d", id="no window"),
        pytest.param(["backfill", "format", "--last", "3x"], 2, "'3x' is no length", id="no length"),
        pytest.param(["backfill", "format", "--last", "3d", "--start", "2026-01-01"], 2, "exclude", id="two windows"),
        pytest.param(["backfill", "format", "--start", "2026-01-01"], 2, "belong together", id="half a window"),
        pytest.param(
            ["backfill", "format", "--start", "2026-01-02", "--end", "2026-01-02"], 2, "holds no day", id="empty window"
        ),
        pytest.param(["results", "format", "--format", "parquet"], 2, "--output", id="Parquet to a terminal"),
        pytest.param(["results", "format", "--output", "x"], 2, "--format csv", id="a table into a file"),
        pytest.param(["explain", "nosuch", "s1"], 2, "no task", id="explain an unknown task"),
        pytest.param(["runs", "nosuch"], 2, "no task", id="runs of an unknown task"),
        pytest.param(["logs", "abc"], 2, "no run 'abc'", id="unknown run"),
        pytest.param(["sql", "selec"], 2, "selec", id="no SQL"),
        pytest.param(["sql", "SELECT * FROM nosuch"], 2, "nosuch", id="no such table"),
        pytest.param(["sql", "SELECT 1; SELECT 2"], 2, "not one query", id="two queries"),
        pytest.param(["dev", "--port", "0"], 2, "--port", id="no port"),
    ],
)
def test_a_mistake_ends_with_a_sentence_and_code_2(evals: Evals, arguments: list[str], code: int, said: str) -> None:
    result = evals(*arguments)

    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_broken_task_is_refused_with_file_field_and_hint(evals: Evals, shop: Path) -> None:
    write_task(shop, "bad", BROKEN_TASK)

    result = evals("run", "bad")

    assert result.exit_code == 2
    assert "error: tasks/bad.yaml, filtr: there is no setting 'filtr'" in result.stderr
    assert "Hint: did you mean 'filter'?" in result.stderr


def test_a_lake_that_cannot_be_read_ends_with_code_3(evals: Evals, shop: Path) -> None:
    (shop / ".evals").mkdir()
    (shop / ".evals" / "lake").write_text("not a folder")

    result = evals("preview", "format")

    assert result.exit_code == 3, result.output
    assert "error: " in result.stderr


def test_a_ledger_that_cannot_be_opened_ends_with_code_3(evals: Evals, shop: Path) -> None:
    (shop / ".evals").mkdir()
    (shop / ".evals" / "ledger.db").write_text("this is no SQLite database, whatever its name says")

    result = evals("runs")

    assert result.exit_code == 3, result.output


def test_a_source_that_is_missing_fails_the_run_with_code_1(evals: Evals, shop: Path) -> None:
    (shop / "traces" / "first.jsonl").unlink()
    (shop / "traces").rmdir()

    result = evals("run", "format")

    assert result.exit_code == 1, result.output
    assert "traces" in result.stderr


def test_the_nearest_project_folder_upwards_is_used(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "traces")

    result = CliRunner().invoke(app, ["tasks", "--json"])

    assert result.exit_code == 0, result.stderr
    assert '"format"' in result.stdout


def test_without_a_project_folder_there_is_a_hint(tmp_path: Path) -> None:
    result = program("tasks", folder=tmp_path)

    assert result.returncode == 2
    assert "Hint: make a project with: evals init DIR" in result.stderr
    assert result.stdout == ""


def test_the_project_folder_may_come_from_the_environment(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALS_PROJECT_DIR", str(shop))

    result = CliRunner().invoke(app, ["check"])

    assert result.exit_code == 0
    assert "tasks/format" in result.stdout


def test_a_project_folder_that_is_missing_is_refused(evals: Evals, tmp_path: Path) -> None:
    result = evals("check", folder=tmp_path / "nosuch")

    assert (result.exit_code, "is no folder" in result.stderr) == (2, True)


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert result.stdout.startswith("evals-pipeline ")


@pytest.mark.parametrize("arguments", [["--help"], ["check"], ["tasks"], ["hub", "list"]], ids=" ".join)
def test_quick_commands_import_neither_dagster_nor_the_lake(shop: Path, arguments: list[str]) -> None:
    script = (
        "import sys\nfrom evals_pipeline.cli.main import app\n"
        f"try:\n    app({arguments!r}, prog_name='evals')\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print('loaded', *{'dagster', 'duckdb', 'deltalake', 'pandas'} & set(sys.modules), file=sys.stderr)"
    )

    import subprocess
    import sys

    ran = subprocess.run([sys.executable, "-c", script], cwd=shop, capture_output=True, text=True, check=True)

    assert ran.stderr.splitlines()[-1].strip() == "loaded"
