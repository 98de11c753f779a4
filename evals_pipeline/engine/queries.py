"""Reading the lake for people: current results of a task, and free SQL over views of all tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from evals_pipeline.core.columns import RESULT_COLUMNS
from evals_pipeline.core.errors import LakeError
from evals_pipeline.core.sql import identifier
from evals_pipeline.core.window import Window
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.plan import TaskPlan
from evals_pipeline.lake.connection import lake_errors
from evals_pipeline.lake.results import current_results
from evals_pipeline.lake.tables import RESULTS, TABLES


@contextmanager
def task_results(here: Installation, plan: TaskPlan, window: Window | None = None) -> Iterator[duckdb.DuckDBPyRelation]:
    """The task's current results, one row per evaluator and unit, with the columns of a result; newest days last.

    Without a `window` the results of all days are given.
    """
    results = here.lake.snapshot(RESULTS)
    names = {use.name for use in plan.uses}
    days = None if window is None else {str(day) for day in window}
    files = [
        file
        for file in results.files_of(project=plan.task.project)
        if file.partition["evaluator"] in names and (days is None or file.partition["day"] in days)
    ]
    columns = ", ".join(identifier(name) for name in RESULT_COLUMNS)
    current = current_results(results.relation(files))
    query = f"SELECT {columns} FROM ({current}) ORDER BY day, evaluator, unit_start, unit_id"
    with here.connect() as connection, lake_errors(f"reading results of task {plan.task.name!r}"):
        yield connection.sql(query)


@contextmanager
def lake_views(here: Installation) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view per table (`spans`, `evaluator_inputs`, `evaluation_results`) and `current_results`.

    Statements can read the lake and cannot change it: files outside it are closed to them.
    """
    with here.connect() as connection, lake_errors("reading the lake"):
        for table in TABLES:
            snapshot = here.lake.snapshot(table)
            connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM {snapshot.relation(snapshot.files)}")
        connection.execute(f"CREATE VIEW current_results AS {current_results('evaluation_results')}")
        if "://" not in here.lake.root:
            connection.execute("SET allowed_directories = [?]", [here.lake.root + "/"])
            connection.execute("SET enable_external_access = false")
        yield connection


def query_lake(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyRelation:
    """The rows of one query; raises LakeError for anything else, since COPY could write over the lake's files."""
    with lake_errors("the query"):
        types = [one.type for one in connection.extract_statements(statement)]
        found = connection.sql(statement) if types == [duckdb.StatementType.SELECT] else None
    if found is None:
        raise LakeError(
            "that is not one query"
            "\nHint: write a SELECT over spans, evaluator_inputs, evaluation_results or current_results"
        )
    return found
