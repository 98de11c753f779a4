import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.lake.tables import SPANS
from evals_pipeline.ledger.ledger import Ledger, Run
from evals_pipeline.orchestration.config import RunOptions
from evals_pipeline_tests.builders import DAY, JSON_TASK, deliver, spans, units
from evals_pipeline_tests.orchestration.conftest import DAYS, folder_with, materialized, metadata, plain, run, spans_on

RESULTS = ("shop", "format_results")
INPUTS = ("shop", "format_inputs")


@dataclass
class Finished:
    folder: Path
    instance: dg.DagsterInstance
    result: dg.ExecuteInProcessResult


def overriding(**chosen: object) -> dict[str, object]:
    return RunOptions.run_config("shop__format_inputs", Overrides(**chosen))  # type: ignore[arg-type]


def said(result: dg.ExecuteInProcessResult) -> list[dg.Failure]:
    """What failed steps say, with their metadata."""
    failed = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    return [event.step_failure_data.user_failure_data for event in failed]


def ledger_runs(folder: Path) -> list[Run]:
    with opened(folder) as here:
        return here.ledger.runs()


@pytest.fixture(scope="module")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A run of one day, with a source that has spans of the next day and a line that is none."""
    found = [*spans(9), *spans(3, prefix="late", **{c.START_TIME: f"{DAYS[1]}T00:00:00Z"})]
    folder = folder_with(tmp_path_factory.mktemp("one_day"), found)
    (folder / "traces" / "damaged.jsonl").write_text("no json\n")
    with dg.instance_for_test() as instance:
        yield Finished(folder, instance, run(folder, instance, DAY))


@pytest.fixture(scope="module")
def many_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """One run over four days with different numbers of spans, of which the third has a damaged file in the lake."""
    folder = folder_with(
        tmp_path_factory.mktemp("many_days"), [row for n, day in enumerate(DAYS) for row in spans_on([day], 3 * n + 3)]
    )
    with dg.instance_for_test() as instance:
        run(folder, instance, DAY, asset_selection=[dg.AssetKey(["shop", "spans"])])
        damage(folder, DAYS[2])
        yield Finished(folder, instance, run(folder, instance, *DAYS))


def damage(folder: Path, day: object) -> None:
    with opened(folder) as here:
        (file,) = here.lake.snapshot(SPANS).files_of(project="shop", day=str(day))
    path = Path(file.uri)
    path.write_bytes(b"\0" * path.stat().st_size)


def test_a_run_of_one_day_ends_with_results_attached(one_day: Finished) -> None:
    assert one_day.result.success
    assert len(units(one_day.folder)) == 9
    assert (one_day.folder / ".evals" / "annotations" / "shop" / "format" / f"{DAY}.parquet").is_file()


def test_a_results_page_shows_counts_labels_scores_and_outcomes(one_day: Finished) -> None:
    shown = metadata(one_day.instance, RESULTS, DAY)

    assert shown["dagster/partition_row_count"] == 9
    assert (shown["evaluated"], shown["skipped"], shown["errored"]) == (9, 0, 0)
    assert (shown["json_parseable/score_mean"], shown["json_parseable/score_count"]) == (pytest.approx(0.666667), 9)
    assert shown["labels"] == [
        ("json_parseable", "parseable", 6, "66.7%"),
        ("json_parseable", "not_parseable", 3, "33.3%"),
    ]
    assert shown["outcomes"] == [("json_parseable", "evaluated", 9)]
    assert shown["label_shares"].startswith("![label shares](data:image/svg+xml;base64,")
    assert 0 < shown["duration_seconds"] < 60
    assert 0 <= shown["seconds_since_data_arrived"] < 120


def test_the_lowest_scored_units_are_listed_without_text(one_day: Finished) -> None:
    shown = metadata(one_day.instance, RESULTS, DAY)

    assert shown["lowest_scored"][:3] == [("json_parseable", unit, 0.0, "not_parseable") for unit in ("s2", "s5", "s8")]
    assert len(shown["lowest_scored"]) == 9
    assert "Sorry" not in str(shown)


def test_a_spans_page_shows_what_arrived_and_what_could_not_be_read(one_day: Finished) -> None:
    shown = metadata(one_day.instance, ("shop", "spans"), DAY)

    assert (shown["new_spans"], shown["dagster/partition_row_count"]) == (9, 9)
    assert (shown["files_read"], shown["problems"]) == (2, 1)
    assert [row[:2] for row in shown["problems_found"]] == [("damaged.jsonl", 1)]


def test_a_day_that_received_spans_meanwhile_shows_them_too(one_day: Finished) -> None:
    assert materialized(one_day.instance, "shop", "spans") == {str(DAYS[0]), str(DAYS[1])}
    assert metadata(one_day.instance, ("shop", "spans"), DAYS[1])["new_spans"] == 3
    assert materialized(one_day.instance, *RESULTS) == {str(DAY)}


def test_an_annotations_page_says_where_they_are(one_day: Finished) -> None:
    shown = metadata(one_day.instance, ("shop", "format_annotations"), DAY)

    assert Path(shown["path"]).is_file()
    assert shown["dagster/partition_row_count"] == 9


def test_the_ledger_knows_the_run_by_its_dagster_id(one_day: Finished) -> None:
    (found,) = ledger_runs(one_day.folder)

    assert (found.key.run_id, found.status) == (one_day.result.run_id, "finished")


def test_both_checks_pass_where_all_is_well(one_day: Finished) -> None:
    verdicts = {check.check_name: check.passed for check in one_day.result.get_asset_check_evaluations()}

    assert verdicts == {"conservation": True, "judged": True}


def test_days_before_a_failing_one_stay_materialized(many_days: Finished) -> None:
    assert not many_days.result.success
    assert materialized(many_days.instance, "shop", "spans") == {str(day) for day in DAYS}
    assert materialized(many_days.instance, *INPUTS) == {str(DAYS[0]), str(DAYS[1])}


def test_each_day_of_a_long_run_has_its_own_numbers(many_days: Finished) -> None:
    assert [metadata(many_days.instance, INPUTS, day)["candidates"] for day in DAYS[:2]] == [3, 6]


def test_a_failure_says_which_day_and_closes_its_row_in_the_ledger(many_days: Finished) -> None:
    (failure,) = said(many_days.result)

    assert str(DAYS[2]) in (failure.description or "")
    rows = {run.key.day: (run.status, run.message) for run in ledger_runs(many_days.folder)}
    assert rows[DAYS[2]][0] == "failed" and str(DAYS[2]) in (rows[DAYS[2]][1] or "")
    assert DAYS[3] not in rows


def test_a_long_run_gives_each_day_its_own_results(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, [row for n, day in enumerate(DAYS) for row in spans_on([day], n + 1)])

    result = run(folder, instance, *DAYS)

    assert result.success
    rows = [metadata(instance, RESULTS, day)["dagster/partition_row_count"] for day in DAYS]
    assert rows == [1, 2, 3, 4]


def test_the_launchpad_changes_one_run_and_not_the_task(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(9))

    first = run(folder, instance, DAY, run_config=overriding(max_units=2, filter="name = 'ChatCompletion'"))
    seen_first = metadata(instance, RESULTS, DAY)
    second = run(folder, instance, DAY)

    assert first.success and second.success
    assert seen_first["new_results"] == 2
    assert metadata(instance, RESULTS, DAY)["new_results"] == 7
    chosen = {run.key.run_id: run.options for run in ledger_runs(folder)}
    assert chosen[first.run_id] == {"max_units": 2, "filter": "name = 'ChatCompletion'"}
    assert chosen[second.run_id] == {}


def test_the_launchpad_can_ask_for_everything_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(3))

    run(folder, instance, DAY)
    run(folder, instance, DAY)
    once = len(units(folder))
    run(folder, instance, DAY, run_config=overriding(override=True))

    assert (once, len(units(folder))) == (3, 6)


def test_the_launchpad_can_ask_for_results_of_older_versions_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    folder = folder_with(tmp_path, spans(3))
    run(folder, instance, DAY)

    again = run(folder, instance, DAY, run_config=overriding(reevaluate="new-version"))

    newest = next(found for found in ledger_runs(folder) if found.key.run_id == again.run_id)
    assert newest.options == {"reevaluate": "new-version"}
    assert newest.outcomes["json_parseable"] == {"already_evaluated": 3}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        pytest.param({"sampling_rate": 7.0}, "sampling_rate", id="a rate above one"),
        pytest.param({"filter": "spankind = 'LLM'"}, "spankind", id="a filter on an unknown column"),
        pytest.param({"max_units": 0}, "max_units", id="no unit at all"),
        pytest.param({"reevaluate": "all"}, "new-version", id="evaluating again what nobody knows"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_selected(
    chosen: dict[str, object], words: str, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    folder = folder_with(tmp_path, spans(3))

    result = run(folder, instance, DAY, run_config=overriding(**chosen))

    (failure,) = said(result)
    assert words in f"{failure.description} {failure.metadata}"
    assert ledger_runs(folder) == []


def test_results_alone_go_on_from_the_newest_inputs(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(3))
    run(folder, instance, DAY, asset_selection=[dg.AssetKey(["shop", "spans"]), dg.AssetKey(INPUTS)])

    result = run(folder, instance, DAY, asset_selection=[dg.AssetKey(RESULTS)])

    assert result.success
    assert len(units(folder)) == 3


def test_results_without_inputs_are_refused_with_what_to_do(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(3))

    result = run(folder, instance, DAY, asset_selection=[dg.AssetKey(RESULTS)])

    (failure,) = said(result)
    assert "format_inputs" in str(failure.metadata["hint"].value)


def test_counts_that_do_not_add_up_fail_the_check_and_hold_annotations_back(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    folder = folder_with(tmp_path, spans(3))
    Ledger(f"sqlite:///{folder / '.evals' / 'ledger.db'}").close()
    with sqlite3.connect(folder / ".evals" / "ledger.db") as ledger:
        ledger.execute(
            "CREATE TRIGGER lose_one AFTER INSERT ON outcomes WHEN NEW.outcome = 'evaluated'"
            " BEGIN UPDATE outcomes SET count = count - 1 WHERE rowid = NEW.rowid; END"
        )

    result = run(folder, instance, DAY)

    assert not result.success
    (check,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert (check.check_name, check.blocking) == ("conservation", True)
    assert plain(check.metadata["differences"]) == [(str(DAY), "json_parseable", -1)]
    assert materialized(instance, "shop", "format_annotations") == set()


def test_an_evaluator_that_can_judge_nothing_is_warned_about(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(3), format=JSON_TASK.replace("output.value", "nowhere"))

    result = run(folder, instance, DAY)

    (check,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert result.success
    assert (check.check_name, check.severity) == ("judged", dg.AssetCheckSeverity.WARN)


def test_spans_before_the_first_partition_are_kept_and_mentioned(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(2))
    deliver(folder, "old", spans(2, prefix="old", **{c.START_TIME: "2019-01-01T00:00:00Z"}))

    result = run(folder, instance, DAY)

    lines = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any("2019-01-01" in line and "no partition" in line for line in lines)
    assert materialized(instance, "shop", "spans") == {str(DAY)}


def test_a_day_without_spans_is_materialized_with_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(2))
    empty = DAY + timedelta(days=30)

    result = run(folder, instance, empty)

    assert result.success
    assert metadata(instance, RESULTS, empty)["dagster/partition_row_count"] == 0
