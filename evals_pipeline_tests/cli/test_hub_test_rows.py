"""`evals hub test` on rows of a task: custom code in its sandbox, judges by their model, checks by their definition."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from evals_pipeline.core import columns as c
from evals_pipeline_tests.builders import deliver, judged_folder, project_folder, span, write_task
from evals_pipeline_tests.cli.conftest import caller, document
from evals_pipeline_tests.llm.provider import Provider

LENGTH = '''
from evals_pipeline import CodeEvaluator, EvaluationResult


class Length(CodeEvaluator):
    """Whether an answer is long."""

    least: float = 5

    def evaluate(self, *, output=None, latency=None, roles=None, **kwargs):
        print("\\x1b[31mred", type(latency).__name__, roles)
        if output == "fail":
            raise ValueError("no such answer")
        return EvaluationResult(len(output), "long" if len(output) >= self.least else "short", f"{self.least:g}")
'''
TASK = """
project: shop
filter: "name <> 'hidden'"
evaluators:
  - evaluator: length
    parameters: {least: 3}
    mapping: {output: attributes.output.value, latency: latency_ms, roles: attributes.metadata.roles}
"""
CHECKS = """
project: shop
evaluators:
  - {evaluator: json_parseable, as: first, mapping: {text: attributes.output.value}}
  - {evaluator: json_parseable, as: second, mapping: {text: attributes.input.value}}
  - {evaluator: matches_regex, parameters: {pattern: '(?<=or)der'}, mapping: {text: attributes.input.value}}
"""


def make_shop(folder: Path) -> Path:
    metadata = {"roles": ["user", {"n": 1}]}
    found = [
        span("s0", **{c.OUTPUT_VALUE: "yes", c.METADATA: metadata}),
        span("s1", **{c.OUTPUT_VALUE: "fail", c.METADATA: metadata}),
        span("s2", **{c.OUTPUT_VALUE: "no", c.METADATA: metadata}),
        span("s3", **{c.OUTPUT_VALUE: "without roles"}),
        span("s4", **{c.OUTPUT_VALUE: "of no interest", c.NAME: "hidden", c.METADATA: metadata}),
    ]
    project_folder(folder, found, lengths=TASK, checks=CHECKS)
    (folder / "evaluators").mkdir()
    (folder / "evaluators" / "length.py").write_text(LENGTH, "utf-8")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def hub_test(folder: Path, *arguments: str) -> Result:
    return caller(folder)("hub", "test", *arguments)


def by_unit(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["unit"]: row for row in found["rows"]}


def test_custom_code_is_shown_rows_of_the_only_task_that_names_it(shop: Path) -> None:
    found = document(hub_test(shop, "length", "--json"))

    rows = by_unit(found)
    assert set(rows) == {"s0", "s1", "s2", "s3"}
    assert (rows["s0"]["label"], rows["s0"]["score"], rows["s0"]["explanation"]) == ("long", 3.0, "3")
    assert rows["s0"]["variables"] == {"output": "yes", "latency": 1000.0, "roles": ["user", {"n": 1}]}
    assert rows["s2"]["label"] == "short"
    assert rows["s3"]["error_message"] == "variable 'roles' is missing: 'attributes.metadata.roles' has no value"
    assert rows["s1"]["error_type"] == "ValueError"
    assert rows["s1"]["error_message"] == "no such answer (evaluators/length.py, line 13)"
    assert found["outcomes"] == {"evaluated": 2, "errored": 1, "skipped": 1}
    assert found["sandbox"]["tier"] in (1, 2, 3)
    assert "red float ['user', {'n': 1}]" in found["log"]


def test_a_person_reads_a_line_for_each_unit_and_what_it_printed(shop: Path) -> None:
    told = hub_test(shop, "length", "--parameter", "least=2", "--limit", "3")

    assert told.exit_code == 0, told.output
    assert "(evaluators/length.py as it stands, never pushed), on 3 rows of lengths" in told.stdout
    assert "errored" in told.stdout and "ValueError: no such answer (evaluators/length.py, line 13)" in told.stdout
    assert "sandbox: tier" in told.stdout
    assert "what it printed:\nred float" in told.stdout
    assert "\x1b" not in told.stdout


def test_a_name_means_what_was_pushed_and_a_file_means_the_file(shop: Path) -> None:
    evals = caller(shop)
    assert evals("hub", "push", "length", "-m", "First").exit_code == 0
    source = shop / "evaluators" / "length.py"
    source.write_text(source.read_text("utf-8").replace('"short"', '"brief"'), "utf-8")

    pushed = document(evals("hub", "test", "length", "--json"))
    pinned = document(evals("hub", "test", "length@1", "--json"))
    written = document(evals("hub", "test", "evaluators/length.py", "--json"))

    assert [pushed["ran"], pinned["ran"]] == ["version 1", "version 1"]
    assert "evaluators/length.py as it stands" in written["ran"]
    assert [by_unit(found)["s2"]["label"] for found in (pushed, pinned, written)] == ["short", "short", "brief"]


def test_an_evaluator_that_no_task_names_is_shown_the_rows_of_any(shop: Path) -> None:
    (shop / "tasks" / "lengths.yaml").unlink()
    mapped = ("--map", "output=attributes.output.value", "--parameter", "least=100")

    found = document(hub_test(shop, "evaluators/length.py", "--task", "checks", *mapped, "--json"))

    assert by_unit(found)["s4"]["label"] == "short"
    assert found["outcomes"] == {"evaluated": 4, "errored": 1}


def test_a_check_is_tested_under_the_name_of_its_result(shop: Path) -> None:
    found = document(hub_test(shop, "second", "--json"))
    confined = document(hub_test(shop, "matches_regex", "--json"))

    assert (found["evaluator"], found["outcomes"]) == ("json_parseable", {"evaluated": 5})
    assert {row["label"] for row in confined["rows"]} == {"matches"}


def test_numbers_that_json_lacks_are_shown_as_null(shop: Path) -> None:
    deliver(shop, "odd", [span("odd", **{c.OUTPUT_VALUE: '{"roles": [NaN, 1e999]}', c.METADATA: {"roles": []}})])
    mapped = ("--map", "roles=attributes.output.value.roles", "--limit", "9")

    found = document(hub_test(shop, "length", *mapped, "--json"))

    assert by_unit(found)["odd"]["variables"]["roles"] == [None, None]
    assert "float [nan, inf]" in found["log"]


def test_a_judge_asks_its_model_and_heeds_a_budget(tmp_path: Path) -> None:
    with Provider(answer="polite") as provider:
        talks = [span(f"s{n}", **{c.OUTPUT_VALUE: f"answer {n}"}) for n in range(4)]
        folder = judged_folder(tmp_path / "shop", provider.base_url, talks)

        first = document(hub_test(folder, "politeness", "--limit", "2", "--json"))
        again = document(hub_test(folder, "politeness", "--limit", "2", "--json"))
        poor = hub_test(folder, "politeness", "--budget-usd", "0", "--json")

    assert [row["label"] for row in first["rows"]] == ["polite", "polite"]
    assert (first["calls"], again["calls"], again["reused"]) == (2, 0, 2)
    assert first["model"] == "gpt-5-mini"
    assert json.loads(poor.stdout)["outcomes"] == {"evaluated": 2, "over_budget": 2}


def test_where_nothing_is_judged_the_test_fails(shop: Path) -> None:
    write_task(shop, "lengths", TASK.replace("name <> 'hidden'", "name = 'never'"))

    told = hub_test(shop, "length")

    assert told.exit_code == 1
    assert "no span matches the filters" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("lenght",), "did you mean 'length'?", id="an unknown evaluator"),
        pytest.param(("toxicity",), "no task names 'toxicity'", id="in no task"),
        pytest.param(("json_parseable",), "several results of 'json_parseable': first, second", id="twice in a task"),
        pytest.param(("length@x",), "names no version", id="no number"),
        pytest.param(("length@1",), "has no versions", id="never pushed"),
        pytest.param(("exact_match@1",), "prebuilt and has no numbered versions", id="a version of a prebuilt check"),
        pytest.param(("length", "--map", "otput=name"), "did you mean 'output'?", id="no such variable"),
        pytest.param(("length", "--parameter", "least=much"), "--parameter least: ", id="no number"),
        pytest.param(("length", "--balanced"), "--gold FILE", id="without labels"),
        pytest.param(("length", "--gold", "x.csv", "--task", "lengths"), "exclude each other", id="both"),
        pytest.param(("evaluators/none.py",), "there is no file", id="no file"),
        pytest.param(("length", "--task", "lenghts"), "did you mean 'lengths'?", id="no such task"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[str, ...], said: str, shop: Path) -> None:
    refused = hub_test(shop, *arguments)

    assert refused.exit_code == 2, refused.output
    assert said in refused.stderr


def test_where_the_only_task_that_names_it_is_broken_its_problem_is_told(shop: Path) -> None:
    write_task(shop, "lengths", TASK.replace("output: attributes.output.value, ", "otput: name, "))

    refused = hub_test(shop, "length")

    assert refused.exit_code == 2
    assert "the task that names 'length' is broken: tasks/lengths.yaml, evaluators.0.mapping" in refused.stderr
    assert "did you mean 'output'?" in refused.stderr


def test_a_parameter_that_is_missing_is_asked_for_as_an_option(shop: Path) -> None:
    needy = LENGTH.replace("    least: float = 5\n", "    least: float\n")
    (shop / "evaluators" / "needy.py").write_text(needy, "utf-8")
    (shop / "gold.csv").write_text("output,label\nyes,long\n", "utf-8")
    mapped = ("needy", "--task", "lengths", "--map", "output=attributes.output.value")

    for asked in (mapped, ("needy", "--gold", str(shop / "gold.csv"))):
        assert "Hint: give it: --parameter least=VALUE" in hub_test(shop, *asked).stderr
    assert hub_test(shop, *mapped, "--parameter", "least=3").exit_code == 0


def test_two_tasks_that_name_it_must_be_told_apart(shop: Path) -> None:
    write_task(shop, "other", TASK.replace("evaluator: length", "evaluator: length\n    as: other_length"))

    refused = hub_test(shop, "length")

    assert refused.exit_code == 2
    assert "several tasks name 'length': lengths, other" in refused.stderr


def test_a_broken_file_is_refused_with_its_reason(shop: Path) -> None:
    assert caller(shop)("hub", "push", "length", "-m", "First").exit_code == 0
    (shop / "evaluators" / "length.py").write_text("class Length(:\n", "utf-8")

    refused = hub_test(shop, "evaluators/length.py")

    assert refused.exit_code == 2
    assert "evaluators/length.py, line 1" in refused.stderr


def test_a_setting_of_the_operator_that_means_nothing_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALS_SANDBOX", "on")

    refused = hub_test(shop, "length")

    assert refused.exit_code == 2
    assert "EVALS_SANDBOX='on' means nothing" in refused.stderr


HOSTILE = """
import ctypes

from evals_pipeline import CodeEvaluator, EvaluationResult


class Length(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        while output == "fail":
            pass
        if output == "no":
            ctypes.string_at(0)
        return EvaluationResult(label="\\x1b[31mred\\u202e", explanation="x" * 20_000)
"""


def test_a_row_that_never_ends_and_one_that_crashes_cost_themselves_only(shop: Path) -> None:
    (shop / "evaluators" / "length.py").write_text(HOSTILE, "utf-8")
    (shop / "evaluators" / "length.yaml").write_text("kind: code\nrow_seconds: 0.3\n", "utf-8")
    only_output = "project: shop\nevaluators:\n  - {evaluator: length, mapping: {output: attributes.output.value}}\n"
    write_task(shop, "lengths", only_output)

    told = hub_test(shop, "length")

    assert "TimeoutError: the row took longer than 0.3 s" in told.stdout
    assert "WorkerCrashed: " in told.stdout
    assert "outcomes: 2 errored, 3 evaluated" in told.stdout
    assert "3 rows had a text that was cut to fit" in told.stdout
    assert "\x1b" not in told.stdout
    assert "\u202e" not in told.stdout


def gold(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def test_custom_code_is_held_against_gold_labels_with_values_in_their_types(shop: Path) -> None:
    rows = [
        {"output": "hello", "latency": 3, "roles": ["a"], "label": "long"},
        {"output": "no", "latency": 2.5, "roles": {"a": None}, "label": "short"},
        {"output": "fail", "latency": 1, "roles": "text", "label": "short"},
        {"output": "x", "latency": None, "roles": [], "label": "curt"},
    ]
    path = gold(shop, "gold.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    found = document(hub_test(shop, "length", "--gold", path, "--json"))

    assert found["outcomes"] == {"evaluated": 2, "errored": 1, "skipped": 1}
    assert found["labels"] == ["curt", "long", "short"]
    assert found["accuracy"]["value"] == 1.0
    assert found["log"].replace("\x1b[31m", "").splitlines() == [
        "red int ['a']",
        "red float {'a': None}",
        "red int text",
    ]


def test_an_optional_variable_without_a_column_keeps_its_default(shop: Path) -> None:
    path = gold(shop, "gold.csv", "answer,label\nhello,long\nno,long\n")

    told = hub_test(shop, "length", "--gold", path, "--map", "output=answer", "--parameter", "least=3")

    assert told.exit_code == 0, told.output
    assert "50.0%" in told.stdout
    assert "what it printed:\nred NoneType None" in told.stdout


def test_a_pattern_that_needs_the_sandbox_is_held_against_gold_labels(shop: Path) -> None:
    path = gold(shop, "gold.csv", "text,label\norder,matches\nborder,matches\nder,no_match\n")

    found = document(hub_test(shop, "matches_regex", "--parameter", "pattern=(?<=or)der", "--gold", path, "--json"))

    assert found["matrix"] == [[2, 0], [0, 1]]
