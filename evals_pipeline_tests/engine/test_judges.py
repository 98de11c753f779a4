"""Judges inside tasks, from the files to the rows, against a provider on the loopback."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ConfigError, ProviderError
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline_tests.builders import (
    JSON_TASK,
    JUDGE,
    JUDGE_AND_CHECK_TASK,
    JUDGE_TASK,
    Row,
    deliver,
    history,
    judged_folder,
    span,
    spans,
    talks,
    units,
    verdicts,
    walk,
    write_judge,
    write_models,
    write_task,
)
from evals_pipeline_tests.llm import provider as p
from evals_pipeline_tests.llm.provider import Provider

QUICK = "max_attempts: 2, timeout_seconds: 0.5"


def rows_of(folder: Path, evaluator: str = "politeness") -> dict[str, Row]:
    return {row["unit_id"]: row for row in history(folder) if row["evaluator"] == evaluator}


def test_a_judge_gives_every_unit_a_result_with_what_it_took(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(5))

    walked = walk(folder, "tone")

    assert walked.counts == {"politeness": {"evaluated": 5}}
    row = rows_of(folder)["s3"]
    assert (row["label"], row["score"], row["explanation"]) == ("polite", 1.0, "Because the text says so.")
    assert (row["annotator_kind"], row["model"], row["outcome"]) == ("LLM", "gpt-5-mini", "evaluated")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (120, 30)
    assert row["cost_usd"] == pytest.approx((120 * 1 + 30 * 2) / 1e6)
    assert row["latency_ms"] > 0
    assert (row["reused"], row["truncated"], row["error_type"]) == (False, False, None)
    assert json.loads(row["metadata"])["calls"] == 1


def test_the_summary_holds_labels_and_scores_of_judges_and_checks(tmp_path: Path, provider: Provider) -> None:
    provider.answer = lambda prompt: "rude" if "s1." in prompt else "polite"
    folder = judged_folder(tmp_path, provider.base_url, talks(4), tone=JUDGE_AND_CHECK_TASK)

    summary = walk(folder, "tone").evaluated.summary.evaluators

    assert list(summary) == ["politeness", "json_parseable"]
    assert (summary["politeness"].labels, summary["politeness"].score_mean) == ({"polite": 3, "rude": 1}, 0.75)
    assert summary["politeness"].lowest[0] == ("s1", 0.0, "rude")
    assert summary["json_parseable"].labels == {"not_parseable": 4}


def test_an_unknown_price_is_null_and_never_nothing(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(1), model="temperature: 0")

    walked = walk(folder, "tone")

    assert rows_of(folder)["s0"]["cost_usd"] is None
    assert walked.evaluated.spent["politeness"].unpriced == 1


def test_equal_questions_are_asked_once_and_the_rest_is_reused_for_nothing(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, spans(30))

    walked = walk(folder, "tone")

    rows = rows_of(folder).values()
    assert len(provider.asked) == 3
    assert sorted(row["reused"] for row in rows) == [False] * 3 + [True] * 27
    assert {(row["cost_usd"], row["prompt_tokens"]) for row in rows if row["reused"]} == {(0.0, 0)}
    assert (walked.evaluated.spent["politeness"].calls, walked.evaluated.spent["politeness"].reused) == (3, 27)


def test_equal_questions_of_another_task_and_day_are_reused(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(4))
    write_task(folder, "second", JUDGE_TASK.replace("politeness", "politeness\n    as: again"))
    walk(folder, "tone")

    walked = walk(folder, "second", run_id="second")

    assert walked.counts == {"again": {"evaluated": 4}}
    assert len(provider.asked) == 4
    assert {row["reused"] for row in rows_of(folder, "again").values()} == {True}


def test_a_missing_value_is_skipped_and_never_judged_as_text(tmp_path: Path, provider: Provider) -> None:
    empty = [span("none", **{c.OUTPUT_VALUE: None}), span("blank", **{c.OUTPUT_VALUE: ""})]
    folder = judged_folder(tmp_path, provider.base_url, empty)

    walked = walk(folder, "tone")

    assert walked.counts == {"politeness": {"skipped": 1, "evaluated": 1}}
    assert rows_of(folder)["none"]["error_type"] == "MissingVariable"
    assert len(provider.asked) == 1
    assert not any(word in provider.prompts[0] for word in ("null", "None", "NaN"))


def test_a_long_value_is_cut_and_the_result_says_so(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(
        tmp_path,
        provider.base_url,
        [span("long", **{c.OUTPUT_VALUE: "word " * 5_000}), span("short")],
        judge=JUDGE + "max_value_tokens: 100\n",
    )

    walk(folder, "tone")

    assert {unit: row["truncated"] for unit, row in rows_of(folder).items()} == {"long": True, "short": False}
    assert max(map(len, provider.prompts)) < 5_000


def test_a_second_run_asks_nothing_and_a_new_template_is_for_new_units(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3))
    walk(folder, "tone")

    again = walk(folder, "tone", run_id="again")
    write_judge(folder, "politeness", JUDGE.replace("politely", "kindly"))
    deliver(folder, "second", talks(1, prefix="new"))
    changed = walk(folder, "tone", run_id="changed")

    assert again.evaluated.rows == 0
    assert changed.counts == {"politeness": {"evaluated": 1, "already_evaluated": 3}}
    assert len(provider.asked) == 4


def test_another_model_is_another_input_and_the_task_may_choose_it(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(2))
    walk(folder, "tone")
    more = f"{{name: gpt-big, base_url: '{provider.base_url}'}}"
    write_models(folder, default=f"{{name: gpt-5-mini, base_url: '{provider.base_url}'}}", big=more)
    write_task(folder, "tone", JUDGE_TASK + "    model: big\n")

    walked = walk(folder, "tone", run_id="big")

    assert walked.counts == {"politeness": {"evaluated": 2}}
    assert [asked.body["model"] for asked in provider.asked] == ["gpt-5-mini"] * 2 + ["gpt-big"] * 2


def test_override_makes_new_results_of_the_answers_there_are(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3))
    walk(folder, "tone")

    walked = walk(folder, "tone", run_id="over", overrides=Overrides(override=True))

    assert walked.counts == {"politeness": {"evaluated": 3}}
    assert len(provider.asked) == 3
    assert len(units(folder)) == 6
    assert sum(row["cost_usd"] for row in history(folder)) == pytest.approx(3 * 180 / 1e6)


def test_variables_may_have_any_name(tmp_path: Path, provider: Provider) -> None:
    judge = JUDGE.replace("{input}", "{size}").replace("{output}", "{portion}")
    task = JUDGE_TASK.replace("input:", "size:").replace("output:", "portion:")
    folder = judged_folder(tmp_path, provider.base_url, talks(3), judge=judge, tone=task)

    assert walk(folder, "tone").counts == {"politeness": {"evaluated": 3}}


def test_questions_that_begin_alike_are_asked_one_after_the_other(tmp_path: Path, provider: Provider) -> None:
    found = [span(f"s{n}", **{c.INPUT_VALUE: f"Question {n % 3}", c.OUTPUT_VALUE: f"{n:02}"}) for n in range(12)]
    folder = judged_folder(tmp_path, provider.base_url, found, model="max_in_flight: 1")

    walk(folder, "tone")

    questions = [
        next(word for word in ("Question 0", "Question 1", "Question 2") if word in prompt)
        for prompt in provider.prompts
    ]
    assert questions == sorted(questions)


@pytest.mark.parametrize(
    ("acts", "outcome", "error"),
    [
        pytest.param([p.hang] * 2, "errored", "APITimeoutError", id="hung"),
        pytest.param([p.filtered()], "errored", "", id="content filter"),
        pytest.param([p.refuse(0.1), p.refuse(0.1), p.refuse(0.1)], "evaluated", None, id="429 burst"),
        pytest.param([p.break_down(500)], "evaluated", None, id="5xx"),
        pytest.param([p.reset], "evaluated", None, id="reset"),
    ],
)
def test_a_fault_ends_as_one_outcome(tmp_path: Path, provider: Provider, acts: list, outcome: str, error: str) -> None:
    folder = judged_folder(tmp_path, provider.base_url, [span("known")], model=QUICK)
    walk(folder, "tone")
    deliver(folder, "second", [span("unit", **{c.OUTPUT_VALUE: "new"})])
    provider.next(*acts)

    walked = walk(folder, "tone", run_id="second")

    assert walked.counts["politeness"][outcome] == 1
    row = rows_of(folder)["unit"]
    assert row["outcome"] == outcome
    if outcome == "errored":
        assert (row["label"], row["score"]) == (None, None)
        assert error in row["error_type"]
        assert row["error_message"]


def test_a_label_outside_the_choices_is_an_error_and_never_a_guess(tmp_path: Path, provider: Provider) -> None:
    provider.answer = "somewhat polite"
    folder = judged_folder(tmp_path, provider.base_url, talks(1))

    walked = walk(folder, "tone")

    row = rows_of(folder)["s0"]
    assert walked.counts == {"politeness": {"errored": 1}}
    assert (row["label"], row["score"], row["cost_usd"]) == (None, None, pytest.approx(len(provider.asked) * 180 / 1e6))


def test_an_error_is_tried_again_by_later_runs_and_then_stands(tmp_path: Path, provider: Provider) -> None:
    provider.answer = "neither"
    folder = judged_folder(tmp_path, provider.base_url, talks(1), tone=JUDGE_TASK + "max_attempts: 2\n")

    counts = [walk(folder, "tone", run_id=f"run{n}").counts["politeness"] for n in range(4)]

    assert counts[:2] == [{"errored": 1}] * 2
    assert "errored" not in counts[3]


def test_a_wrong_key_ends_the_run_and_the_right_one_goes_on_with_the_rest(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.key = "sk-right-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-9876543210")
    folder = judged_folder(tmp_path, provider.base_url, talks(60), tone=JUDGE_AND_CHECK_TASK)

    with pytest.raises(ProviderError) as refused:
        walk(folder, "tone")
    refusals = len(provider.asked)
    monkeypatch.setenv("OPENAI_API_KEY", provider.key)
    walked = walk(folder, "tone", run_id="right")

    assert "Incorrect API key" in str(refused.value)
    assert "sk-wrong" not in str(refused.value)
    assert refusals < 60
    assert walked.counts == {"politeness": {"evaluated": 60}, "json_parseable": {"already_evaluated": 60}}
    assert len(units(folder)) == 120
    assert not any("sk-" in str(value) for row in history(folder) for value in row.values())


def test_what_was_answered_before_a_refusal_is_kept_and_only_the_rest_is_asked(
    tmp_path: Path, provider: Provider
) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(12), model="max_in_flight: 1", tone=JUDGE_AND_CHECK_TASK)

    async def answer(double: Provider, request: object, asked: p.Asked) -> object:
        return await double.answered(asked)

    provider.next(*[answer] * 5, p.exhausted())

    with pytest.raises(ProviderError, match="quota"):
        walk(folder, "tone")
    kept = Counter(name for name, _ in verdicts(folder))
    answered = [asked.status for asked in provider.asked].count(200)
    walked = walk(folder, "tone", run_id="next")

    assert kept == {"politeness": answered, "json_parseable": 12}
    assert 5 <= answered < 12
    assert walked.counts["politeness"] == {"already_evaluated": answered, "evaluated": 12 - answered}
    assert [asked.status for asked in provider.asked].count(200) == 12
    assert len(units(folder)) == 24


def test_a_refused_run_leaves_what_it_did_in_the_ledger(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(3), tone=JUDGE_AND_CHECK_TASK)
    provider.next(*[p.unknown_model()] * 20)

    with pytest.raises(ProviderError, match="does not exist"):
        walk(folder, "tone")

    with opened(folder) as here:
        (run,) = here.ledger.runs()
    assert run.outcomes["json_parseable"] == {"evaluated": 3}
    assert not run.outcomes.get("politeness")


def test_a_refused_model_does_not_keep_other_models_from_answering(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(
        tmp_path,
        provider.base_url,
        talks(3),
        tone=JUDGE_TASK + "    model: gone\n" + JUDGE_TASK.partition("evaluators:\n")[2] + "    as: other\n",
    )
    good = f"{{name: gpt-5-mini, base_url: '{provider.base_url}'}}"
    write_models(folder, default=good, gone="{name: gpt-none, base_url: 'http://127.0.0.1:9/v1', max_attempts: 1}")

    walked = walk(folder, "tone")

    assert walked.counts == {"politeness": {"errored": 3}, "other": {"evaluated": 3}}


def test_a_missing_key_is_told_before_any_call_and_checks_go_on(tmp_path: Path) -> None:
    folder = judged_folder(tmp_path, "http://127.0.0.1:9/v1", talks(2), tone=JUDGE_AND_CHECK_TASK)
    write_models(folder, default="{name: gpt-5-mini}")

    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        walk(folder, "tone")

    assert {name for name, _ in verdicts(folder)} == {"json_parseable"}


def test_a_run_that_is_overtaken_carries_its_costs_and_asks_nothing_twice(tmp_path: Path, provider: Provider) -> None:
    folder = judged_folder(tmp_path, provider.base_url, talks(4))
    overtaken = threading.Event()

    async def hold(double: Provider, request: object, asked: p.Asked) -> web.StreamResponse:
        while not overtaken.is_set():
            await asyncio.sleep(0.02)
        return await double.answered(asked)

    def overtake() -> None:
        """Another run of the same task and day, which knows the task by an older file with a check alone."""
        while not provider.asked:
            time.sleep(0.02)
        write_task(folder, "tone", JSON_TASK)
        walk(folder, "tone", run_id="other")
        overtaken.set()

    provider.next(hold)
    other = threading.Thread(target=overtake)
    other.start()
    walked = walk(folder, "tone")
    other.join()

    rows = rows_of(folder).values()
    assert len(provider.asked) == 4
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(4 * 180 / 1e6)
    assert {row["reused"] for row in rows} == {False}
    assert walked.evaluated.spent["politeness"].calls == 4
    assert walked.counts == {"politeness": {"evaluated": 4}}
