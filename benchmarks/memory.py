"""Peak memory of a run over a day of 1M spans and one of 10M: it should not grow with the day."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.code_checks import CHECKS
from benchmarks.meter import run_child, show
from benchmarks.spans import fill_lake, make_project
from evals_pipeline.engine.installation import opened


def main(spans: int = 10_000_000) -> None:
    """Print the peak of each size and their ratio."""
    peaks = {}
    for count in (spans // 10, spans):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "project"
            make_project(folder)
            with opened(folder) as here:
                fill_lake(here, count)
            child = run_child("-m", "benchmarks.code_checks", "--walk", str(folder), "memory")
        peaks[count] = child.peak_mib
        rate = count * CHECKS / child.report["wall"]
        show(f"{count:,} spans", peak_MiB=child.peak_mib, wall_s=child.report["wall"], evaluations_per_s=rate)
    small, large = peaks.values()
    show("peak of the large day beside the small one", times=large / small, limit_MiB=2048)
