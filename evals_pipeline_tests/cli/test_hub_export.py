"""`evals hub export`: scripts and notebooks that run as they stand, can be changed, and be taken back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from evals_pipeline.core import columns as c
from evals_pipeline_tests.builders import judged_folder, project_folder, span
from evals_pipeline_tests.cli.conftest import caller
from evals_pipeline_tests.llm.provider import Provider

POLITE = '''
"""Whether an answer is polite."""

from __future__ import annotations

from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether an answer holds a polite word."""

    def evaluate(self, *, output=None, started=None, role=None, dataset_row=None, **kwargs) -> EvaluationResult:
        if "Sorry" in output:
            raise ValueError("no excuses")
        known = sorted(dataset_row)
        label = "polite" if self.word in output else "plain"
        return EvaluationResult(score=len(output), label=label, explanation=f"{started.year} {role} {len(known)}")
'''.lstrip()
SETTINGS = "kind: code\nparameters: {word: {type: string}}\n"
TASK = """
project: shop
filter: "name <> 'hidden'"
evaluators:
  - evaluator: polite
    parameters: {word: please}
    mapping:
      output: attributes.output.value
      started: start_time
      role: attributes.llm.input_messages.0.message.role
    additional_attributes: [attributes.metadata]
"""
MESSAGES = [{"message": {"role": "user", "content": "hi"}}]
RUN_CELLS = """
import json, sys
names = {}
for cell in json.load(sys.stdin):
    exec(compile(cell, "cell", "exec"), names)
print(json.dumps(names["results"]))
"""
NEEDY = """
from evals_pipeline import CodeEvaluator, EvaluationResult


class Other(CodeEvaluator):
    least: float

    def evaluate(self, *, text=None, **kwargs):
        return EvaluationResult(label="long" if len(text) >= self.least else "short")
"""
HOSTILE = "'''\"\"\"\\\n{x} please \x1b[31m\u202e # ---- evaluators/polite.py ends ----\nimport os; os.abort()"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    found = [
        span("s0", **{c.OUTPUT_VALUE: "yes, please", c.INPUT_MESSAGES: MESSAGES, c.METADATA: {"n": [1, None, 2.5]}}),
        span("s1", **{c.OUTPUT_VALUE: "Sorry", c.INPUT_MESSAGES: MESSAGES}),
        span("s2", **{c.OUTPUT_VALUE: "no role"}),
        span("s3", **{c.OUTPUT_VALUE: HOSTILE, c.INPUT_MESSAGES: MESSAGES}),
        span("s4", **{c.OUTPUT_VALUE: "not of the task", c.NAME: "hidden"}),
    ]
    folder = project_folder(tmp_path / "shop", found, tone=TASK)
    (folder / "evaluators").mkdir()
    (folder / "evaluators" / "polite.py").write_text(POLITE, "utf-8")
    (folder / "evaluators" / "polite.yaml").write_text(SETTINGS, "utf-8")
    return folder


def export(folder: Path, *arguments: str) -> Result:
    return caller(folder)("hub", "export", *arguments)


def exported(folder: Path, out: Path, *arguments: str) -> tuple[Path, Path]:
    result = export(folder, *arguments, "-o", str(out))

    assert result.exit_code == 0, result.output
    script, notebook = sorted(out.iterdir(), reverse=True)
    return script, notebook


def ran(script: Path) -> dict[str, str]:
    """Unit -> the rest of its line, as the script prints it in a process of its own."""
    done = subprocess.run([sys.executable, str(script)], cwd=script.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines()[1:])
    return {unit: " ".join(rest.split()) for unit, rest in lines}


def code_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def between_lines(script: Path) -> str:
    text = script.read_text("utf-8").partition("# ---- evaluators/polite.py begins ----\n")[2]
    return text.partition("# ---- evaluators/polite.py ends ----\n")[0]


def test_the_script_judges_real_rows_as_it_stands(shop: Path, tmp_path: Path) -> None:
    script, _ = exported(shop, tmp_path / "out", "polite")

    said = ran(script)

    assert script.name == "polite_test.py"
    assert said["s0"] == "polite 11 2026 user 4"
    assert said["s1"] == "ValueError: no excuses"
    assert said["s2"] == "LookupError: skipped, no value for: role"
    assert said["s3"].startswith("polite")
    assert set(said) == {"s0", "s1", "s2", "s3"}


def test_what_is_changed_counts_and_can_be_taken_back(shop: Path, tmp_path: Path) -> None:
    script, _ = exported(shop, tmp_path / "out", "polite")

    script.write_text(script.read_text("utf-8").replace('"plain"', '"curt"').replace('"no excuses"', '"none"'), "utf-8")
    said = ran(script)
    (shop / "evaluators" / "polite.py").write_text(between_lines(script), "utf-8")
    checked = caller(shop)("hub", "check", "--json")
    tested = json.loads(caller(shop)("hub", "test", "polite", "--json").stdout)

    assert said["s1"] == "ValueError: none"
    assert json.loads(checked.stdout)["is_ok"] is True
    assert {row["unit"]: row["error_message"] for row in tested["rows"]}["s1"].startswith("none (evaluators/polite.py")


def test_the_cells_of_the_notebook_run_one_after_the_other(shop: Path, tmp_path: Path) -> None:
    _, notebook = exported(shop, tmp_path / "out", "polite")
    cells = code_of(notebook)
    done = subprocess.run(
        [sys.executable, "-c", RUN_CELLS],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert ["s0", "polite", 11, "2026 user 4"] in results
    assert cells[1] == POLITE.strip("\n")


def test_the_notebook_has_the_form_of_notebooks(shop: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    _, notebook = exported(shop, tmp_path / "out", "polite")

    nbformat.validate(nbformat.read(notebook, as_version=4))


def test_the_notebook_says_what_it_is(shop: Path, tmp_path: Path) -> None:
    _, notebook = exported(shop, tmp_path / "out", "polite")

    document: dict[str, Any] = json.loads(notebook.read_text("utf-8"))

    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert [cell["id"] for cell in document["cells"]] == ["about", "setup", "evaluator", "rows", "run"]
    assert all({"execution_count", "outputs"} <= set(cell) for cell in document["cells"][1:])
    assert "There is no sandbox here" in "".join(document["cells"][0]["source"])


def test_rows_keep_their_types_and_hostile_text_is_data(shop: Path, tmp_path: Path) -> None:
    script, _ = exported(shop, tmp_path / "out", "polite")
    names: dict[str, Any] = {"__name__": "exported"}

    exec(compile(script.read_text("utf-8"), "exported", "exec"), names)

    rows = names["TASK_ROWS"]
    assert rows["s3"][c.OUTPUT_VALUE] == HOSTILE
    assert rows["s0"][c.METADATA] == {"n": [1, None, 2.5]}
    assert rows["s0"][c.START_TIME].isoformat() == "2026-01-10T12:00:00+00:00"
    assert names["TASK_PARAMETERS"] == {"word": "please"}
    assert "\x1b" not in script.read_text("utf-8")


def test_the_number_of_rows_is_a_choice(shop: Path, tmp_path: Path) -> None:
    script, _ = exported(shop, tmp_path / "out", "polite", "--task", "tone", "--rows", "1")

    assert len(ran(script)) == 1


def test_files_that_are_there_stay_without_force(shop: Path, tmp_path: Path) -> None:
    script, _ = exported(shop, tmp_path / "out", "polite")
    script.write_text("mine", "utf-8")

    refused = export(shop, "polite", "-o", str(tmp_path / "out"))
    kept = script.read_text("utf-8")
    forced = export(shop, "polite", "-o", str(tmp_path / "out"), "--force", "--json")

    assert refused.exit_code == 2
    assert "exists already" in refused.stderr and "--force" in refused.stderr
    assert kept == "mine"
    assert len(json.loads(forced.stdout)["files"]) == 2
    assert script.read_text("utf-8") != "mine"


def test_scripts_do_not_go_where_evaluators_are(shop: Path) -> None:
    refused = export(shop, "polite", "-o", str(shop / "evaluators"))

    assert refused.exit_code == 2
    assert "evaluators/ holds evaluators only" in refused.stderr


def test_a_source_that_takes_names_of_the_export_is_refused(shop: Path, tmp_path: Path) -> None:
    (shop / "evaluators" / "polite.py").write_text(f"{POLITE}\n\nTASK_ROWS = 3\n", "utf-8")

    refused = export(shop, "polite", "-o", str(tmp_path))

    assert refused.exit_code == 2
    assert "TASK_ROWS" in refused.stderr


def test_without_rows_there_is_nothing_to_export(shop: Path, tmp_path: Path) -> None:
    (shop / "tasks" / "tone.yaml").write_text(TASK.replace("name <> 'hidden'", "name = 'never'"), "utf-8")

    refused = export(shop, "polite", "-o", str(tmp_path / "out"))

    assert refused.exit_code == 2
    assert "matches its filters" in refused.stderr


def test_a_prebuilt_check_is_exported_with_its_parameters(shop: Path, tmp_path: Path) -> None:
    task = (
        "project: shop\nevaluators:\n  - evaluator: matches_regex\n    as: asks\n    parameters: {pattern: 'p.ease'}\n"
    )
    (shop / "tasks" / "asks.yaml").write_text(task + "    mapping: {text: attributes.output.value}\n", "utf-8")

    script, _ = exported(shop, tmp_path / "out", "asks")

    assert script.name == "asks_test.py"
    assert ran(script)["s0"] == "matches 1.0 The text matches the pattern."


def test_one_that_no_task_names_is_exported_with_options(shop: Path, tmp_path: Path) -> None:
    (shop / "evaluators" / "other.py").write_text(NEEDY, "utf-8")
    asked = ("other", "--task", "tone", "--map", "text=attributes.output.value", "--parameter", "least=5")

    script, _ = exported(shop, tmp_path / "out", *asked)

    assert ran(script)["s0"].startswith("long")
    assert ran(script)["s1"].startswith("long")


def test_a_judge_is_exported_as_a_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    with Provider(answer="polite", explanation="It is.") as provider:
        folder = judged_folder(tmp_path / "shop", provider.base_url, [span("s0"), span("s1")])
        script, _ = exported(folder, tmp_path / "out", "politeness")

        said = ran(script)

    assert said == {"s0": "polite 1.0 It is.", "s1": "polite 1.0 It is."}
    assert "Was the customer answered politely?" in script.read_text("utf-8")


@pytest.mark.parametrize(
    "first",
    [
        "from __future__ import annotations; import re",
        '"""A\x0cdocstring."""; from __future__ import (\n    annotations,\n)  # why\n',
        "from __future__ import (\n    annotations,\n)",
        "# -*- coding: utf-8 -*-\r\nfrom __future__ import annotations\r",
    ],
)
def test_imports_from_the_future_stand_at_the_top_of_the_script(first: str, shop: Path, tmp_path: Path) -> None:
    source = POLITE.partition("annotations\n")[2]
    (shop / "evaluators" / "polite.py").write_bytes(f"{first}\n{source}".encode())

    script, _ = exported(shop, tmp_path / "out", "polite", "--rows", "1")

    assert len(ran(script)) == 1


def test_a_name_of_an_evaluator_is_no_name_of_a_result(shop: Path, tmp_path: Path) -> None:
    other = "project: shop\nevaluators:\n  - {evaluator: json_parseable, as: exact_match,"
    (shop / "tasks" / "other.yaml").write_text(other + " mapping: {text: attributes.output.value}}\n", "utf-8")

    refused = export(shop, "exact_match", "-o", str(tmp_path / "out"))

    assert refused.exit_code == 2
    assert "no task names 'exact_match'" in refused.stderr
