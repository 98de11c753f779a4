"""Budgets over calls, runs and days, what explain says of them, and what a run would cost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.core.window import Window
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.dry_run import DayForecast, forecast, total_estimates
from evals_pipeline.engine.estimates import JudgeEstimate
from evals_pipeline.engine.explaining import Decision, explain
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline_tests.builders import (
    DAY,
    JUDGE_TASK,
    history,
    judged_folder,
    now,
    span,
    spans,
    talks,
    task_of,
    units,
    walk,
    write_task,
)
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Provider

FEW = "answers: json_schema, max_output_tokens: 50, price: {input: 1, output: 2}, max_in_flight: 2"


def tokens_used(folder: Path) -> int:
    return sum((row["prompt_tokens"] or 0) + (row["completion_tokens"] or 0) for row in history(folder))


def explained(folder: Path, unit: str, task: str = "tone") -> Decision:
    with opened(folder) as here:
        return explain(here, task_of(folder, task), unit).decisions[0]


def forecast_of(folder: Path, *, override: bool = False, task: str = "tone") -> tuple[DayForecast, ...]:
    catalog = read_catalog(folder)
    with opened(folder) as here:
        collect_spans(here, catalog.project("shop"), now=now)
        return forecast(here, catalog.task(task), Window.of_day(DAY), Overrides(override=override))


@pytest.fixture
def used_up(tmp_path: Path, provider: Provider) -> Path:
    """A folder whose task has used up its budget of tokens for a run, and left some of its 60 units."""
    folder = judged_folder(
        tmp_path, provider.base_url, talks(60), model=FEW, tone=JUDGE_TASK + "budget: {run: {tokens: 6_000}}\n"
    )
    walk(folder, "tone", run_id="first")
    return folder


def test_a_budget_is_never_exceeded_and_what_does_not_fit_has_no_row(used_up: Path) -> None:
    with opened(used_up) as here:
        (run,) = here.ledger.runs()
    outcomes = run.outcomes["politeness"]

    assert outcomes["over_budget"] > 0
    assert outcomes["evaluated"] + outcomes["over_budget"] == 60
    assert tokens_used(used_up) <= 6_000
    assert len(units(used_up)) == outcomes["evaluated"]


def test_later_runs_take_up_what_was_over_budget_until_all_is_judged(used_up: Path) -> None:
    runs = 1
    while len(units(used_up)) < 60 and runs < 30:
        runs += 1
        walk(used_up, "tone", run_id=f"run{runs}")

    assert len(set(units(used_up))) == len(units(used_up)) == 60
    assert runs > 2
    assert walk(used_up, "tone", run_id="last").evaluated.rows == 0


def test_a_budget_of_the_task_lasts_over_all_its_runs(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(
        tmp_path, provider.base_url, talks(60), model=FEW, tone=JUDGE_TASK + "budget: {task: {tokens: 6_000}}\n"
    )

    counts = [walk(folder, "tone", run_id=f"run{n}").counts["politeness"] for n in range(3)]

    assert counts[0]["over_budget"] > 0
    assert counts[1].get("evaluated", 0) <= 1
    assert counts[2].get("over_budget") == 60 - len(units(folder))
    assert tokens_used(folder) <= 6_000


def test_a_budget_in_usd_holds(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(
        tmp_path, provider.base_url, talks(60), model=FEW, tone=JUDGE_TASK + "budget: {day: {usd: 0.005}}\n"
    )

    walked = walk(folder, "tone")

    assert walked.counts["politeness"]["over_budget"] > 0
    assert 0 < sum(row["cost_usd"] for row in history(folder)) <= 0.005


def test_answers_that_are_known_fit_in_an_empty_budget(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(5), model=FEW)
    walk(folder, "tone")
    again = JUDGE_TASK.replace("politeness", "politeness\n    as: again") + "budget: {run: {tokens: 1}}\n"
    write_task(folder, "second", again)

    walked = walk(folder, "second", run_id="second")

    assert walked.counts == {"again": {"evaluated": 5}}


def test_an_over_budget_unit_keeps_its_older_result(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3), model=FEW)
    walk(folder, "tone")
    write_task(
        folder,
        "tone",
        JUDGE_TASK + "    model: {name: other, base_url: '" + provider.base_url + "'}\nbudget: {run: {tokens: 1}}\n",
    )

    walked = walk(folder, "tone", run_id="second")

    assert walked.counts == {"politeness": {"over_budget": 3}}
    assert len(units(folder)) == 3


def test_explain_says_over_budget_and_which_budget(used_up: Path) -> None:
    (left, *_) = sorted({f"s{n}" for n in range(60)} - set(units(used_up)))

    decision = explained(used_up, left)

    assert decision.outcome == "over_budget"
    assert "run first" in decision.reason
    assert "the budget of a run" in decision.reason
    assert "of 6,000 tokens" in decision.reason


def test_explain_tells_why_a_refused_run_left_a_unit(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3))
    provider.next(*[p.unknown_model()] * 9)
    with pytest.raises(ProviderError):
        walk(folder, "tone")

    decision = explained(folder, "s0")

    assert decision.outcome == "not_yet"
    assert "did not finish" in decision.reason


def test_a_dry_run_tells_calls_tokens_and_money_and_sends_nothing(tmp_path: Path, provider: Provider) -> None:
    found = [*talks(6), span("none", **{c.OUTPUT_VALUE: None})]
    folder = judged_folder(tmp_path, provider.base_url, found)

    (day,) = forecast_of(folder)

    of = day.judges["politeness"]
    assert provider.asked == []
    assert (of.questions, of.calls, of.rows_measured, of.model) == (6, 6, 6, "gpt-5-mini")
    assert (of.tokens_an_answer, of.answers_counted, of.completion_tokens) == (92, 0, 6 * 92)
    assert of.prompt_tokens > 6 * 100
    assert of.usd == pytest.approx((of.prompt_tokens + 2 * of.completion_tokens) / 1e6)


def test_a_dry_run_counts_only_what_is_not_known_and_goes_by_earlier_answers(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(25))
    walk(folder, "tone")
    (folder / "traces" / "more.jsonl").write_text("")
    write_task(folder, "second", JUDGE_TASK.replace("politeness", "politeness\n    as: again"))

    (known,) = forecast_of(folder, task="second")
    (again,) = forecast_of(folder, override=True)

    assert (known.judges["again"].questions, known.judges["again"].calls, known.judges["again"].usd) == (25, 0, 0.0)
    assert (again.judges["politeness"].tokens_an_answer, again.judges["politeness"].answers_counted) == (30, 25)


def test_a_dry_run_says_when_it_knows_no_price(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(2), model="temperature: 0")

    (day,) = forecast_of(folder)

    assert day.judges["politeness"].usd is None


def test_a_dry_run_estimates_within_reach_of_the_truth(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, [*spans(3), *talks(30)])

    (day,) = forecast_of(folder)
    walk(folder, "tone")

    assert day.judges["politeness"].calls == pytest.approx(len(provider.asked), rel=0.1)


def test_the_days_of_a_dry_run_are_added_up(tmp_path: Path, provider: Provider) -> None:
    tomorrow = DAY + timedelta(days=1)
    found = [*talks(4), *[{**row, c.START_TIME: f"{tomorrow}T01:00:00Z"} for row in talks(2, prefix="t")]]
    folder = judged_folder(tmp_path, provider.base_url, found)
    catalog = read_catalog(folder)

    with opened(folder) as here:
        collect_spans(here, catalog.project("shop"), now=now)
        days = forecast(here, catalog.task("tone"), Window(DAY, DAY + timedelta(days=2)))
    together = total_estimates(days)["politeness"]

    assert [day.judges["politeness"].calls for day in days] == [4, 2]
    assert (together.calls, together.usd) == (6, pytest.approx(sum(day.judges["politeness"].usd or 0 for day in days)))


def test_a_day_of_unknown_price_makes_the_sum_unknown() -> None:
    priced = JudgeEstimate("m", 1, 1, 10, 5, 5, 0, 0.5, 1)
    unpriced = JudgeEstimate("m", 1, 1, 10, 5, 5, 0, None, 1)

    assert (priced + priced).usd == 1.0
    assert (priced + unpriced).usd is None
