"""Every unit has one outcome where judges, parts, filters, budgets and refusals meet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH
from evals_pipeline.engine import parts
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.explaining import explain
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline.ledger.ledger import RunKey, conserved
from evals_pipeline_tests.builders import (
    DAY,
    JUDGE,
    JUDGE_AND_CHECK_TASK,
    JUDGE_TASK,
    Row,
    deliver,
    history,
    judged_folder,
    now,
    plain,
    span,
    spans,
    talks,
    task_of,
    units,
    verdicts,
    walk,
    write_models,
)
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Provider

ANOTHER = JUDGE_TASK.partition("evaluators:\n")[2]
"""The same judge once more, under a name that the test gives it."""


async def answered(double: Provider, request: web.Request, asked: p.Asked) -> web.StreamResponse:
    return await double.answered(asked)


def collect(folder: Path) -> None:
    with opened(folder) as here:
        collect_spans(here, read_catalog(folder).project("shop"), now=now)


def in_files(folder: Path, *groups: Sequence[Row]) -> None:
    """A file of the lake for each group, as so many looks at the source make them."""
    for number, found in enumerate(groups):
        deliver(folder, f"group{number}", found)
        collect(folder)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 4)


@pytest.mark.usefixtures("small_parts")
def test_a_budget_that_ends_in_the_middle_of_the_parts_leaves_each_unit_one_outcome(
    tmp_path: Path, provider: Provider
) -> None:
    task = JUDGE_AND_CHECK_TASK + "budget: {task: {tokens: 9000}}\n"
    folder = judged_folder(tmp_path, provider.base_url, tone=task, model="max_in_flight: 1")
    provider.usage = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
    in_files(folder, *(talks(3, prefix=f"p{n}_") for n in range(4)))

    first = walk(folder, "tone")
    second = walk(folder, "tone", run_id="second")

    counts = first.counts["politeness"]
    assert 0 < counts["evaluated"] == len(provider.asked) < 10
    assert counts["over_budget"] == 12 - counts["evaluated"]
    assert first.evaluated.summary.evaluators["politeness"].outcomes == {"evaluated": counts["evaluated"]}
    assert second.counts["politeness"] == {
        "already_evaluated": counts["evaluated"],
        "over_budget": counts["over_budget"],
    }
    assert len(units(folder)) == 12 + counts["evaluated"]


@pytest.mark.usefixtures("small_parts")
def test_a_refusal_in_the_second_part_keeps_the_first_and_the_next_run_judges_the_rest(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, tone=JUDGE_AND_CHECK_TASK, model="max_in_flight: 1")
    in_files(folder, *(talks(3, prefix=f"p{n}_") for n in range(4)))
    provider.next(*[answered] * 5, *[p.exhausted()] * 50)

    with pytest.raises(ProviderError):
        walk(folder, "tone")
    kept = len(units(folder))
    provider.script.clear()
    walked = walk(folder, "tone", run_id="next")

    assert kept == 12 + 5
    assert walked.counts == {
        "politeness": {"already_evaluated": 5, "evaluated": 7},
        "json_parseable": {"already_evaluated": 12},
    }
    assert walked.evaluated.summary.evaluators["politeness"].outcomes == {"evaluated": 12}
    assert len(units(folder)) == 24


def test_a_provider_that_refuses_one_judge_is_not_asked_for_its_next_and_others_answer(
    tmp_path: Path, provider: Provider
) -> None:
    task = JUDGE_TASK + ANOTHER + "    as: elsewhere\n    model: other\n" + ANOTHER + "    as: again\n"
    folder = judged_folder(tmp_path, provider.base_url, talks(6), tone=task, model="max_in_flight: 1")
    with Provider() as other:
        mine = f"{{name: m, base_url: '{provider.base_url}', max_in_flight: 1}}"
        write_models(folder, default=mine, other=f"{{name: m, base_url: '{other.base_url}'}}")
        provider.next(*[p.wrong_key()] * 50)

        with pytest.raises(ProviderError):
            walk(folder, "tone")
        refusals = len(provider.asked)
        provider.script.clear()
        walked = walk(folder, "tone", run_id="next")

    assert refusals <= 2
    assert walked.counts == {
        "politeness": {"evaluated": 6},
        "elsewhere": {"already_evaluated": 6},
        "again": {"evaluated": 6},
    }
    assert len(units(folder)) == 18


def test_filters_missing_values_limits_and_options_leave_each_unit_one_outcome(
    tmp_path: Path, provider: Provider
) -> None:
    filtered = JUDGE_TASK + "    filter: \"attributes.output.value LIKE 'Answer%'\"\n"
    missing = ANOTHER.replace("attributes.output.value", "attributes.metadata.deep") + "    as: never\n"
    found = [*talks(6), *spans(3, prefix="j"), span("none", **{c.OUTPUT_VALUE: None})]
    folder = judged_folder(tmp_path, provider.base_url, found, tone=filtered + missing + "max_units: 4\n")

    few = walk(folder, "tone")
    half = walk(folder, "tone", run_id="half", overrides=Overrides(sampling_rate=0.5, max_units=100, override=True))
    whole = walk(folder, "tone", run_id="whole", overrides=Overrides(max_units=100))

    assert few.counts["never"] == {"over_limit": 6, "skipped": 4}
    assert half.counts["politeness"]["sampled_out"] == half.counts["never"]["sampled_out"] > 0
    assert whole.evaluated.candidates == 10
    assert sum(label == "polite" for label in verdicts(folder).values()) == 6
    assert sum(label == "(skipped)" for label in verdicts(folder).values()) == 10
    assert len(provider.asked) == 6


def test_a_unit_that_was_chosen_and_refused_is_not_explained_by_the_runs_limit(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3), tone=JUDGE_TASK + "max_units: 2\n")
    provider.next(*[p.exhausted()] * 9)
    with pytest.raises(ProviderError):
        walk(folder, "tone")

    with opened(folder) as here:
        told = {unit: explain(here, task_of(folder, "tone"), unit).decisions[0].outcome for unit in ("s0", "s1", "s2")}

    assert sorted(told.values()) == ["not_yet", "not_yet", "over_limit"]


def test_a_new_version_that_fails_takes_the_old_label_out_of_the_annotations(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(2))
    walk(folder, "tone")
    write_models(folder, default=f"{{name: another, base_url: '{provider.base_url}'}}")
    provider.answer = "neither"

    walked = walk(folder, "tone", run_id="another")

    assert set(verdicts(folder).values()) == {"(errored)"}
    assert walked.attached.units == 0
    assert {row["label"] for row in history(folder)} == {"polite", None}


@pytest.mark.slow
def test_texts_that_do_not_fit_in_memory_are_judged_in_order(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = JUDGE + "max_value_tokens: 100\n"
    folder = judged_folder(tmp_path, provider.base_url, judge=judge, model="max_in_flight: 1")
    deliver(
        folder,
        "long",
        (span(f"s{n}", **{c.INPUT_VALUE: f"Question {n % 3}", c.OUTPUT_VALUE: f"{n} " * 30_000}) for n in range(2_000)),
    )
    collect(folder)
    monkeypatch.setenv("EVALS_MEMORY_LIMIT", "200MB")

    walked = walk(folder, "tone")

    questions = [next(n for n in range(3) if f"Question {n}" in prompt) for prompt in provider.prompts]
    assert walked.counts == {"politeness": {"evaluated": 2_000}}
    assert questions == sorted(questions)


def test_a_run_for_results_only_takes_up_what_a_refused_run_had_chosen(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(6), tone=JUDGE_AND_CHECK_TASK, model="max_in_flight: 1")
    provider.next(*[answered] * 2, *[p.exhausted()] * 9)
    with pytest.raises(ProviderError):
        walk(folder, "tone")
    provider.script.clear()

    with opened(folder) as here:
        key = RunKey("re-executed", "shop", "tone", DAY)
        adopted = evaluate_inputs(here, task_of(folder, "tone"), key, now=now)

    assert conserved(adopted.candidates, adopted.counts) == {}
    assert plain(adopted.counts["politeness"]) == {"already_evaluated": 2, "evaluated": 4}
    assert plain(adopted.counts["json_parseable"]) == {"already_evaluated": 6}
    assert len(units(folder)) == 12


@pytest.mark.parametrize("count", [1, 7])
def test_a_metadata_column_is_json_and_a_cost_is_null_only_where_it_is_unknown(
    tmp_path: Path, provider: Provider, count: int
) -> None:
    provider.explanation = "because " * 3_000
    folder = judged_folder(tmp_path, provider.base_url, [*talks(count), *spans(2)])

    walk(folder, "tone")
    walk(folder, "tone", run_id="over", overrides=Overrides(override=True))

    rows = history(folder)
    assert all(isinstance(json.loads(row["metadata"]), dict) for row in rows)
    assert {(row["reused"], row["cost_usd"] == 0) for row in rows} == {(False, False), (True, True)}
    assert all(len(row["explanation"]) <= EXPLANATION_LENGTH and len(row["label"]) <= 100 for row in rows)
