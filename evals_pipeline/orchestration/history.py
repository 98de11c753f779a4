"""What the instance remembers of runs, for people at a terminal.

Counts and outcomes of a run are the ledger's; here are its status, its days and its log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from evals_pipeline.core.errors import ConfigError, UnknownNameError
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.instance import project_instance
from evals_pipeline.orchestration.partitions import days_of_run

_PREFIX_SEARCHED = 1_000


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as the instance knows it. Times are UTC; `kind` is empty for runs started in the UI."""

    run_id: str
    status: str
    kind: str
    assets: tuple[str, ...]
    days: tuple[date, ...]
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's log. `step` is empty for what concerns the whole run."""

    time: datetime
    level: str
    step: str
    message: str


def runs_of(folder: Path, *, task: str | None = None, limit: int = 50) -> list[RunInfo]:
    """The newest runs, of one task or of all."""
    with project_instance(folder) as instance:
        found = instance.get_run_records(limit=limit if task is None else _PREFIX_SEARCHED)
        infos = [_info(record) for record in found]
    return [info for info in infos if task is None or _is_about(info, task)][:limit]


def log_lines(folder: Path, run_id: str) -> list[LogLine]:
    """The log of the run whose id is, or begins with, `run_id`, oldest line first.

    Raises:
        UnknownNameError: When there is no such run.
        ConfigError: When several runs begin so.
    """
    with project_instance(folder) as instance:
        whole = find_run(instance, run_id)
        return [_line(entry) for entry in instance.all_logs(whole)]


def find_run(instance: dg.DagsterInstance, run_id: str) -> str:
    """The whole id of the run; raises as `log_lines`."""
    if run_id and instance.get_run_by_id(run_id) is not None:
        return run_id
    known = [record.dagster_run.run_id for record in instance.get_run_records(limit=_PREFIX_SEARCHED)]
    found = [known_id for known_id in known if run_id and known_id.startswith(run_id)]
    if not found:
        raise UnknownNameError.of("run", run_id, [known_id[:8] for known_id in known[:5]])
    if len(found) > 1:
        raise ConfigError(f"{len(found)} runs begin with {run_id!r}", hint="give more of the id")
    return found[0]


def _info(record: dg.RunRecord) -> RunInfo:
    run = record.dagster_run
    return RunInfo(
        run_id=run.run_id,
        status=run.status.value,
        kind=run.tags.get(naming.KIND_TAG, ""),
        assets=tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
        days=tuple(days_of_run(run.tags)),
        started_at=_moment(record.start_time),
        finished_at=_moment(record.end_time),
    )


def _is_about(info: RunInfo, task: str) -> bool:
    names = {asset.rpartition("/")[2] for asset in info.assets}
    return not names.isdisjoint({f"{task}_inputs", f"{task}_results", f"{task}_annotations"})


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _line(entry: dg.EventLogEntry) -> LogLine:
    level = _LEVELS.get(entry.level, str(entry.level)) if isinstance(entry.level, int) else str(entry.level)
    return LogLine(datetime.fromtimestamp(entry.timestamp, UTC), level, entry.step_key or "", _message(entry))


_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def _message(entry: dg.EventLogEntry) -> str:
    event = entry.dagster_event
    said = entry.user_message or (event.message if event is not None else "") or ""
    if event is not None and event.event_type == dg.DagsterEventType.STEP_FAILURE:
        return f"{said} {event.step_failure_data.error_display_string}".strip()
    return said
