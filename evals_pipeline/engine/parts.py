"""A day's spans in groups of files that fit in memory, the same groups for every stage of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from evals_pipeline.lake.delta import DataFile, Snapshot

PART_ROWS = 1_000_000
"""Spans in a group; their verdicts, not their text, are held at once."""


def parts_of(spans: Snapshot, project: str, day: date) -> Sequence[Sequence[DataFile]]:
    """The day's span files, in groups of about `PART_ROWS` rows; always at least one group, which may be empty."""
    groups: list[list[DataFile]] = [[]]
    rows = 0
    for file in spans.files_of(project=project, day=day):
        if groups[-1] and rows + file.rows > PART_ROWS:
            groups.append([])
            rows = 0
        groups[-1].append(file)
        rows += file.rows
    return groups
