"""What a new version of an evaluator means for the results there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.window import Window
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.dry_run import forecast
from evals_pipeline.engine.explaining import explain
from evals_pipeline.engine.hub.pushing import push
from evals_pipeline.engine.inputs import select_inputs
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline_tests.builders import (
    DAY,
    JUDGE,
    JUDGE_TASK,
    deliver,
    history,
    judged_folder,
    now,
    talks,
    task_of,
    walk,
    write_judge,
    write_task,
)
from evals_pipeline_tests.engine.polite import polite_folder
from evals_pipeline_tests.llm.provider import Provider

NEW_VERSION = Overrides(reevaluate="new-version")


def test_a_new_version_judges_new_units_and_the_others_only_when_asked_to(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3))
    push(folder, ["politeness"], "first")
    walk(folder, "tone", run_id="r1")
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    push(folder, ["politeness"], "kinder")
    deliver(folder, "second", talks(1, prefix="new"))

    second = walk(folder, "tone", run_id="r2")
    idle = walk(folder, "tone", run_id="r3")
    expected = forecasts(folder, NEW_VERSION)
    again = walk(folder, "tone", run_id="r4", overrides=NEW_VERSION)
    nothing = walk(folder, "tone", run_id="r5", overrides=NEW_VERSION)

    assert second.counts == {"politeness": {"evaluated": 1, "already_evaluated": 3}}
    assert idle.evaluated.candidates == 0
    assert again.counts == {"politeness": {"evaluated": expected, "already_evaluated": 1}}
    assert expected == 3
    assert nothing.counts == {"politeness": {"already_evaluated": 4}}
    versions = sorted((row["unit_id"], row["evaluator_version"]) for row in history(folder))
    assert versions == [("new0", "2"), *((f"s{n}", version) for n in range(3) for version in ("1", "2"))]


def forecasts(folder: Path, overrides: Overrides | None = None) -> int:
    """Units that a run would judge."""
    with opened(folder) as here:
        (day,) = forecast(here, task_of(folder, "tone"), Window.of_day(DAY), overrides)
    return day.asked["politeness"]


def test_explaining_says_which_version_a_result_is_of_and_how_to_have_the_new_one(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(1))
    push(folder, ["politeness"], "first")
    walk(folder, "tone")
    before = explained(folder)
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    push(folder, ["politeness"], "kinder")

    after = explained(folder)
    would = forecasts(folder)
    write_task(folder, "tone", JUDGE_TASK.replace("attributes.input.value", "name"))
    changed = explained(folder)

    assert "version" not in before
    assert "by version 1, which stands (already_evaluated) though version 2 runs now" in after
    assert f"evals run tone --day {DAY} --reevaluate new-version" in after
    assert would == 0
    assert "parameters, mapping or model have changed since" in changed


def explained(folder: Path) -> str:
    with opened(folder) as here:
        (decision,) = explain(here, task_of(folder, "tone"), "s0").decisions
    return decision.reason


def test_failed_attempts_are_counted_for_each_version(tmp_path: Path, provider: Provider) -> None:
    task = JUDGE_TASK + "max_attempts: 1\n"
    folder = judged_folder(tmp_path, provider.base_url, talks(1), tone=task)
    push(folder, ["politeness"], "first")
    provider.answer = "neither"
    failed = walk(folder, "tone", run_id="r1")
    stands = walk(folder, "tone", run_id="r2")
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    push(folder, ["politeness"], "kinder")
    provider.answer = None

    tried = walk(folder, "tone", run_id="r3")

    assert (failed.counts, stands.counts) == ({"politeness": {"errored": 1}}, {"politeness": {"already_evaluated": 1}})
    assert tried.counts == {"politeness": {"evaluated": 1}}


def test_a_file_that_is_pushed_as_it_stands_is_no_new_version(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(2))
    walk(folder, "tone", run_id="r1")
    push(folder, ["politeness"], "as it stands")

    again = walk(folder, "tone", run_id="r2", overrides=NEW_VERSION)

    assert again.counts == {"politeness": {"already_evaluated": 2}}
    assert forecasts(folder, NEW_VERSION) == 0
    assert explained(folder).endswith("; by the file before it was pushed as version 1")


def test_what_failed_before_the_file_was_pushed_as_it_stands_counts_as_failed_attempts(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(1), tone=JUDGE_TASK + "max_attempts: 2\n")
    provider.answer = "neither"
    walk(folder, "tone", run_id="r1")
    push(folder, ["politeness"], "as it stands")

    tried = [walk(folder, "tone", run_id=run_id).counts for run_id in ("r2", "r3")]

    assert tried == [{"politeness": {"errored": 1}}, {"politeness": {"already_evaluated": 1}}]


def test_a_pinned_and_a_floating_evaluator_stand_side_by_side_and_going_back_judges_nothing(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(2))
    push(folder, ["politeness"], "first")
    walk(folder, "tone", run_id="r1")
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    push(folder, ["politeness"], "kinder")
    pinned = JUDGE_TASK.replace("evaluator: politeness", "evaluator: politeness@1")
    write_task(folder, "old_tone", pinned.replace("politeness@1", "politeness@1\n    as: tone_before"))

    beside = walk(folder, "old_tone", run_id="r2")
    write_task(folder, "tone", pinned)
    back = walk(folder, "tone", run_id="r3", overrides=NEW_VERSION)

    assert beside.counts == {"tone_before": {"evaluated": 2}}
    assert back.counts == {"politeness": {"already_evaluated": 2}}
    assert {row["evaluator_version"] for row in history(folder)} == {"1"}


def test_a_version_that_is_pushed_between_choosing_and_judging_still_gets_to_see_the_whole_day(tmp_path: Path) -> None:
    folder = polite_folder(tmp_path)
    (folder / "evaluators" / "polite.yaml").write_text("kind: code\nfilter: name = 'nobody'\n")
    push(folder, ["polite"], "for nobody")
    deliver(folder, "first", talks(2, prefix="old"))
    walk(folder, "manners", run_id="r1")
    deliver(folder, "second", talks(1, prefix="new"))
    chosen = task_of(folder, "manners")
    with opened(folder) as here:
        key = RunKey("r2", "shop", "manners", DAY)
        collect_spans(here, read_catalog(folder).project("shop"), now=now)
        select_inputs(here, chosen, key, Overrides(), now=now())
        (folder / "evaluators" / "polite.yaml").unlink()
        push(folder, ["polite"], "for everybody")
        evaluate_inputs(here, task_of(folder, "manners"), key, now=now)

    after = walk(folder, "manners", run_id="r3")

    assert after.counts == {"polite": {"evaluated": 2, "already_evaluated": 1}}


@pytest.mark.parametrize("value", ["new_version", "", "all"])
def test_an_option_that_means_nothing_is_refused(tmp_path: Path, value: str) -> None:
    folder = polite_folder(tmp_path)

    with pytest.raises(ConfigError, match="reevaluate"):
        task_of(folder, "manners").differently(Overrides(reevaluate=value))
