"""Judges in Dagster: what a run's pages show, days together, and a provider that refuses."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from aiohttp import web

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.engine.explaining import explain
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
    span,
    task_of,
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


def test_a_refusal_on_one_day_of_several_closes_the_rows_of_all_and_the_next_run_judges_the_rest(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    found = [
        span(f"d{day.day}_{n}", **{c.START_TIME: f"{day}T12:00:00Z", c.OUTPUT_VALUE: f"Answer {day} {n}."})
        for day in DAYS[:3]
        for n in range(4)
    ]
    folder = folder_with(tmp_path, found, tone=JUDGE_TASK)
    judged_folder(folder, provider.base_url, tone=JUDGE_TASK, model="max_in_flight: 1")

    async def answered(double: Provider, request: web.Request, asked: p.Asked) -> web.StreamResponse:
        return await double.answered(asked)

    provider.next(*[answered] * 6, *[p.exhausted()] * 9)

    refused = run(folder, instance, *DAYS[:3])
    with opened(folder) as here:
        rows = {row.key.day: row for row in here.ledger.runs()}
        told = explain(here, task_of(folder, "tone"), f"d{DAYS[2].day}_0").decisions[0].reason
    provider.script.clear()
    again = run(folder, instance, *DAYS[:3])

    assert (refused.success, again.success) == (False, True)
    assert [rows[day].status for day in DAYS[:3]] == ["finished", "failed", "failed"]
    assert all("quota" in (rows[day].message or "") for day in DAYS[1:3])
    assert "quota" in told
    assert len(units(folder)) == 12
    assert [asked.status for asked in provider.asked].count(200) == 12


def test_labels_that_are_markup_are_shown_as_text(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance
) -> None:
    label = "<img src=x onerror=alert(1)>"
    provider.explanation = "<script>alert(1)</script> [click](javascript:alert(1))"
    judge = JUDGE.replace("{polite: 1, rude: 0}", json.dumps({label: 1, "](javascript:alert(1))": 0}))
    folder = folder_of(tmp_path, provider, judge=judge)

    assert run(folder, instance, DAY).success

    shown = metadata(instance, RESULTS, DAY)
    picture = base64.b64decode(shown["label_shares"].partition("base64,")[2].rstrip(")")).decode()
    assert "<img" not in picture
    assert "&lt;img" in picture
    assert shown["labels"][0][1] == label  # cells of tables are text to Dagster
    assert not any(provider.explanation in str(value) for value in shown.values())


def test_a_key_reaches_neither_tables_nor_files_nor_what_a_run_says(
    tmp_path: Path, provider: Provider, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    key = "sk-proj-Qm9Tz0aXkV7w-distinctive-4Hn2LcYe81"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    caplog.set_level(logging.DEBUG)
    folder = folder_of(tmp_path, provider, model="max_in_flight: 1")
    echo = f"Bearer {key} is wrong: sk-proj-Qm9T****************Ye81, that is {key[:24]}"

    provider.next(p.error(401, echo, code="invalid_api_key"))
    refused = run(folder, instance, DAY)
    provider.next(*[p.error(400, echo)] * 2)
    errored = run(folder, instance, DAY)

    assert (refused.success, errored.success) == (False, True)
    assert provider.asked[-1].headers["Authorization"] == f"Bearer {key}"
    assert any("is wrong" in (row["error_message"] or "") for row in history(folder))
    events = [event for result in (refused, errored) for event in instance.all_logs(result.run_id)]
    printed = "".join(capfd.readouterr())
    read = [*map(str, history(folder)), *map(str, events), printed, caplog.text, *ledger_rows(folder)]
    read += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    assert any("is wrong" in text for text in map(str, events))
    for part in (key, key[:16], key[-16:], "Qm9T", "Ye81"):
        assert not [text for text in read if part in text]


def ledger_rows(folder: Path) -> list[str]:
    """Every row of every table, as text."""
    with sqlite3.connect(folder / ".evals" / "ledger.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [str(row) for name in tables for row in database.execute(f'SELECT * FROM "{name}"')]
