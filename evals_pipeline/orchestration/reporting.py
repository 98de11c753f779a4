"""Events of single days inside a run of many: what is committed shows as materialized, even when a later day fails.

What an event says is `metadata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import dagster as dg


def report(context: dg.AssetExecutionContext, day: date, metadata: Mapping[str, dg.MetadataValue]) -> None:
    """Say that one of the run's days is done.

    At the end of its step Dagster writes an event for each day by itself, with what is added here. In a run of many
    days that would be too late for the days before a failure, so each gets an event at once as well.
    """
    partition = day.isoformat()
    context.add_asset_metadata(metadata, partition_key=partition)
    if len(context.partition_keys) > 1:
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=partition, metadata=metadata))


def report_elsewhere(
    context: dg.AssetExecutionContext,
    partitions: dg.DailyPartitionsDefinition,
    day: date,
    metadata: Mapping[str, dg.MetadataValue],
) -> None:
    """Say that a day which the run is not about received something; days that are no partitions get a log line."""
    partition = day.isoformat()
    if partitions.has_partition_key(partition):
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=partition, metadata=metadata))
    else:
        context.log.warning(
            f"Spans of {partition} are stored, but that day is no partition;"
            f" the first one is {partitions.get_first_partition_key()}."
        )
