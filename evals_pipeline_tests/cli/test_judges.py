"""Judges at the terminal: files, what a run says, what it would cost, models and keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals_pipeline.cli.check import FileKind, file_schema
from evals_pipeline.cli.main import app
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline_tests.builders import DAY, JUDGE, judged_folder, talks, write_judge, write_models, write_task
from evals_pipeline_tests.cli.conftest import Evals, caller, document
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Provider

ON_DAY = ("--day", str(DAY))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, provider: Provider) -> Path:
    return judged_folder(tmp_path / "shop", provider.base_url, talks(4))


@pytest.fixture
def evals(folder: Path) -> Evals:
    return caller(folder)


def test_a_run_says_what_its_judges_asked_and_cost(evals: Evals) -> None:
    ran = evals("run", "tone", *ON_DAY)

    assert ran.exit_code == 0, ran.output
    assert "judges: 4 calls with 480 + 120 tokens for 0.00072 USD" in ran.stdout
    assert document(evals("runs", "--json"))[0]["judges"]["cost_usd"] == pytest.approx(0.00072)
    listed = evals("runs").stdout
    assert "USD" in listed
    assert "0.00072" in listed


def test_a_refused_run_ends_with_the_providers_words_and_code_1(evals: Evals, provider: Provider) -> None:
    provider.next(*[p.unknown_model()] * 9)

    ran = evals("run", "tone", *ON_DAY)

    assert ran.exit_code == 1
    assert "The model `gpt-none` does not exist" in ran.stderr


def test_a_run_says_why_its_judge_failed(evals: Evals, provider: Provider) -> None:
    provider.answer = "delighted"

    ran = evals("run", "tone", *ON_DAY)

    assert ran.exit_code == 0
    assert "politeness failed most often, on 4 units, with MalformedAnswer, for example: " in ran.stderr
    assert "delighted" in ran.stderr


def test_a_missing_key_ends_a_run_before_it_begins(evals: Evals, folder: Path) -> None:
    write_models(folder, default="{name: gpt-5-mini, api_key_env: MY_KEY}")

    ran = evals("run", "tone", *ON_DAY)

    assert ran.exit_code == 2
    assert "MY_KEY" in ran.stderr
    assert "politeness" in ran.stderr
    assert not (folder / ".evals" / "lake").exists()


@pytest.mark.parametrize(
    "command", [("run", "tone", *ON_DAY), ("backfill", "tone", "--start", "2026-01-10", "--end", "2026-01-12")]
)
def test_a_dry_run_shows_calls_tokens_and_money_without_a_key(
    evals: Evals, folder: Path, provider: Provider, command: tuple[str, ...]
) -> None:
    evals("preview", "tone")
    write_models(folder, default="{name: gpt-5-mini}")

    shown = evals(*command, "--dry-run")
    told = document(evals(*command, "--dry-run", "--json"))

    assert shown.exit_code == 0, shown.output
    assert "politeness" in shown.stdout
    assert "a guess of 92 tokens an answer" in shown.stderr
    assert told["judges"]["politeness"]["calls"] == 4
    assert told["judges"]["politeness"]["usd"] > 0
    assert provider.asked == []


def test_a_dry_run_says_that_it_knows_no_price(evals: Evals, folder: Path) -> None:
    write_models(folder, default="{name: my-own, base_url: 'http://127.0.0.1:9/v1'}")
    evals("preview", "tone")

    assert "unknown price" in evals("run", "tone", *ON_DAY, "--dry-run").stdout


def test_explain_shows_over_budget(evals: Evals, folder: Path) -> None:
    task = (folder / "tasks" / "tone.yaml").read_text()
    write_task(folder, "tone", task + "budget: {day: {tokens: 10}}\n")
    ran = evals("run", "tone", *ON_DAY)

    explained = evals("explain", "tone", "s1")

    assert ran.exit_code == 0, ran.output
    assert "over_budget" in explained.stdout
    assert "the budget of a day: 0 of 10 tokens" in explained.stdout


def test_check_lists_judges_and_models_and_tells_broken_ones(evals: Evals, folder: Path) -> None:
    good = evals("check")
    write_judge(folder, "other", JUDGE + "modle: x\n")
    write_models(folder, default="{name: gpt-5-mini}", bad="{nmae: x}")

    found = document_of_broken(evals)

    assert "ok      evaluators/politeness" in good.stdout
    assert "ok      model default" in good.stdout
    assert {(file["kind"], file["path"], file["field"]) for file in found} == {
        ("evaluator", "evaluators/other.yaml", "modle"),
        ("models", "models.yaml", "bad.name"),
    }


def document_of_broken(evals: Evals) -> list[dict[str, str]]:
    checked = evals("check", "--json")
    assert checked.exit_code == 1
    broken: list[dict[str, str]] = json.loads(checked.stdout)["broken"]
    return broken


@pytest.mark.parametrize("kind", list(FileKind))
def test_every_kind_of_file_has_a_schema_that_editors_can_use(kind: FileKind) -> None:
    schema = document(CliRunner().invoke(app, ["schema", kind.value]))

    assert schema == json.loads(json.dumps(file_schema(kind)))
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_the_schema_of_evaluators_knows_judges_and_settings_of_code() -> None:
    schema = file_schema(FileKind.EVALUATOR)

    kinds = [schema["$defs"][each["$ref"].rpartition("/")[2]] for each in schema["oneOf"]]
    assert [kind["properties"]["kind"]["const"] for kind in kinds] == ["judge", "code"]
    assert [kind["required"] for kind in kinds] == [["kind", "template", "choices"], ["kind"]]


def test_the_schema_of_tasks_names_the_judges() -> None:
    uses = file_schema(FileKind.TASK)["$defs"]["EvaluatorUse"]

    assert {"json_parseable", "hallucination"} <= set(uses["properties"]["evaluator"]["examples"])


def test_the_hub_lists_prebuilt_judges_and_those_of_the_folder(evals: Evals) -> None:
    entries = {entry["name"]: entry for entry in document(evals("hub", "list", "--json"))}

    own, prebuilt = entries["politeness"], entries["hallucination"]
    assert (own["kind"], own["origin"], own["model"]) == ("LLM", "evaluators/politeness.yaml", "default")
    assert (prebuilt["origin"], prebuilt["labels"]) == ("prebuilt", {"factual": 1.0, "hallucinated": 0.0})
    assert own["version"]
    assert "evaluators/politeness.yaml" in evals("hub", "list").stdout


def test_the_hub_shows_a_judge_with_template_choices_model_and_direction(evals: Evals) -> None:
    shown = evals("hub", "show", "politeness").stdout

    for told in (
        "(LLM, evaluators/politeness.yaml)",
        "polite",
        "direction: maximize",
        "model: default",
        "Answer: {output}",
    ):
        assert told in shown


def test_models_are_listed_with_what_was_found_out_and_forgotten(evals: Evals, folder: Path) -> None:
    evals("run", "tone", *ON_DAY)

    (listed,) = document(evals("models", "--json"))
    forgotten = evals("models", "--forget", "default")
    (after,) = document(evals("models", "--json"))

    assert listed["remembered"]["abilities"]["form"] == "json_schema"
    assert (listed["name"], listed["problem"]) == ("default", "")
    assert forgotten.exit_code == 0, forgotten.output
    assert "abilities" not in after["remembered"]


def test_a_model_is_listed_with_the_address_of_the_environment_and_with_what_it_lacks(
    evals: Evals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models(folder, default="{name: gpt-5-mini}", other="{name: m, provider: azure}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@models.example/v1")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-0123456789")

    listed = evals("models")

    assert "http://models.example/v1" in listed.stdout
    assert "other: the address for model 'm' is missing" in listed.stderr
    assert "AZURE_OPENAI_ENDPOINT" in listed.stderr
    assert "secret" not in listed.output


def test_a_model_without_an_address_ends_a_run_before_it_begins(
    evals: Evals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-0123456789")
    write_models(folder, default="{name: m, provider: azure}")

    ran = evals("run", "tone", *ON_DAY)

    assert ran.exit_code == 2
    assert "AZURE_OPENAI_ENDPOINT" in ran.stderr
    assert not (folder / ".evals" / "lake").exists()


def test_the_doctor_names_models_and_whether_their_key_is_set_but_never_the_key(
    evals: Evals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret-123")
    write_models(folder, default="{name: a, api_key_env: MY_KEY}", other="{name: b, api_key_env: NO_KEY}")

    found = evals("doctor").output

    assert "model default" in found
    assert "NO_KEY" in found
    assert "very-secret" not in found


def test_a_new_project_folder_has_a_judge_to_start_from_and_needs_no_key(tmp_path: Path) -> None:
    made = caller(tmp_path)("init", str(tmp_path / "new"), folder=tmp_path)

    catalog = read_catalog(tmp_path / "new")

    assert made.exit_code in (0, 2)
    assert catalog.broken == ()
