"""Why a unit has, or has not, a result."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.explaining import Decision, Explained, explain
from evals_pipeline.engine.installation import opened
from evals_pipeline.selection.sampling import is_sampled, sampling_key
from evals_pipeline_tests.builders import DAY, JSON_TASK, deliver, project_folder, span, spans, task_of, walk


def explained(folder: Path, unit: str) -> Explained:
    with opened(folder) as here:
        return explain(here, task_of(folder), unit)


def decision(folder: Path, unit: str) -> Decision:
    (decision,) = explained(folder, unit).decisions
    return decision


def test_a_unit_that_never_arrived_is_not_collected(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span()])
    walk(folder)

    found = explained(folder, "nobody's'; --")

    assert (found.day, found.arrived_at, found.decisions[0].outcome) == (None, None, "not_collected")


def test_an_evaluated_unit_shows_its_result_and_the_run(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span()])
    walk(folder, run_id="the run")

    said = decision(folder, "s1")

    assert (said.outcome, said.result and said.result["label"]) == ("evaluated", "parseable")
    assert "the run" in said.reason
    assert "1.0" in said.reason
    assert explained(folder, "s1").day == DAY


def test_a_filtered_unit_shows_the_clause_that_failed_and_what_it_saw(tmp_path: Path) -> None:
    task = JSON_TASK + "filter: span_kind = 'LLM' AND attributes.llm.model_name LIKE 'gpt-4%'\n"
    folder = project_folder(tmp_path, [span(**{c.MODEL_NAME: "claude"})], format=task)
    walk(folder)

    said = decision(folder, "s1")

    assert said.outcome == "filtered"
    assert "attributes.llm.model_name LIKE 'gpt-4%'" in said.reason
    assert "'claude'" in said.reason
    assert "span_kind = 'LLM'" not in said.reason


def test_a_sampled_out_unit_shows_its_hash_beside_the_rate(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(30), format=JSON_TASK + "sampling_rate: 0.25\n")
    walk(folder)
    out = next(f"s{number}" for number in range(30) if not is_sampled(f"s{number}", 0.25))

    said = decision(folder, out)

    assert said.outcome == "sampled_out"
    assert f"{sampling_key(out):.6f}" in said.reason
    assert "0.25" in said.reason


def test_a_skipped_unit_shows_the_path_that_found_nothing(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span(**{c.OUTPUT_VALUE: None})])
    walk(folder)

    said = decision(folder, "s1")

    assert said.outcome == "skipped"
    assert "'attributes.output.value' has no value" in said.reason


def test_a_unit_over_the_limit_shows_the_limit(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(5), format=JSON_TASK + "max_units: 3\n")
    walk(folder)
    last = max((f"s{number}" for number in range(5)), key=sampling_key)

    said = decision(folder, last)

    assert (said.outcome, "3 units" in said.reason) == ("over_limit", True)


def test_a_unit_that_came_after_the_last_run_is_not_yet_judged(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span()])
    walk(folder)
    deliver(folder, "more", [span("late"), span("elsewhere", **{c.START_TIME: f"{DAY + timedelta(days=1)}T00:00:00Z"})])
    walk(folder, day=DAY + timedelta(days=2), run_id="collects, and looks at another day")

    late, elsewhere = decision(folder, "late"), decision(folder, "elsewhere")

    assert (late.outcome, elsewhere.outcome) == ("not_yet", "not_yet")
    assert "after the last run on its day" in late.reason
    assert f"never ran on {DAY + timedelta(days=1)}" in elsewhere.reason


@pytest.mark.parametrize("unit", ["s0", "s1", "s4"])
def test_all_evaluators_of_a_task_decide(tmp_path: Path, unit: str) -> None:
    second = (
        "{evaluator: json_parseable, as: second, filter: \"name = 'other'\", mapping: {text: attributes.metadata.x}}"
    )
    task = f"{JSON_TASK}  - {second}\n"
    folder = project_folder(tmp_path, spans(5), format=task)
    walk(folder)

    outcomes = [(said.evaluator, str(said.outcome)) for said in explained(folder, unit).decisions]

    assert outcomes == [("json_parseable", "evaluated"), ("second", "filtered")]
