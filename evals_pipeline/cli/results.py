"""`evals results TASK`: the current results, one row per evaluator and unit."""

from __future__ import annotations

from evals_pipeline.cli import options as o
from evals_pipeline.cli import screen
from evals_pipeline.cli.formats import Format, FormatOption, Output, RowLimit, print_rows, print_table
from evals_pipeline.core.errors import ConfigError

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
            print_table(found, rows, columns=_SHOWN)
            screen.note(f"Next: {screen.command()} explain {task} UNIT_ID", style="dim")
        else:
            print_rows(found, chosen, output, as_json=as_json)


def refuse_table_in_file(chosen: Format, output: object, *, as_json: bool) -> None:
    """Raises ConfigError for a table that should go into a file: it is shortened."""
    if output is not None and chosen is Format.TABLE and not as_json:
        raise ConfigError("a table leaves out most columns, and is no file", hint="add --format csv, jsonl or parquet")
