"""`evals hub check`: what people, editors and CI see of the static check."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from evals_pipeline.cli import exits
from evals_pipeline.cli.hub_check import check
from evals_pipeline.core.errors import EvalsError
from evals_pipeline_tests.builders import project_folder

GOOD = '''
import re

from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether the answer is polite."""

    threshold: float = 0.5

    def evaluate(self, *, dataset_row=None, output=None, **kwargs):
        return EvaluationResult(score=len(re.findall(self.pattern, output)) > self.threshold)
'''
BAD = GOOD.replace("import re\n", "import é, requests\n").replace("output=None, **kwargs", "output, größe")


def hub_check(*arguments: object, text: str | bytes = "") -> Result:
    """Runs the command by itself, its errors as the program would end it."""
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=text)
    if isinstance(result.exception, EvalsError):
        result.exit_code = exits.code_of(result.exception)
        result.output_bytes += str(result.exception).encode()
    return result


def document(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.fixture
def evaluators(tmp_path: Path) -> Path:
    folder = tmp_path / "evaluators"
    folder.mkdir()
    (folder / "polite.py").write_text(GOOD, encoding="utf-8")
    (folder / "bad.py").write_text(BAD, encoding="utf-8")
    return folder


def test_a_good_file_is_summed_up(evaluators: Path) -> None:
    result = hub_check(evaluators / "polite.py")

    assert result.exit_code == 0
    assert "polite.py: ok in" in result.stdout
    assert "class:      Polite\n" in result.stdout
    assert "variables:  output\n" in result.stdout
    assert "    takes dataset_row\n" in result.stdout
    assert "parameters: pattern (of any type, required), threshold (number, default 0.5)\n" in result.stdout
    assert "imports:    re, arize.experimental" in result.stdout


def test_problems_stand_with_their_place_the_line_and_carets(evaluators: Path) -> None:
    result = hub_check(evaluators / "bad.py")

    assert result.exit_code == 1
    said = result.stdout
    assert "bad.py:2:8: error unavailable-module the sandbox has no module 'é'" in said
    assert "    import é, requests\n           ^\n" in said
    assert "bad.py:2:11: error unavailable-module the sandbox has no module 'requests'" in said
    assert "    import é, requests\n              ^^^^^^^^\n" in said
    assert "bad.py:13:43: error undefined-name 're' is not defined; write at the top: import re\n" in said
    assert "bad.py:12:53: error no-default 'größe' needs a default: größe=None" in said
    assert "bad.py: 5 errors in" in said


def test_several_files_are_checked_and_one_bad_one_decides(evaluators: Path) -> None:
    result = hub_check(evaluators / "polite.py", evaluators / "bad.py")

    assert (result.exit_code, "polite.py: ok" in result.stdout) == (1, True)


def test_a_document_holds_everything_that_an_editor_needs(evaluators: Path) -> None:
    result = hub_check(evaluators / "bad.py", "--json")

    (file,) = document(result)["files"]
    assert result.exit_code == 1
    assert file["is_ok"] is document(result)["is_ok"] is False
    assert file["problems"][1] == {
        "line": 2,
        "column": 11,
        "end_line": 2,
        "end_column": 19,
        "severity": "error",
        "code": "unavailable-module",
        "message": file["problems"][1]["message"],
    }
    assert (file["class_name"], file["description"]) == ("Polite", "Whether the answer is polite.")
    assert [each["name"] for each in file["variables"]] == ["output", "größe"]
    assert file["parameters"][1] == {
        **{"name": "threshold", "type": "number", "description": "", "default": 0.5, "is_required": False},
        **{"line": 13, "column": 79, "end_line": 13, "end_column": 93},
    }
    assert (file["takes_row"], file["imports"][:2], file["settings"]) == (True, ["é", "requests"], None)
    assert file["milliseconds"] > 0


def test_text_comes_from_standard_input_as_people_type(evaluators: Path) -> None:
    plain = hub_check("-", "--json", text="class X:\n  def eval")
    named = hub_check("-", "--stdin-filename", evaluators / "polite.py", text=GOOD)

    assert plain.exit_code == 1
    (file,) = document(plain)["files"]
    assert (file["file"], file["problems"][0]["code"], file["class_name"]) == ("<stdin>", "syntax", None)
    assert (named.exit_code, "polite.py: ok" in named.stdout) == (0, True)


def test_the_yaml_beside_the_file_is_read_and_compared(evaluators: Path) -> None:
    beside = evaluators / "polite.yaml"
    beside.write_text(
        "kind: code\nparameters:\n  pattern: {type: regex, default: '(', description: What to look for.}\n"
    )

    result = hub_check(evaluators / "polite.py")
    typed = hub_check("-", "--stdin-filename", evaluators / "polite.py", "--json", text=GOOD)

    assert result.exit_code == 1
    assert (
        "error parameter-default the default of the parameter 'pattern' does not fit: '(' is no regular"
        in result.stdout
    )
    assert document(typed)["files"][0]["settings"] == {"file": str(beside), "problem": None}


def test_broken_yaml_beside_the_file_is_a_problem_of_its_own(evaluators: Path) -> None:
    (evaluators / "polite.yaml").write_text("kind: code\nrow_second: 3\n")

    result = hub_check(evaluators / "polite.py")
    as_json = document(hub_check(evaluators / "polite.py", "--json"))

    assert result.exit_code == 1
    assert "polite.yaml: row_second: error there is no setting 'row_second'" in result.stdout
    assert "Hint: did you mean 'row_seconds'?" in result.stdout
    assert "polite.py: 1 error in" in result.stdout
    assert as_json["files"][0]["settings"]["problem"]["field"] == "row_second"


@pytest.mark.parametrize("name", ["missing.py", "polite", "polite.yaml", "."])
def test_what_is_no_python_file_is_wrong_usage(evaluators: Path, name: str) -> None:
    assert hub_check(evaluators / name).exit_code == 2


def test_a_name_and_a_judge_are_told_what_to_check_instead() -> None:
    assert "evals hub check evaluators/polite.py" in hub_check("polite").output
    assert "judges are checked by `evals check`" in hub_check("evaluators/tone.yaml").output


def test_what_the_operator_can_do_about_a_missing_module_is_told(evaluators: Path) -> None:
    assert hub_check(evaluators / "bad.py").stdout.count("Hint: the operator can add an installed package") == 2


def test_a_file_in_another_encoding_is_told_where(evaluators: Path) -> None:
    (evaluators / "old.py").write_bytes("x = 1\ny = 'naïve'\n".encode("latin-1"))

    result = hub_check(evaluators / "old.py")

    assert result.exit_code == 1
    assert "old.py:2:8: error encoding the file is not saved as UTF-8" in result.stdout


def test_hostile_and_long_lines_are_shown_as_text(evaluators: Path) -> None:
    (evaluators / "odd.py").write_text(
        f"a = '\x1b[31m[bold]{'日' * 300}' + undefined_thing; b = '{'x' * 300}'\n", "utf-8"
    )

    result = hub_check(evaluators / "odd.py")

    assert "\x1b" not in result.stdout
    shown = next(line for line in result.stdout.splitlines() if "undefined_thing;" in line)
    carets = result.stdout.splitlines()[result.stdout.splitlines().index(shown) + 1]
    assert len(shown) < 200
    assert carets.strip() == "^" * len("undefined_thing")


def test_the_operators_packages_are_available(evaluators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (evaluators / "more.py").write_text("import yaml\n" + GOOD, encoding="utf-8")
    before = hub_check(evaluators / "more.py").exit_code
    monkeypatch.setenv("EVALS_SANDBOX_PACKAGES", "yaml")

    assert (before, hub_check(evaluators / "more.py").exit_code) == (1, 0)


def test_the_whole_project_is_checked_and_compared_with_the_hub(evaluators: Path) -> None:
    folder = project_folder(evaluators.parent, [])
    (evaluators / "cheerful.yaml").write_text(
        "kind: judge\ntemplate: 'Is it cheerful? {output}'\nchoices: {good: 1, bad: 0}\n"
    )

    result = hub_check("--project-dir", folder)
    as_json = hub_check("--project-dir", folder, "--json")

    assert result.exit_code == as_json.exit_code == 1
    assert "broken  evaluators/bad.py" in result.stdout
    assert "evaluators/bad.py:2:11: error unavailable-module" in result.stdout
    assert "ok      evaluators/polite.py (never pushed)" in result.stdout
    assert "push it: evals hub push polite" in result.stdout
    found = {each["name"]: each for each in document(as_json)["files"]}
    assert [found[name]["is_ok"] for name in ("bad", "cheerful", "polite")] == [False, True, True]
    assert (found["polite"]["check"]["class_name"], found["cheerful"]["check"]) == ("Polite", None)


def test_a_file_that_cannot_be_read_hides_no_other_and_broken_ones_need_no_push(evaluators: Path) -> None:
    folder = project_folder(evaluators.parent, [])
    (evaluators / "gone.py").symlink_to(evaluators / "nowhere.py")
    (evaluators / "folder.py").mkdir()

    result = hub_check("--project-dir", folder)
    found = {each["name"]: each for each in document(hub_check("--project-dir", folder, "--json"))["files"]}

    assert result.exit_code == 1
    assert "broken  evaluators/gone.py: the file cannot be read" in result.stdout
    assert "ok      evaluators/polite.py" in result.stdout
    assert "evals hub push bad" not in result.stdout
    assert {name: each["is_ok"] for name, each in found.items()} == {
        "bad": False,
        "folder": False,
        "gone": False,
        "polite": True,
    }


def test_continuous_integration_may_require_that_everything_is_pushed(evaluators: Path) -> None:
    folder = project_folder(evaluators.parent, [])
    (evaluators / "bad.py").unlink()

    lenient = hub_check("--project-dir", folder)
    strict = hub_check("--project-dir", folder, "--require-pushed")

    assert (lenient.exit_code, strict.exit_code) == (0, 1)


def test_nothing_heavy_is_loaded_to_check_a_file(evaluators: Path) -> None:
    script = (
        "import sys\n"
        "from evals_pipeline.cli.main import app\n"
        "from evals_pipeline.cli.hub_check import check\n"
        "check([sys.argv[1]])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    command = [sys.executable, "-c", script, str(evaluators / "polite.py")]

    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()

    heavy = {"pyarrow", "duckdb", "sqlalchemy", "alembic", "pandas", "numpy", "scipy", "dagster", "openai", "sqlglot"}
    assert heavy.isdisjoint(loaded)
