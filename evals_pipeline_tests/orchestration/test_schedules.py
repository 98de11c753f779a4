from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline.orchestration.resources import InstallationResource
from evals_pipeline_tests.builders import JSON_TASK, deliver, project_folder, spans, walk
from evals_pipeline_tests.orchestration.conftest import folder_with, run

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
CONTINUOUS = JSON_TASK + "continuous: {every_minutes: 5, lookback_days: 2}\n"


def tick(minutes: int = 0) -> datetime:
    """The next full five minutes after now, and some minutes more; always in the future of what has run."""
    now = datetime.now(UTC)
    return (
        now
        - timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
        + timedelta(minutes=minutes)
    )


def asked(folder: Path, instance: dg.DagsterInstance, moment: datetime) -> list[dg.RunRequest] | str:
    """The runs that the schedule asks for at `moment`, or why it asks for none."""
    definitions = build_definitions(folder)
    schedule = definitions.resolve_schedule_def("shop_continuous")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=moment,
        repository_def=definitions.get_repository_def(),
        resources={"installation": InstallationResource(folder=str(folder))},
    )
    data = copy_context().run(schedule.evaluate_tick, context)  # Dagster forgets to clear one of its variables
    return list(data.run_requests or []) or str(data.skip_message)


def today_at(hour: int) -> str:
    return f"{TODAY}T{hour:02}:00:00Z"


def test_a_task_that_never_ran_is_due_today(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, format=CONTINUOUS, by_hand=JSON_TASK.replace("mapping", "as: other\n    mapping"))

    requests = asked(folder, instance, tick())

    (request,) = requests
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == TODAY.isoformat()
    assert [key.to_user_string() for key in request.asset_selection or ()] == [
        "shop/spans",
        "shop/format_inputs",
        "shop/format_results",
        "shop/format_annotations",
    ]
    assert request.tags["evals/project"] == "shop"


def test_a_task_is_not_due_again_before_its_cadence(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(2, **{c.START_TIME: today_at(0)}), format=CONTINUOUS.replace("5", "1440"))
    walk(folder, day=TODAY)

    assert "due" in asked(folder, instance, tick(5))
    assert len(asked(folder, instance, tick(1500))) == 1


def test_a_run_that_began_late_does_not_cost_the_next_tick(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(2, **{c.START_TIME: today_at(0)}), format=CONTINUOUS)
    walk(folder, day=TODAY)

    assert len(asked(folder, instance, tick(5))) == 1


def test_days_with_late_spans_are_looked_at_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, spans(2, **{c.START_TIME: f"{YESTERDAY}T12:00:00Z"}), format=CONTINUOUS)
    walk(folder, day=YESTERDAY)
    calm = asked(folder, instance, tick(10))
    deliver(folder, "late", spans(1, prefix="late", **{c.START_TIME: f"{YESTERDAY}T13:00:00Z"}))
    walk(folder, day=TODAY, run_id="collects")

    (request,) = asked(folder, instance, tick(10))

    assert [asked_for.partition_key for asked_for in calm if isinstance(asked_for, dg.RunRequest)] == [str(TODAY)]
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == str(YESTERDAY)
    assert request.tags["dagster/asset_partition_range_end"] == str(TODAY)


def test_older_days_than_the_lookback_are_left_alone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    old = f"{TODAY - timedelta(days=3)}T12:00:00Z"
    folder = folder_with(tmp_path, spans(2, **{c.START_TIME: old}), format=CONTINUOUS)
    walk(folder, day=TODAY)

    (request,) = asked(folder, instance, tick(10))

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == str(TODAY)


@pytest.mark.parametrize("tags", [{"evals/project": "shop"}, {}], ids=["tagged", "started in the UI"])
def test_a_tick_is_skipped_while_a_run_of_the_project_is_under_way(
    tags: dict[str, str], tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    folder = folder_with(tmp_path, format=CONTINUOUS)
    job = build_definitions(folder).resolve_job_def("evaluate")
    selected = job.get_subset(asset_selection={dg.AssetKey(["shop", "spans"])})
    under_way = instance.create_run_for_job(
        selected,
        tags=tags,
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({dg.AssetKey(["shop", "spans"])}),
    )

    reason = asked(folder, instance, tick())

    assert under_way.run_id[:8] in reason


def test_a_run_that_is_over_holds_nobody_up(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path, format=CONTINUOUS)
    run(folder, instance, TODAY)

    assert len(asked(folder, instance, tick(10))) == 1


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        ([1], "*/1 * * * *"),
        ([5], "*/5 * * * *"),
        ([10, 15], "*/5 * * * *"),
        ([1440], "0 * * * *"),
        ([90], "*/30 * * * *"),
    ],
)
def test_a_schedule_ticks_as_often_as_its_tasks_need(every: list[int], cron: str, tmp_path: Path) -> None:
    tasks = {f"t{n}": CONTINUOUS.replace("mapping", f"as: r{n}\n    mapping").replace("5,", f"{n},") for n in every}

    schedule = build_definitions(folder_with(tmp_path, **tasks)).resolve_schedule_def("shop_continuous")

    assert schedule.cron_schedule == cron
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_a_project_without_continuous_tasks_has_no_schedule(tmp_path: Path) -> None:
    definitions = build_definitions(folder_with(tmp_path))

    assert list(definitions.schedules or ()) == []


def test_days_before_the_first_partition_are_never_asked_for(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    before = TODAY - timedelta(days=1)
    folder = project_folder(tmp_path, spans(2, **{c.START_TIME: f"{before}T12:00:00Z"}), format=CONTINUOUS)
    build_definitions(folder, environment={"EVALS_FIRST_DAY": str(TODAY)})
    walk(folder, day=TODAY)

    (request,) = asked(folder, instance, tick(10))

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == str(TODAY)
