"""The second run and all after it: what is looked at again, what is judged again and what stands."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.inputs import select_inputs
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.results import evaluate_inputs
from evals_pipeline.engine.spans import collect_spans
from evals_pipeline.ledger.ledger import RunKey, conserved
from evals_pipeline_tests.builders import (
    DAY,
    JSON_TASK,
    ORDER_TASK,
    TASK,
    deliver,
    history,
    now,
    plain,
    project_folder,
    span,
    spans,
    stored_ids,
    task_of,
    units,
    verdicts,
    walk,
    write_task,
)

SAMPLED = JSON_TASK + "sampling_rate: 0.4\n"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(9))
    walk(folder, run_id="r1")
    before, summary = history(folder), walk(folder, run_id="r2").evaluated.summary

    again = walk(folder, run_id="r3")

    assert history(folder) == before
    assert (again.collected.files, again.evaluated.rows, again.attached.is_new) == (0, 0, False)
    assert again.evaluated.summary == summary
    assert summary.evaluators["json_parseable"].labels == {"parseable": 6, "not_parseable": 3}


def test_the_next_run_looks_only_at_spans_that_arrived_since(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(6))
    walk(folder, run_id="r1")
    deliver(folder, "second", spans(4, prefix="late"))

    walked = walk(folder, run_id="r2")

    assert (walked.evaluated.candidates, walked.evaluated.rows) == (4, 4)
    assert walked.evaluated.summary.evaluators["json_parseable"].outcomes == {"evaluated": 10}
    assert len(units(folder)) == len(set(units(folder))) == 10


def test_a_span_that_arrives_late_is_judged_once_by_the_next_run_of_its_day(tmp_path: Path) -> None:
    yesterday = DAY - timedelta(days=1)
    folder = project_folder(tmp_path, [span("old", **{c.START_TIME: f"{yesterday}T23:59:59.999999Z"}), span("new")])
    for day in (yesterday, DAY):
        walk(folder, day=day, run_id=f"first {day}")
    deliver(folder, "second", [span("late", **{c.START_TIME: f"{yesterday}T08:00:00Z"})])

    walked = {day: walk(folder, day=day, run_id=f"second {day}").evaluated.candidates for day in (DAY, yesterday)}

    assert walked == {DAY: 0, yesterday: 1}
    assert units(folder) == ["late", "new", "old"]


def test_a_span_delivered_again_is_stored_and_judged_once(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span("s1"), span("s1"), span("s2")])
    walk(folder, run_id="r1")
    deliver(folder, "again", [span("s2"), span("s3")])

    walked = walk(folder, run_id="r2")

    assert stored_ids(folder) == units(folder) == ["s1", "s2", "s3"]
    assert (walked.collected.duplicates, walked.collected.spans) == (1, {DAY: 1})


def test_a_file_that_grows_is_read_again_and_only_its_new_spans_are_stored(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="r1")
    deliver(folder, "first", spans(5))

    walked = walk(folder, run_id="r2")

    assert (walked.collected.files, walked.collected.spans, walked.collected.duplicates) == (1, {DAY: 2}, 3)
    assert walked.evaluated.rows == 2


def test_sampling_chooses_the_same_units_whatever_the_order_of_files_and_runs(tmp_path: Path) -> None:
    at_once = project_folder(tmp_path / "at_once", spans(30), format=SAMPLED)
    walk(at_once)
    in_parts = project_folder(tmp_path / "in_parts", spans(30)[20:], format=SAMPLED)
    walk(in_parts, run_id="r1")
    deliver(in_parts, "earlier", spans(20))
    walk(in_parts, run_id="r2")

    backfilled = walk(in_parts, run_id="backfill", overrides=Overrides(override=True))

    assert Counter(units(in_parts)) == Counter(units(at_once) * 2)
    assert backfilled.counts == {
        "json_parseable": plain({"sampled_out": 30 - len(units(at_once)), "evaluated": len(units(at_once))})
    }
    assert verdicts(in_parts) == verdicts(at_once)


def test_a_higher_rate_keeps_what_the_lower_one_chose(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(30), format=SAMPLED)
    walk(folder, run_id="r1")
    chosen = units(folder)
    write_task(folder, TASK, JSON_TASK)

    walked = walk(folder, run_id="r2")

    assert walked.counts == {"json_parseable": {"already_evaluated": len(chosen), "evaluated": 30 - len(chosen)}}


def test_override_judges_again_and_the_newest_result_is_current_while_history_stays(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="r1")
    before = verdicts(folder)

    walked = walk(folder, run_id="r2", overrides=Overrides(override=True))

    rows = history(folder)
    assert walked.counts == {"json_parseable": {"evaluated": 3}}
    assert Counter(row["run_id"] for row in rows) == {"r1": 3, "r2": 3}
    assert verdicts(folder) == before
    assert walked.evaluated.summary.rows == 3
    assert walked.attached.units == 3


def test_a_changed_parameter_judges_again_and_supersedes(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3), orders=ORDER_TASK)
    walk(folder, "orders", run_id="r1")
    write_task(folder, "orders", ORDER_TASK.replace("ORD-", "no such order "))

    walked = walk(folder, "orders", run_id="r2")

    assert walked.counts == {"has_order": {"evaluated": 3}}
    assert set(verdicts(folder).values()) == {"no_match"}
    assert walked.evaluated.summary.evaluators["has_order"].labels == {"no_match": 3}


def test_a_changed_mapping_judges_again(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="r1")
    write_task(folder, TASK, JSON_TASK.replace("output.value", "input.value"))

    walked = walk(folder, run_id="r2")

    assert set(verdicts(folder).values()) == {"not_parseable"}
    assert walked.counts == {"json_parseable": {"evaluated": 3}}


def test_a_changed_filter_judges_only_what_has_no_result(tmp_path: Path) -> None:
    found = [span("a"), span("b"), span("tool", **{c.SPAN_KIND: "TOOL"})]
    folder = project_folder(tmp_path, found, format=JSON_TASK + "filter: span_kind = 'LLM'\n")
    walk(folder, run_id="r1")
    write_task(folder, TASK, JSON_TASK + "filter: \"span_kind IN ('LLM', 'TOOL')\"\n")

    walked = walk(folder, run_id="r2")

    assert walked.counts == {"json_parseable": {"already_evaluated": 2, "evaluated": 1}}
    assert units(folder) == ["a", "b", "tool"]


def test_an_evaluator_added_to_a_task_is_asked_about_what_the_others_have_done(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(4))
    walk(folder, run_id="r1")
    write_task(folder, TASK, JSON_TASK + ORDER_TASK.partition("evaluators:\n")[2])

    walked = walk(folder, run_id="r2")

    assert walked.counts == {"json_parseable": {"already_evaluated": 4}, "has_order": {"evaluated": 4}}


def test_two_tasks_of_a_project_do_not_touch_each_other(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(4), format=JSON_TASK, orders=ORDER_TASK)

    counts = [walk(folder, task, run_id=f"{task} {n}").counts for n in (1, 2) for task in ("format", "orders")]

    assert counts == [
        {"json_parseable": {"evaluated": 4}},
        {"has_order": {"evaluated": 4}},
        {"json_parseable": {}},
        {"has_order": {}},
    ]


def select_only(folder: Path, run_id: str, overrides: Overrides | None = None) -> None:
    with opened(folder) as here:
        collect_spans(here, read_catalog(folder).project("shop"), now=now)
        chosen = overrides or Overrides()
        select_inputs(here, task_of(folder), RunKey(run_id, "shop", TASK, DAY), chosen, now=now())


def evaluate_only(folder: Path, run_id: str) -> dict[str, dict[str, int]]:
    with opened(folder) as here:
        evaluated = evaluate_inputs(here, task_of(folder), RunKey(run_id, "shop", TASK, DAY), now=now)
        assert conserved(evaluated.candidates, evaluated.counts) == {}
        return {name: plain(of) for name, of in evaluated.counts.items()}


def test_a_run_of_results_alone_takes_the_newest_selection(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    select_only(folder, "r1")
    deliver(folder, "second", spans(2, prefix="late"))
    select_only(folder, "r2")

    counts = [evaluate_only(folder, run_id) for run_id in ("results", "results again")]

    assert counts == [{"json_parseable": {"evaluated": 5}}, {"json_parseable": {"already_evaluated": 5}}]
    assert len(units(folder)) == 5


def test_a_run_of_results_alone_without_any_selection_says_what_to_do(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))

    with pytest.raises(ConfigError, match=f"selected no inputs for {DAY}") as error:
        evaluate_only(folder, "results")

    assert f"evals run {TASK} --day {DAY}" in error.value.hint


def test_a_selection_is_found_however_many_runs_were_cut_off_since(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    select_only(folder, "r1")
    with opened(folder) as here:
        for number in range(25):
            here.ledger.start_run(RunKey(f"cut off {number}", "shop", TASK, DAY), {}, now=now())

    counts = evaluate_only(folder, "results")

    assert counts == {"json_parseable": {"evaluated": 3}}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(JSON_TASK.replace("output.value", "metadata.answer"), id="another mapping"),
        pytest.param(JSON_TASK + ORDER_TASK.partition("evaluators:\n")[2], id="another evaluator"),
    ],
)
def test_inputs_of_another_state_of_the_task_are_not_judged(tmp_path: Path, changed: str) -> None:
    folder = project_folder(tmp_path, [span("s1", **{c.METADATA: {"answer": "{}"}})])
    walk(folder, run_id="r1")
    deliver(folder, "second", [span("s2", **{c.METADATA: {"answer": "{}"}})])
    select_only(folder, "r2")
    write_task(folder, TASK, changed)

    with pytest.raises(ConfigError, match="changed since"):
        evaluate_only(folder, "results")

    assert units(folder) == ["s1"]


def test_evaluating_twice_in_one_run_counts_every_candidate_once(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3), format=JSON_TASK + "max_units: 2\n")
    select_only(folder, "r1")

    counts = [evaluate_only(folder, "r1") for _ in range(2)]

    assert counts[1] == {"json_parseable": {"over_limit": 1, "already_evaluated": 2}}
    assert len(units(folder)) == 2


def test_override_evaluated_twice_in_one_run_judges_once(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="r1")
    select_only(folder, "r2", Overrides(override=True))

    counts = [evaluate_only(folder, "r2") for _ in range(2)]

    assert counts == [{"json_parseable": {"evaluated": 3}}, {"json_parseable": {"already_evaluated": 3}}]
    assert len(units(folder)) == 6


def test_an_evaluator_that_moves_to_another_task_is_not_asked_again(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(4), before=JSON_TASK)
    walk(folder, "before")
    (folder / "tasks" / "before.yaml").unlink()
    write_task(folder, "after", JSON_TASK)

    walked = walk(folder, "after", run_id="second")

    assert walked.evaluated.rows == 0
    assert len(history(folder)) == 4
