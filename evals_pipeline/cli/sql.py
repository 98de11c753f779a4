"""`evals sql QUERY`: free SQL over the lake."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from evals_pipeline.cli import options as o
from evals_pipeline.cli.formats import Format, FormatOption, Output, RowLimit, print_rows, print_table
from evals_pipeline.cli.results import refuse_table_in_file
from evals_pipeline.core.errors import ConfigError, LakeError

if TYPE_CHECKING:
    import duckdb


def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="One SELECT in DuckDB's SQL; absent or -: read from stdin.")
    ] = None,
    chosen: FormatOption = Format.TABLE,
    output: Output = None,
    rows: RowLimit = 50,
    project_dir: o.ProjectDir = None,
    as_json: o.Json = False,
) -> None:
    """Query the lake: spans, evaluator_inputs, evaluation_results (with history) and current_results. Reads only."""
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.queries import lake_views, query_lake

    refuse_table_in_file(chosen, output, as_json=as_json)
    folder = o.project_folder(project_dir)
    statement = _statement(query)
    with opened(folder) as here, lake_views(here) as connection:
        found = _checked(lambda: query_lake(connection, statement))
        if chosen is Format.TABLE and not as_json:
            print_table(found, rows)
        else:
            print_rows(found, chosen, output, as_json=as_json)


def _checked(query: Callable[[], duckdb.DuckDBPyRelation]) -> duckdb.DuckDBPyRelation:
    """The query's rows; one that DuckDB refuses is the writer's mistake, not the lake's."""
    try:
        return query()
    except LakeError as error:
        raise ConfigError(str(error)) from error


def _statement(query: str | None) -> str:
    if query not in (None, "-"):
        return str(query)
    if query is None and sys.stdin.isatty():
        raise ConfigError("there is no query", hint='for example: evals sql "SELECT count(*) FROM spans"')
    return sys.stdin.read()
