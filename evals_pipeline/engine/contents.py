"""What an installation holds: days with spans, tables with rows and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from evals_pipeline.engine.installation import Installation
from evals_pipeline.lake.tables import SPANS, TABLES


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table of the lake and how much it holds."""

    name: str
    rows: int
    files: int


def span_days(here: Installation, project: str) -> Mapping[date, int]:
    """UTC day -> spans of the project, earliest first; raises LakeError."""
    days: dict[date, int] = {}
    for file in here.lake.snapshot(SPANS).files_of(project=project):
        day = date.fromisoformat(file.partition["day"])
        days[day] = days.get(day, 0) + file.rows
    return dict(sorted(days.items()))


def table_sizes(here: Installation) -> tuple[TableSize, ...]:
    """Every table of the lake; raises LakeError."""
    found = []
    for table in TABLES:
        files = here.lake.snapshot(table).files
        found.append(TableSize(table.name, sum(file.rows for file in files), len(files)))
    return tuple(found)
