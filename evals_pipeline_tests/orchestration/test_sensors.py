from pathlib import Path

import dagster as dg

from evals_pipeline.engine.installation import opened
from evals_pipeline.ledger.ledger import RunKey
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline.orchestration.failures import close_rows
from evals_pipeline.orchestration.processes import PROCESS_TAG, process_tag
from evals_pipeline.orchestration.resources import InstallationResource
from evals_pipeline.orchestration.sensors import record_failures
from evals_pipeline_tests.builders import DAY, now
from evals_pipeline_tests.orchestration.conftest import folder_with


@dg.op
def nothing() -> None:
    """Nothing."""


@dg.job
def idle() -> None:
    nothing()


def watched(folder: Path, instance: dg.DagsterInstance) -> str:
    """What the watching sensor says of itself after a tick."""
    sensor = build_definitions(folder).resolve_sensor_def("watch_processes")
    return str(sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message)


def test_a_tick_limits_every_pool_to_one(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    watched(folder_with(tmp_path), instance)

    limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert limits == {"shop/spans": 1, "shop/format": 1}


def test_a_limit_that_somebody_chose_stays(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("shop/format", 3)

    watched(folder_with(tmp_path), instance)

    limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert limits["shop/format"] == 3


def test_a_tick_ends_runs_whose_process_is_gone(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    gone = process_tag()[PROCESS_TAG] + "0"
    dead = instance.create_run_for_job(idle, tags={PROCESS_TAG: gone}, status=dg.DagsterRunStatus.STARTED)

    said = watched(folder_with(tmp_path), instance)

    assert "Ended 1" in said
    run = instance.get_run_by_id(dead.run_id)
    assert run is not None and run.status == dg.DagsterRunStatus.FAILURE


def test_what_a_failed_run_left_open_is_closed_with_the_reason(tmp_path: Path) -> None:
    with opened(folder_with(tmp_path)) as here:
        mine, other = (RunKey(run_id, "shop", "format", DAY) for run_id in ("dead", "alive"))
        for key in (mine, other):
            here.ledger.start_run(key, {}, now=now())

        closed = close_rows(here.ledger, "dead", "it was killed", now=now())

        assert closed == 1
        found = {run.key: (run.status, run.message) for run in here.ledger.runs()}
        assert found == {mine: ("failed", "it was killed"), other: ("running", None)}


def test_a_failure_reaches_the_ledger_through_the_sensor(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    folder = folder_with(tmp_path)
    result = _failing().execute_in_process(instance=instance, raise_on_error=False)
    with opened(folder) as here:
        here.ledger.start_run(RunKey(result.run_id, "shop", "format", DAY), {}, now=now())
    context = dg.build_run_status_sensor_context(
        sensor_name="record_failures",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
        resources={"installation": InstallationResource(folder=str(folder))},
    )

    record_failures(context.for_run_failure())

    with opened(folder) as here:
        assert here.ledger.runs()[0].status == "failed"


def _failing() -> dg.JobDefinition:
    @dg.op
    def fails() -> None:
        raise dg.Failure("on purpose")

    @dg.job
    def fail() -> None:
        fails()

    return fail
