"""A project folder whose partitions begin on a fixed day, and Dagster runs on it."""

from collections.abc import Iterator, Sequence
from contextvars import copy_context
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.engine.settings import Settings
from evals_pipeline.ledger.ledger import Ledger
from evals_pipeline.orchestration.build import build_definitions
from evals_pipeline_tests.builders import DAY, Row, project_folder, spans

FIRST_DAY = date(2026, 1, 1)
DAYS = [DAY + timedelta(days=number) for number in range(4)]


def folder_with(folder: Path, found: Sequence[Row] = (), **tasks: str) -> Path:
    """The ordinary project, its first partition chosen as at a first deploy."""
    ledger = Ledger(Settings.of(project_folder(folder, found, **tasks)).database)
    ledger.setting("first_day", FIRST_DAY.isoformat())
    ledger.close()
    return folder


def spans_on(days: Sequence[date], count: int = 6) -> list[Row]:
    """Some spans on each of the days."""
    return [row for day in days for row in spans(count, prefix=f"d{day.day}_", **{c.START_TIME: f"{day}T12:00:00Z"})]


def run(folder: Path, instance: dg.DagsterInstance, *days: date, **request: Any) -> dg.ExecuteInProcessResult:
    """Run the job on one day, or on a range of days from the first to the last."""
    tags = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[-1].isoformat(),
    }
    chosen: dict[str, Any] = {"tags": tags} if len(days) > 1 else {"partition_key": days[0].isoformat()}
    job = build_definitions(folder).resolve_job_def("evaluate")
    return copy_context().run(
        job.execute_in_process, instance=instance, raise_on_error=False, **chosen, **request
    )  # in a context of its own: Dagster forgets to clear one of its variables


def materialized(instance: dg.DagsterInstance, *key: str) -> set[str]:
    """The asset's partitions that show as materialized."""
    return set(instance.get_materialized_partitions(dg.AssetKey(key)))


def metadata(instance: dg.DagsterInstance, key: Sequence[str], day: date) -> dict[str, Any]:
    """What the asset's page says of that day: the values of the newest event, tables as lists of rows."""
    asset = dg.AssetRecordsFilter(asset_key=dg.AssetKey(key), asset_partitions=[day.isoformat()])
    event = instance.fetch_materializations(asset, limit=1).records[0].asset_materialization
    assert event is not None
    return {name: plain(value) for name, value in event.metadata.items()}


def plain(value: dg.MetadataValue) -> Any:
    if isinstance(value, dg.TableMetadataValue):
        columns = [column.name for column in value.schema.columns]
        return [tuple(record.data[name] for name in columns) for record in value.records]
    return value.value


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as temporary:
        yield temporary
