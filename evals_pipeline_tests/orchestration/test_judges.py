"""Judges in Dagster: what a run's pages show, days together, and a provider that refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from evals_pipeline.core.errors import ProviderError
from evals_pipeline.engine.installation import opened
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline.orchestration.failures import as_failure
from evals_pipeline_tests.builders import (
    DAY,
    JUDGE,
    JUDGE_AND_CHECK_TASK,
    JUDGE_TASK,
    history,
    judged_folder,
    units,
    verdicts,
    write_judge,
    write_models,
)
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Provider
from evals_pipeline_tests.orchestration.conftest import DAYS, folder_with, metadata, run, spans_on

RESULTS = ("shop", "tone_results")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def folder_of(tmp_path: Path, provider: Provider, days: int = 1, **settings: str) -> Path:
    """Nine spans a day, with three answers that all days share."""
    folder = folder_with(tmp_path, spans_on(DAYS[:days], 9), tone=settings.pop("task", JUDGE_AND_CHECK_TASK))
    return judged_folder(folder, provider.base_url, tone=(folder / "tasks" / "tone.yaml").read_text(), **settings)


def test_a_results_page_shows_what_judges_asked_and_cost(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    folder = folder_of(tmp_path, provider)

    assert run(folder, instance, DAY).success

    shown = metadata(instance, RESULTS, DAY)
    assert (shown["judge_calls"], shown["judge_reused"], shown["over_budget"]) == (3, 6, 0)
    assert (shown["judge_prompt_tokens"], shown["judge_completion_tokens"]) == (360, 90)
    assert shown["judge_cost_usd"] == pytest.approx(3 * 180 / 1e6)
    ((name, usd, calls, reused, *_, prompt, answer),) = shown["judges"]
    assert (name, calls, reused, prompt, answer) == ("politeness", 3, 6, "360", "90")
    assert usd == pytest.approx(3 * 180 / 1e6)
    assert shown["politeness/score_mean"] == 1.0


def test_a_page_without_judges_has_no_numbers_of_judges(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans_on(DAYS[:1]))

    run(folder, instance, DAY)

    assert not any(name.startswith("judge") for name in metadata(instance, ("shop", "format_results"), DAY))


def test_a_page_shows_no_sum_of_money_when_a_price_is_unknown(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    folder = folder_of(tmp_path, provider, model="temperature: 0")

    run(folder, instance, DAY)

    shown = metadata(instance, RESULTS, DAY)
    assert "judge_cost_usd" not in shown
    assert shown["judges"][0][1] == "unknown price"


def test_one_run_over_several_days_shows_each_day_its_own_cost(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    folder = folder_of(tmp_path, provider, days=3)

    assert run(folder, instance, *DAYS[:3]).success

    calls = [metadata(instance, RESULTS, day)["judge_calls"] for day in DAYS[:3]]
    reused = [metadata(instance, RESULTS, day)["judge_reused"] for day in DAYS[:3]]
    assert (calls, reused) == ([3, 0, 0], [6, 9, 9])
    assert len(provider.asked) == 3
    assert len(units(folder)) == 2 * 27


def test_a_refusal_is_the_steps_failure_in_the_providers_words_and_is_not_retried(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    folder = folder_of(tmp_path, provider)
    provider.next(*[p.exhausted()] * 9)

    result = run(folder, instance, DAY)

    (failed,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    failure = failed.step_failure_data.user_failure_data
    assert failed.step_key == "shop__tone_results"
    assert "You exceeded your current quota" in failure.description
    assert failure.metadata["error"].value == "ProviderError"
    assert not as_failure(ProviderError("no")).allow_retries
    assert {name for name, _ in verdicts(folder)} == {"json_parseable"}
    with opened(folder) as here:
        (row,) = here.ledger.runs()
    assert (row.status, "quota" in (row.message or "")) == ("failed", True)


def test_the_run_after_a_refusal_judges_the_rest(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    folder = folder_of(tmp_path, provider)
    provider.next(*[p.wrong_key()] * 3)
    run(folder, instance, DAY)

    provider.script.clear()
    assert run(folder, instance, DAY).success

    assert len(units(folder)) == 18
    assert not any("sk-" in str(value) for row in history(folder) for value in row.values())


def test_a_judges_asset_is_marked_and_a_changed_judge_changes_its_code_version(
    tmp_path: Path, provider: Provider
) -> None:
    folder = folder_of(tmp_path, provider)
    key = dg.AssetKey(RESULTS)

    before = build_definitions(folder).resolve_asset_graph().get(key)
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    after = build_definitions(folder).resolve_asset_graph().get(key)

    assert "openai" in before.kinds
    assert before.code_version != after.code_version


def test_a_broken_judge_and_a_broken_model_are_shown_beside_the_task_they_break(
    tmp_path: Path, provider: Provider
) -> None:
    folder = folder_of(tmp_path, provider, task=JUDGE_TASK)
    write_models(folder, default="{nmae: x}")
    write_judge(folder, "other", "kind: judge\n")

    keys = build_definitions(folder).resolve_asset_graph().get_all_asset_keys()

    shown = {key.path[-1] for key in keys if key.path[0] == "broken_files"}
    assert shown == {"models", "evaluator_other", "task_tone"}


def test_definitions_with_judges_load_without_a_key_and_without_a_client(tmp_path: Path, provider: Provider) -> None:
    folder = folder_of(tmp_path, provider)
    write_models(folder, default="{name: gpt-5-mini}")

    definitions = build_definitions(folder, environment={})

    assert dg.AssetKey(RESULTS) in definitions.resolve_asset_graph().get_all_asset_keys()
