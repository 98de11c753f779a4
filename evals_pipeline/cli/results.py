"""`evals results TASK`: the current results, one row per evaluator and unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evals_pipeline.cli import options as o
from evals_pipeline.cli import screen
from evals_pipeline.cli.formats import Format, FormatOption, Output, Row, RowLimit, note_cut, print_rows, table_cells
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    import duckdb

_SHOWN = ("day", "evaluator", "unit_id", "label", "score", "outcome", "explanation", "error_message")


def results(
    task: o.TaskName,
    chosen: FormatOption = Format.TABLE,
    output: Output = None,
    last: o.Last = None,
    start: o.Start = None,
    end: o.End = None,
    rows: RowLimit = 20,
    project_dir: o.ProjectDir = None,
    as_json: o.Json = False,
) -> None:
    """Print or export the current results of a task; without a window, those of all days."""
    from evals_pipeline.engine.catalog import read_catalog
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.queries import task_results

    refuse_table_in_file(chosen, output, as_json=as_json)
    folder = o.project_folder(project_dir)
    window = o.chosen_window(last, start, end, now=o.utc_now())
    planned = read_catalog(folder).task(task)
    with opened(folder) as here, task_results(here, planned, window) as found:
        if chosen is Format.TABLE and not as_json:
            _show(found, rows)
            screen.note(f"Next: {screen.command()} explain {task} UNIT_ID", style="dim")
        else:
            print_rows(found, chosen, output, as_json=as_json)


def _show(found: duckdb.DuckDBPyRelation, limit: int) -> None:
    """A table with rows of every evaluator, however many the first one has."""
    totals = dict(found.aggregate("evaluator, count(*)").order("evaluator").fetchall())
    shares = shared_out(limit, totals)
    rows = _first_rows(found, shares)
    screen.table(_SHOWN, table_cells(rows))
    if len(rows) < sum(totals.values()):
        each = ", ".join(f"{name} {shares[name]} of {screen.count(total)}" for name, total in totals.items())
        note_cut(f"{len(rows)} of {screen.counted(sum(totals.values()), 'row')} ({each})")


def _first_rows(found: duckdb.DuckDBPyRelation, shares: Mapping[str, int]) -> list[Row]:
    place = "row_number() OVER (PARTITION BY evaluator ORDER BY day, unit_start, unit_id) AS place"
    numbered = found.project(f"*, {place}").filter(f"place <= {max(shares.values(), default=0)}")
    rows = numbered.order("day, evaluator, place").project(f"place, {', '.join(map(_told, _SHOWN))}").fetchall()
    return [row[1:] for row in rows if row[0] <= shares[row[1 + _SHOWN.index("evaluator")]]]


def _told(column: str) -> str:
    """The column in SQL; `evaluated` goes without saying where there is a label."""
    return f"nullif(outcome, '{Outcome.EVALUATED}')" if column == "outcome" else column


def shared_out(limit: int, totals: Mapping[str, int]) -> dict[str, int]:
    """`limit` rows among those who have some, as evenly as they can use them; the first ones get what is over."""
    shares = dict.fromkeys(totals, 0)
    while limit > 0 and (hungry := [name for name, total in totals.items() if shares[name] < total]):
        for name in hungry[:limit]:
            more = min(max(limit // len(hungry), 1), totals[name] - shares[name])
            shares[name] += more
            limit -= more
    return shares


def refuse_table_in_file(chosen: Format, output: object, *, as_json: bool) -> None:
    """Raises ConfigError for a table that should go into a file: it is shortened."""
    if output is not None and chosen is Format.TABLE and not as_json:
        raise ConfigError("a table leaves out most columns, and is no file", hint="add --format csv, jsonl or parquet")
