import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import ConfigError, UnknownNameError, WindowError
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.orchestration.history import log_lines, runs_of
from evals_pipeline.orchestration.instance import dagster_home, project_instance
from evals_pipeline.orchestration.launching import Launched, launch
from evals_pipeline.orchestration.naming import task_pool
from evals_pipeline.orchestration.processes import PROCESS_TAG, end_dead_runs, process_tag
from evals_pipeline_tests.builders import DAY, JSON_TASK, ORDER_TASK, TASK, project_folder, spans, units
from evals_pipeline_tests.orchestration.conftest import DAYS, folder_with, spans_on

SLOW = """
project: shop
evaluators:
  - evaluator: matches_regex
    as: {name}
    parameters: {{pattern: "(?=x)x"}}
    mapping: {{text: attributes.output.value}}
"""
"""A task whose pattern runs in Python, so that it takes a while."""

CHILD = """
import sys, time
from datetime import date
from pathlib import Path
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.orchestration import launching
folder, task, day, pause = Path(sys.argv[1]), sys.argv[2], date.fromisoformat(sys.argv[3]), float(sys.argv[4])

def progressed(stage, day, done, of):
    if stage == "results":
        print("judging", time.monotonic(), flush=True)
        time.sleep(pause)
        print("judged", time.monotonic(), flush=True)

launched = launching.launch(folder, task, [day], Overrides(override=True), kind="run", on_progress=progressed)
print("done" if launched.is_success else launched.failures, flush=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that nothing has run in; making one takes longer than a run."""
    return dagster_home(tmp_path_factory.mktemp("made"))


@pytest.fixture
def prepared(home: Path, tmp_path: Path) -> Path:
    """A folder with an instance of its own."""
    shutil.copytree(home, tmp_path / ".evals" / "dagster")
    return tmp_path


def start(folder: Path, task: str, pause: float, day: date = DAY) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), task, str(day), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(child: subprocess.Popen[str]) -> dict[str, float]:
    """What a child printed with a time beside it; fails with its errors when it did not end well."""
    out, errors = child.communicate(timeout=120)
    assert "done" in out, out + errors
    return {line.split()[0]: float(line.split()[1]) for line in out.splitlines() if " " in line}


def quick(folder: Path, task: str = TASK, days: list[date] | None = None, **chosen: object) -> Launched:
    return launch(folder, task, days or [DAY], Overrides(**chosen), kind="run")  # type: ignore[arg-type]


def test_a_launch_evaluates_at_once_and_is_remembered(prepared: Path) -> None:
    folder = folder_with(prepared, spans(6))

    launched = quick(folder)

    assert launched.is_success
    assert len(units(folder)) == 6
    (info,) = runs_of(folder)
    assert (info.run_id, info.status, info.kind, info.days) == (launched.run_id, "SUCCESS", "run", (DAY,))
    with opened(folder) as here:
        assert here.ledger.runs()[0].key.run_id == launched.run_id


def test_days_with_a_gap_are_several_runs(prepared: Path) -> None:
    folder = folder_with(prepared, spans_on(DAYS))

    launched = quick(folder, days=[DAYS[0], DAYS[1], DAYS[3]])

    assert [info.days for info in runs_of(folder)] == [(DAYS[3],), (DAYS[0], DAYS[1])]
    assert [info.run_id for info in reversed(runs_of(folder))] == list(launched.run_ids)


def test_progress_is_heard(prepared: Path) -> None:
    heard: list[tuple[object, ...]] = []

    launch(
        folder_with(prepared, spans_on(DAYS[:2])),
        TASK,
        DAYS[:2],
        Overrides(),
        kind="backfill",
        on_progress=lambda stage, day, done, to_do: heard.append((stage, day, done / to_do)),
    )

    assert heard == [("spans", None, 1), ("results", DAYS[0], 1), ("results", DAYS[1], 1)]


def test_a_failed_launch_says_why_in_our_words(prepared: Path) -> None:
    folder = folder_with(prepared, spans(2), format=JSON_TASK)
    (folder / "projects" / "shop.yaml").write_text("source: {type: files, path: nowhere}\n")

    launched = quick(folder)

    assert not launched.is_success
    assert "nowhere" in launched.failures[0]
    assert "Traceback" not in launched.failures[0]


def test_an_unknown_task_a_bad_option_and_a_day_outside_are_refused_without_a_run(prepared: Path) -> None:
    folder = folder_with(prepared, spans(2))

    with pytest.raises(UnknownNameError, match="formatt"):
        quick(folder, "formatt")
    with pytest.raises(ConfigError, match="sampling_rate"):
        quick(folder, sampling_rate=3.0)
    with pytest.raises(WindowError, match="2019-01-01"):
        quick(folder, days=[date(2019, 1, 1)])
    with pytest.raises(WindowError, match="no day"):
        launch(folder, TASK, [], Overrides(), kind="run")

    assert runs_of(folder) == []


def test_one_process_may_launch_in_several_folders(tmp_path: Path) -> None:
    folders = [folder_with(tmp_path / name, spans(2)) for name in ("one", "two")]

    assert all(quick(folder).is_success for folder in folders * 2)


def test_the_log_of_a_run_is_found_by_the_beginning_of_its_id(prepared: Path) -> None:
    folder = folder_with(prepared, spans(2))
    launched = quick(folder)

    lines = log_lines(folder, launched.run_id[:8])

    assert any(line.level == "INFO" and "evaluated rows=2" in line.message for line in lines)
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    with pytest.raises(UnknownNameError, match="zzz"):
        log_lines(folder, "zzz")


def test_runs_can_be_listed_by_task(prepared: Path) -> None:
    folder = folder_with(prepared, spans(2), format=JSON_TASK, order=ORDER_TASK)
    quick(folder)
    quick(folder, "order")

    assert len(runs_of(folder, task="order")) == 1
    assert len(runs_of(folder)) == 2


def test_the_instance_is_made_once_with_our_settings_and_may_be_edited(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)

    home = dagster_home(folder)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    assert dagster_home(folder) == home == folder / ".evals" / "dagster"
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_dagster_home_wins_where_it_is_set(tmp_path: Path) -> None:
    chosen = tmp_path / "instance"
    chosen.mkdir()

    assert dagster_home(tmp_path, {"DAGSTER_HOME": str(chosen)}) == chosen
    with pytest.raises(ConfigError, match="absolute"):
        dagster_home(tmp_path, {"DAGSTER_HOME": "instance"})


def test_runs_of_one_task_wait_for_each_other(prepared: Path) -> None:
    folder = folder_with(prepared, spans(2))
    children = [start(folder, TASK, pause=3) for _ in range(2)]

    first, second = sorted((said(child) for child in children), key=lambda times: times["judging"])

    assert first["judged"] <= second["judging"]
    assert units(folder) == ["s0", "s0", "s1", "s1"]  # both were told to evaluate again


def test_runs_of_different_tasks_go_side_by_side(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, spans(2), one=JSON_TASK, other=ORDER_TASK)
    children = [start(folder, task, pause=3) for task in ("one", "other")]

    first, second = sorted((said(child) for child in children), key=lambda times: times["judging"])

    assert second["judging"] < first["judged"]


def test_nobody_waits_for_a_run_whose_process_was_killed(prepared: Path) -> None:
    folder = folder_with(prepared, spans(4))
    child = start(folder, TASK, pause=600)
    assert child.stdout is not None and child.stdout.readline().startswith("judging")
    with project_instance(folder) as instance:
        (held,) = instance.event_log_storage.get_concurrency_info(task_pool("shop", TASK)).claimed_slots
    child.send_signal(signal.SIGKILL)
    child.communicate()

    began = time.monotonic()
    launched = quick(folder)

    assert launched.is_success
    assert time.monotonic() - began < 30
    statuses = {info.run_id: info.status for info in runs_of(folder)}
    assert statuses == {held.run_id: "FAILURE", launched.run_id: "SUCCESS"}
    with opened(folder) as here:
        assert {run.key.run_id: run.status for run in here.ledger.runs()}[held.run_id] in ("failed", "finished")
    assert len(units(folder)) == len(set(units(folder))) == 4


def test_a_run_of_a_living_process_or_another_machine_is_left_alone() -> None:
    with dg.instance_for_test() as instance:
        tags = [process_tag(), {PROCESS_TAG: "elsewhere/1/1"}, {}, {PROCESS_TAG: process_tag()[PROCESS_TAG] + "0"}]
        runs = [_started(instance, tag) for tag in tags]

        assert end_dead_runs(instance) == [runs[3]]


def _started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    @dg.op
    def nothing() -> None:
        """Nothing."""

    @dg.job
    def idle() -> None:
        nothing()

    return instance.create_run_for_job(idle, tags=tags, status=dg.DagsterRunStatus.STARTED).run_id


def test_the_first_partition_can_be_chosen_at_first_use(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = date(2024, 6, 1)
    folder = project_folder(prepared, spans(2, **{c.START_TIME: f"{old}T12:00:00Z"}))
    monkeypatch.setenv("EVALS_FIRST_DAY", str(old - timedelta(days=1)))

    assert quick(folder, days=[old]).is_success
    assert len(units(folder)) == 2
