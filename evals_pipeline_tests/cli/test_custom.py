"""Custom evaluators at a terminal: previewed, run, explained, and how well they are confined."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline_tests.builders import CODE, CODE_TASK, DAY, custom_folder, deliver, span, write_code
from evals_pipeline_tests.cli.conftest import Evals, document

TAGS_TASK = CODE_TASK.replace("output: attributes.output.value", "output: attributes.metadata.tags")
TAGS_TASK += "filter: name = 'tagged'\n"


@pytest.fixture
def shop(shop_with_instance: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(shop_with_instance, tmp_path / "shop"))
    (folder / "tasks" / "format.yaml").unlink()  # gives a result of the same name as the task below
    return custom_folder(folder, length=CODE_TASK)


def test_a_run_tells_how_its_code_was_confined_and_how_it_failed(evals: Evals, shop: Path) -> None:
    deliver(shop, "empty", [span("empty", **{c.OUTPUT_VALUE: ""})])

    ran = evals("run", "length", "--day", str(DAY))

    assert ran.exit_code == 0, ran.output
    assert "sandbox: tier " in ran.stdout
    assert "brief failed most often, on 1 unit, with ZeroDivisionError: division by zero" in ran.stderr
    assert "tier " in evals("runs").stdout
    (told,) = document(evals("runs", "--json"))
    assert told["sandbox"]["seccomp"] is True
    assert "division by zero (evaluators/brief.py, line 7)" in evals("explain", "length", "empty").stdout


def test_an_evaluator_that_gives_scores_alone_is_among_the_results(evals: Evals, shop: Path) -> None:
    scores = CODE.replace('label="brief" if len(output) < 5 else "long", score=1 / len(output)', "score=0.25")
    write_code(shop, "brief", scores)

    ran = evals("run", "length", "--day", str(DAY))

    assert "brief (no labels; mean score 0.25)" in " ".join(ran.stdout.split())


def test_a_preview_shows_values_in_their_own_types(evals: Evals, shop: Path) -> None:
    (shop / "tasks" / "length.yaml").write_text(TAGS_TASK)
    deliver(shop, "tagged", [span("tagged", **{c.NAME: "tagged", c.METADATA: '{"tags": ["a", 1, NaN]}'})])

    shown = evals("preview", "length")
    found = document(evals("preview", "length", "--json"))

    assert "  example   ['a', 1, nan]" in shown.stdout
    assert found["variables"][0]["examples"] == ["['a', 1, nan]"]  # strict JSON has no word for it


def test_doctor_tells_tier_kernel_and_packages(evals: Evals, monkeypatch: pytest.MonkeyPatch) -> None:
    confined = {each["what"]: each for each in document(evals("doctor", "--json"))}
    monkeypatch.setenv("EVALS_SANDBOX", "unsafe")
    unsafe = {each["what"]: each for each in document(evals("doctor", "--json"))}
    monkeypatch.delenv("EVALS_SANDBOX")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        refused = {each["what"]: each for each in document(evals("doctor", "--json"))}

    assert (confined["sandbox"]["status"], confined["sandbox"]["detail"][:5]) == ("ok", "tier ")
    assert "numpy" in confined["sandbox packages"]["detail"]
    assert (unsafe["sandbox"]["status"], "unsafe" in unsafe["sandbox"]["detail"]) == ("note", True)
    assert (refused["sandbox"]["status"], "nowhere" in refused["sandbox"]["detail"]) == ("note", True)


def test_doctor_tells_packages_that_are_not_installed(evals: Evals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALS_SANDBOX_PACKAGES", "nosuchpackage")
    found = {each["what"]: each for each in json.loads(evals("doctor", "--json").stdout)}

    assert "nosuchpackage" not in found["sandbox packages"]["detail"]
    assert found["sandbox package nosuchpackage"]["status"] == "missing"
    assert "EVALS_SANDBOX_PACKAGES" in found["sandbox package nosuchpackage"]["hint"]


@pytest.mark.parametrize(
    ("name", "value"), [("EVALS_SANDBOX", "off"), ("EVALS_SANDBOX_MIN_TIER", "0"), ("EVALS_SANDBOX_PACKAGES", "a b")]
)
def test_a_wrong_setting_of_the_operator_is_told_once_and_breaks_no_file(
    evals: Evals, shop: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    told = evals("check")
    found = json.loads(evals("check", "--json").stdout)
    (doctor,) = [each for each in json.loads(evals("doctor", "--json").stdout) if name in each["detail"]]

    assert told.exit_code == 1
    assert (told.stdout.count(name), told.stdout.count("Hint:")) == (1, 1)
    assert "ok      tasks/length" in told.stdout
    assert found["broken"] == []
    assert name in found["sandbox_problem"]["message"]
    assert (doctor["what"], doctor["status"]) == ("sandbox", "missing")
