"""preview, run, backfill, runs, logs and explain on real small folders, through Dagster."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from evals_pipeline.core import columns as c
from evals_pipeline.orchestration.instance import project_instance
from evals_pipeline_tests.builders import DAY, deliver, span, spans, write_task
from evals_pipeline_tests.cli.conftest import Evals, document

FAILING_TASK = """
project: shop
evaluators:
  - evaluator: json_parseable
    as: nested
    mapping: {text: attributes.metadata.answer}
"""


@pytest.fixture
def shop(shop_with_instance: Path, tmp_path: Path) -> Path:
    """As elsewhere, and ready for Dagster's first run."""
    return Path(shutil.copytree(shop_with_instance, tmp_path / "shop"))


def test_preview_collects_and_shows_what_the_path_finds(evals: Evals) -> None:
    result = evals("preview", "format")

    assert result.exit_code == 0, result.output
    assert "9 of the newest 9 spans" in result.stdout
    assert "json_parseable · text" in result.stdout
    assert "100.0% (9 of 9 spans)" in result.stdout
    assert "collected 9 new spans from 1 file\n" in result.stderr


def test_preview_as_json_holds_shares_and_examples(evals: Evals, shop: Path) -> None:
    write_task(shop, "nested", FAILING_TASK)

    found = document(evals("preview", "nested", "--spans", "4", "--json"))

    (variable,) = found["variables"]
    assert (found["spans"], variable["path"], variable["share"]) == (4, "attributes.metadata.answer", 0.0)
    assert variable["examples"] == []


def test_preview_names_lines_that_could_not_be_read(evals: Evals, shop: Path) -> None:
    (shop / "traces" / "second.jsonl").write_text("{broken\n")

    result = evals("preview", "format")

    assert "could not be read: " in result.stderr
    assert "second.jsonl, line 1" in result.stderr


def test_a_run_prints_outcomes_labels_and_the_next_step(first_run: tuple[Path, Result]) -> None:
    _, result = first_run

    assert "9 spans looked at, 9 verdicts" in result.stdout
    for words in (("json_parseable", "parseable", "6", "66.7%"), ("json_parseable", "not_parseable", "3", "33.3%")):
        assert any(all(word in line.split() for word in words) for line in result.stdout.splitlines()), words
    assert "evals explain format UNIT_ID" in result.stderr


def test_a_run_as_json_holds_the_same(evals: Evals) -> None:
    found = document(evals("run", "format", "--day", str(DAY), "--json"))

    assert found["status"] == "finished"
    assert found["outcomes"] == {"json_parseable": {"evaluated": 9}}
    assert found["labels"]["json_parseable"]["parseable"] == {"count": 6, "share": pytest.approx(2 / 3)}
    assert found["failures"] == []
    assert found["rows_per_second"] > 0


def test_a_day_without_spans_names_the_newest_one_that_has_some(evals: Evals) -> None:
    result = evals("run", "format")

    assert result.exit_code == 0, result.output
    assert f"the newest day with spans is {DAY}" in result.stderr
    assert f"--day {DAY}" in result.stderr


def test_a_project_without_spans_says_so(evals: Evals, shop: Path) -> None:
    (shop / "traces" / "first.jsonl").unlink()

    result = evals("run", "format")

    assert "no spans at all" in result.stderr


def test_a_second_run_finds_nothing_new_and_shows_what_stands(evaluated: Evals) -> None:
    result = evaluated("run", "format", "--day", str(DAY))

    assert "nothing new has arrived" in result.stderr
    assert "66.7%" in result.stdout


def test_options_of_a_run_reach_it(evaluated: Evals) -> None:
    limited = document(evaluated("run", "format", "--day", str(DAY), "--override", "--max-units", "2", "--json"))
    filtered = document(evaluated("run", "format", "--day", str(DAY), "--filter", "span_kind = 'TOOL'", "--json"))
    sampled = document(evaluated("run", "orders", "--day", str(DAY), "--sampling-rate", "0.5", "--json"))

    assert limited["outcomes"]["json_parseable"] == {"evaluated": 2, "over_limit": 7}
    assert filtered["outcomes"]["json_parseable"] == {"filtered": 9}
    assert sampled["options"] == {"sampling_rate": 0.5}
    assert 0 < sampled["outcomes"]["has_order"]["sampled_out"] < 9


def test_a_backfill_covers_the_days_up_to_the_exclusive_end(evals: Evals, shop: Path) -> None:
    later = f"{DAY + timedelta(days=2)}T12:00:00Z"
    deliver(shop, "second", spans(4, prefix="late", **{c.START_TIME: later, c.END_TIME: later}))

    window = ("--start", str(DAY), "--end", str(DAY + timedelta(days=2)))
    found = document(evals("backfill", "format", *window, "--json"))

    assert found["candidates"] == 9
    assert found["days"] == [str(DAY), str(DAY + timedelta(days=1))]


def test_a_backfill_of_the_last_days_includes_today(evals: Evals, shop: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z"
    deliver(shop, "second", [span("new", **{c.START_TIME: today, c.END_TIME: today})])

    found = document(evals("backfill", "format", "--last", "2d", "--json"))

    assert found["candidates"] == 1


def test_a_dry_run_counts_what_would_be_judged_and_judges_nothing(evals: Evals, shop: Path) -> None:
    window = ("--start", str(DAY), "--end", str(DAY + timedelta(days=1)))
    before = document(evals("backfill", "format", *window, "--dry-run", "--json"))
    runs = document(evals("runs", "--json"))
    evals("run", "format", "--day", str(DAY))
    after = document(evals("backfill", "format", *window, "--dry-run", "--json"))
    again = document(evals("backfill", "format", *window, "--dry-run", "--override", "--max-units", "4", "--json"))

    assert before["days"][0]["would_judge"] == {"json_parseable": 9}
    assert runs == []
    assert after["days"][0]["would_judge"] == {"json_parseable": 0}
    assert again["days"][0]["would_judge"] == {"json_parseable": 4}


def test_a_dry_run_applies_the_filters_of_evaluators(evals: Evals, shop: Path) -> None:
    task = "project: shop\nevaluators:\n  - evaluator: json_parseable\n    mapping: {text: attributes.output.value}\n"
    write_task(shop, "narrow", task + "    filter: \"attributes.output.value LIKE 'Sorry%'\"\n    as: narrow\n")
    evals("preview", "narrow")

    window = ("--start", str(DAY), "--end", str(DAY + timedelta(days=1)))
    result = evals("backfill", "narrow", *window, "--dry-run")

    (line,) = [line.split() for line in result.stdout.splitlines() if line.strip().startswith(str(DAY))]
    assert line == [str(DAY), "9", "9", "9", "3"]
    assert "Nothing was asked or judged" in result.stderr


def test_runs_lists_what_was_run(evaluated: Evals) -> None:
    (entry,) = document(evaluated("runs", "--json"))
    (of_task,) = document(evaluated("runs", "format", "--json"))
    table = evaluated("runs")

    assert (entry["task"], entry["status"], entry["candidates"]) == ("format", "finished", 9)
    assert of_task == entry
    assert document(evaluated("runs", "orders", "--json")) == []
    assert entry["run_id"][:8] in table.stdout


def test_logs_are_found_by_the_first_characters_of_an_id(evaluated: Evals) -> None:
    (entry,) = document(evaluated("runs", "--json"))

    text = evaluated("logs", entry["run_id"][:6])
    lines = document(evaluated("logs", entry["run_id"], "--json"))

    assert "selected units=9" in text.stdout
    assert lines[0].keys() == {"time", "level", "step", "message"}


def test_logs_leave_out_the_bookkeeping_of_dagster_unless_it_is_wanted(evaluated: Evals) -> None:
    (entry,) = document(evaluated("runs", "--json"))

    levels = {
        wanted: {line["level"] for line in document(evaluated("logs", entry["run_id"], "--json", *wanted.split()))}
        for wanted in ("", "--level debug", "--level warning")
    }
    told = evaluated("logs", entry["run_id"], "--level", "error")

    assert levels == {"": {"INFO"}, "--level debug": {"DEBUG", "INFO"}, "--level warning": set()}
    assert (told.exit_code, told.stdout) == (0, "")
    assert "lines below error; all with --level debug" in told.stderr


def test_logs_show_why_a_run_failed(evals: Evals, shop: Path) -> None:
    (shop / "traces" / "first.jsonl").unlink()
    (shop / "traces").rmdir()
    evals("run", "format")
    with project_instance(shop) as instance:
        (run,) = instance.get_runs()

    told = evals("logs", run.run_id, "--level", "error")

    assert "traces" in told.stdout


def test_explain_says_why_a_unit_has_its_result(evaluated: Evals) -> None:
    told = evaluated("explain", "format", "s2")
    found = document(evaluated("explain", "format", "s2", "--json"))

    assert "label 'not_parseable', score 0.0" in told.stdout
    (decision,) = found["decisions"]
    assert (decision["outcome"], found["day"]) == ("evaluated", str(DAY))


def test_explain_says_that_a_unit_never_came(evaluated: Evals) -> None:
    told = evaluated("explain", "format", "nosuch")
    found = evaluated("explain", "format", "nosuch", "--json")

    assert (told.exit_code, found.exit_code) == (1, 1)
    assert "no span with this id has been collected" in told.stdout
    assert json.loads(found.stdout)["day"] is None
