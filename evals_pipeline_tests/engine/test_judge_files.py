"""Files of judges and models: found by tasks, and refused with place and hint when they are wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.catalog import BrokenFile, read_catalog
from evals_pipeline.engine.hub.entries import hub_entry
from evals_pipeline_tests.builders import JUDGE, JUDGE_TASK, judged_folder, write_judge, write_models, write_task

ADDRESS = "http://127.0.0.1:9/v1"
MAPPING = "mapping: {input: attributes.input.value, output: attributes.output.value}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with judge `politeness`, model `default` and task `tone`."""
    return judged_folder(tmp_path, ADDRESS)


def broken(folder: Path) -> list[BrokenFile]:
    return list(read_catalog(folder).broken)


def one_task(evaluator: str) -> str:
    return f"project: shop\nevaluators:\n  - {{evaluator: {evaluator}}}\n"


def test_a_task_finds_the_judge_of_its_folder_with_the_default_model(folder: Path) -> None:
    judge = read_catalog(folder).task("tone").uses[0].judge

    assert judge is not None
    assert (judge.name, judge.model.name, judge.model.base_url) == ("politeness", "gpt-5-mini", ADDRESS)


def test_a_task_finds_a_prebuilt_judge(folder: Path) -> None:
    write_task(folder, "safe", one_task("toxicity, mapping: {text: attributes.output.value}"))

    judge = read_catalog(folder).task("safe").uses[0].judge

    assert judge is not None
    assert judge.name == "toxicity"


def test_a_name_inside_is_accepted_when_it_is_the_files(folder: Path) -> None:
    write_judge(folder, "politeness", "name: politeness\n" + JUDGE)

    assert broken(folder) == []


@pytest.mark.parametrize(
    ("settings", "name"),
    [("", "gpt-5-mini"), ("model: big", "gpt-big"), ("model: {name: gpt-own}", "gpt-own")],
    ids=["its own", "by name", "in place"],
)
def test_a_task_may_choose_the_model(folder: Path, settings: str, name: str) -> None:
    write_models(folder, default="{name: gpt-5-mini}", big="{name: gpt-big}")
    write_task(folder, "tone", one_task(f"politeness, {MAPPING}, {settings}"))

    (use,) = read_catalog(folder).task("tone").uses

    assert use.judge is not None
    assert use.judge.model.name == name


def test_the_model_decides_the_version_and_how_fast_it_is_asked_does_not(folder: Path) -> None:
    first = read_catalog(folder).task("tone")
    write_models(folder, default=f"{{name: gpt-5-mini, base_url: '{ADDRESS}', max_in_flight: 3, timeout_seconds: 5}}")
    slower = read_catalog(folder).task("tone")
    write_models(folder, default=f"{{name: gpt-5, base_url: '{ADDRESS}'}}")
    other = read_catalog(folder).task("tone")

    assert first.fingerprint == slower.fingerprint
    assert first.fingerprint != other.fingerprint


def test_a_folder_may_have_an_empty_models_file(folder: Path) -> None:
    (folder / "models.yaml").write_text("# default: {name: gpt-5-mini}\n")
    (folder / "tasks" / "tone.yaml").unlink()

    assert broken(folder) == []


JUDGES = {
    "a typo": (JUDGE + "modle: x\n", "modle", "no setting 'modle'", "did you mean 'model'?"),
    "another name": ("name: other\n" + JUDGE, "name", "file name", "'politeness'"),
    "no kind": (JUDGE.replace("kind: judge", ""), "kind", "missing", "kind:"),
    "another kind": (JUDGE.replace("kind: judge", "kind: human"), "kind", "'judge' or 'code', not 'human'", ""),
    "code that is not there": (
        JUDGE.replace("judge", "code", 1),
        "kind",
        "no politeness.py",
        "evaluators/politeness.py",
    ),
    "a filter that is none": (JUDGE + "filter: span_kind =\n", "filter", "", ""),
    "one choice": (JUDGE.replace(", rude: 0", ""), "choices", "at least two different labels; there is: polite", ""),
    "a choice twice": (
        JUDGE.replace("{polite: 1, rude: 0}", "[polite, polite, rude]"),
        "choices",
        "at least two different labels",
        "",
    ),
    "no choices": (JUDGE.replace("{polite: 1, rude: 0}", ""), "choices", "such as {good: 1, bad: 0}", ""),
    "yes and no": (JUDGE.replace("polite: 1, rude: 0", "yes: 1, no: 0"), "choices", "put labels in quotes", ""),
    "a key for its variable": (
        JUDGE + "model: {name: x, api_key_env: sk-123}\n",
        "model.api_key_env",
        "no key belongs here",
        "",
    ),
    "a score that is none": (JUDGE.replace("rude: 0", "rude: no way"), "choices.rude", "number", ""),
    "a template without variables": (
        JUDGE.replace("{", "(").replace("choices: (", "choices: {"),
        "template",
        "no variable",
        "",
    ),
    "an unknown model": (JUDGE + "model: bgi\n", "model", "there is: big, default", "did you mean 'big'?"),
    "a typo in its model": (JUDGE + "model: {nmae: x, name: y}\n", "model.nmae", "'nmae'", "did you mean 'name'?"),
    "a variable that is not there": (JUDGE + "variables: {outptu: x}\n", "variables.outptu", "", ""),
}


@pytest.mark.parametrize("case", JUDGES)
def test_a_broken_judge_is_told_and_breaks_its_tasks(folder: Path, case: str) -> None:
    text, field, message, hint = JUDGES[case]
    write_models(folder, default="{name: gpt-5-mini}", big="{name: gpt-big}")
    write_judge(folder, "politeness", text)

    judge, task = broken(folder)

    assert (judge.kind, judge.name, judge.field) == ("evaluator", "politeness", field)
    assert message in judge.message
    assert "sk-123" not in str(judge)
    assert hint in judge.hint
    assert (task.kind, task.name, task.field) == ("task", "tone", "evaluators.0.evaluator")
    assert judge.place in task.message


MODELS = {
    "a typo": ("{name: x, base_ulr: y}", "default.base_ulr", "no setting 'base_ulr'", "did you mean 'base_url'?"),
    "no name": ("{}", "default.name", "'name' is missing", "name:"),
    "a price that is none": ("{name: x, price: {input: -1, output: 1}}", "default.price.input", "greater", ""),
    "azure's version elsewhere": ("{name: x, api_version: y}", "default", "provider: azure", ""),
    "no settings": ("gpt-5-mini", "default", "settings belong here, not 'gpt-5-mini'", "`default: {setting: value}`"),
    "another provider": ("{name: x, provider: anthropic}", "default.provider", "`openai` with a `base_url`", ""),
    "no address": ("{name: x, base_url: 'localhost:8000'}", "default.base_url", "no address", ""),
    "a password": ("{name: x, base_url: 'http://me:sk-123@h'}", "default.base_url", "`api_key_env`", ""),
    "an endless price": ("{name: x, price: {input: .inf, output: 1}}", "default.price.input", "", ""),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_broken_model_is_told_and_breaks_the_tasks_that_ask_it(folder: Path, case: str) -> None:
    text, field, message, hint = MODELS[case]
    write_models(folder, default=text, good="{name: gpt-5-mini}")
    write_task(folder, "fine", one_task(f"politeness, as: fine, model: good, {MAPPING}"))

    model, task = broken(folder)

    assert (model.kind, model.field, model.file) == ("models", field, "models.yaml")
    assert message in model.message
    assert "sk-123" not in str(model)
    assert hint in model.hint
    assert task.name == "tone"
    assert "models.yaml" in task.message
    assert set(read_catalog(folder).tasks) == {"fine"}


def test_models_that_are_no_yaml_break_all_judges_that_need_them(folder: Path) -> None:
    (folder / "models.yaml").write_text("default: [\n")

    models, task = broken(folder)

    assert "no YAML" in models.message
    assert task.hint == "mend that file first"


TASKS = {
    "an unmapped variable": (one_task("politeness"), "evaluators.0.mapping", "'input'", "attributes.input.value"),
    "an unknown variable": (
        one_task("politeness, mapping: {inptu: name}"),
        "evaluators.0.mapping.inptu",
        "there is: input, output",
        "did you mean 'input'?",
    ),
    "parameters": (
        one_task(f"politeness, parameters: {{x: 1}}, {MAPPING}"),
        "evaluators.0.parameters.x",
        "no parameters",
        "template",
    ),
    "a model of a check": (
        one_task("json_parseable, model: default, mapping: {text: name}"),
        "evaluators.0.model",
        "no judge",
        "",
    ),
    "an unknown model": (one_task(f"politeness, model: big, {MAPPING}"), "evaluators.0.model", "there is: default", ""),
    "a typo in a model": (
        one_task(f"politeness, model: {{name: x, temprature: 1}}, {MAPPING}"),
        "evaluators.0.model.temprature",
        "temprature",
        "did you mean 'temperature'?",
    ),
    "an unknown judge": (
        one_task(f"politenes, {MAPPING}"),
        "evaluators.0.evaluator",
        "politenes",
        "did you mean 'politeness'?",
    ),
    "an unknown price": (JUDGE_TASK + "budget: {run: {usd: 1}}\n", "budget", "'gpt-5-mini' is unknown", "price:"),
    "an empty budget": (JUDGE_TASK + "budget: {run: {}}\n", "budget.run", "`usd`, `tokens` or both", ""),
}


@pytest.mark.parametrize("case", TASKS)
def test_a_task_that_does_not_fit_its_judge_is_refused(folder: Path, case: str) -> None:
    text, field, message, hint = TASKS[case]
    write_models(folder, default=f"{{name: gpt-5-mini, base_url: '{ADDRESS}'}}")
    write_task(folder, "tone", text)

    (file,) = broken(folder)

    assert file.field == field
    assert message in file.message
    assert hint in file.hint


def test_a_judge_without_a_model_asks_for_models_yaml(folder: Path) -> None:
    (folder / "models.yaml").unlink()

    (file,) = broken(folder)

    assert file.field == "evaluators.0.evaluator"
    assert "default" in file.message
    assert "default: {name: gpt-5-mini}" in file.hint


def test_a_judge_never_takes_the_place_of_a_prebuilt_check(folder: Path) -> None:
    write_judge(folder, "json_parseable", JUDGE)

    (file,) = broken(folder)

    assert (file.kind, file.name) == ("evaluator", "json_parseable")
    assert "my_json_parseable.yaml" in file.hint


def test_a_file_takes_the_place_of_a_prebuilt_judge_of_its_name_and_the_hub_says_so(folder: Path) -> None:
    write_judge(folder, "toxicity", JUDGE)
    write_task(folder, "safe", one_task(f"toxicity, {MAPPING}"))

    catalog = read_catalog(folder)

    judge = catalog.task("safe").uses[0].judge
    assert judge is not None
    assert judge.spec == catalog.hub.judges["toxicity"]
    assert hub_entry("toxicity", catalog.hub).origin == "evaluators/toxicity.yaml, instead of the prebuilt one"


def test_an_address_from_the_environment_has_no_published_price(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    write_models(folder, default="{name: gpt-5-mini}")
    write_task(folder, "tone", JUDGE_TASK + "budget: {day: {usd: 1}}\n")

    (file,) = broken(folder)

    assert "the price of model 'gpt-5-mini' is unknown" in file.message


def test_a_published_price_is_enough_for_a_budget_in_usd(folder: Path) -> None:
    write_models(folder, default="{name: gpt-5-mini}")
    write_task(folder, "tone", JUDGE_TASK + "budget: {day: {usd: 1}}\n")

    assert broken(folder) == []


def test_a_broken_evaluator_is_told_when_its_task_is_asked_for(folder: Path) -> None:
    write_judge(folder, "politeness", "kind: judge\n")

    with pytest.raises(ConfigError, match="evaluators/politeness.yaml"):
        read_catalog(folder).task("tone")


def test_reading_files_of_judges_loads_no_client(folder: Path) -> None:
    script = (
        "import sys, pathlib; from evals_pipeline.engine.catalog import read_catalog;"
        f"assert not read_catalog(pathlib.Path({str(folder)!r})).broken;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert {"openai", "aiohttp", "genai_prices", "duckdb", "pandas"}.isdisjoint(loaded)
