"""Peak memory of a process that judges ever more rows: it should not grow with them."""

from __future__ import annotations

from benchmarks.judge_asking import Work, ledger_folder, run
from benchmarks.judge_mock import Mock
from benchmarks.meter import show

IN_FLIGHT = 100
LATENCY_MS = 1


def main(*, quick: bool = False) -> None:
    """Print the peak above what the process held before its first row, for each number of rows."""
    growths = []
    for count in (2_000, 10_000) if quick else (2_000, 20_000, 100_000):
        with Mock(latency_ms=LATENCY_MS) as mock, ledger_folder() as folder:
            child = run(Work(mock.base_url, folder, count, IN_FLIGHT))
        start, peak, wall = (child.report[figure] for figure in ("start_mib", "peak_mib", "wall"))
        growths.append(peak - start)
        told = {"said": child.report["said"], "rows_per_s": count / wall}
        show(f"{count:,} rows", start_MiB=start, peak_MiB=peak, over_start_MiB=growths[-1], **told)
    show("the most rows beside the fewest", more_MiB=growths[-1] - growths[0])
