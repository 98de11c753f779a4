"""Reading for people: results of a task, free SQL, previews."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import LakeError
from evals_pipeline.core.window import Window
from evals_pipeline.engine.installation import opened
from evals_pipeline.engine.plan import Overrides
from evals_pipeline.engine.previewing import preview_task
from evals_pipeline.engine.queries import lake_views, query_lake, task_results
from evals_pipeline_tests.builders import DAY, JSON_TASK, ORDER_TASK, project_folder, span, spans, task_of, walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs over three spans, the second an override."""
    folder = project_folder(tmp_path, spans(3))
    walk(folder, run_id="r1")
    walk(folder, run_id="r2", overrides=Overrides(override=True))
    return folder


def test_results_are_the_current_ones_with_the_columns_of_a_result(folder: Path) -> None:
    with opened(folder) as here, task_results(here, task_of(folder)) as found:
        rows = found.fetchall()

        assert found.columns == list(c.RESULT_COLUMNS)
        assert [row[found.columns.index("run_id")] for row in rows] == ["r2"] * 3


def test_a_window_chooses_days(folder: Path) -> None:
    with opened(folder) as here:
        counts = []
        for day in (DAY - timedelta(days=1), DAY):
            with task_results(here, task_of(folder), Window.of_day(day)) as found:
                counts.append(len(found.fetchall()))

    assert counts == [0, 3]


def test_a_task_without_results_has_no_rows(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)

    with opened(folder) as here, task_results(here, task_of(folder)) as found:
        assert found.fetchall() == []


def test_free_sql_sees_every_table_and_the_current_results(folder: Path) -> None:
    with opened(folder) as here, lake_views(here) as connection:
        sizes = {
            name: query_lake(connection, f"SELECT count(*) FROM {name}").fetchall()[0][0]
            for name in ("spans", "evaluator_inputs", "evaluation_results", "current_results")
        }

    assert sizes == {"spans": 3, "evaluator_inputs": 6, "evaluation_results": 6, "current_results": 3}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{folder}/projects/shop.yaml')",
        "SELECT * FROM glob('/etc/*')",
        "ATTACH '{folder}/x.duckdb'",
        "COPY (SELECT 1) TO '{folder}/x.csv'",
        "COPY (SELECT 1) TO '{lake}/spans/x.parquet' (FORMAT parquet)",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 1; COPY (SELECT 1) TO '{lake}/x.parquet' (FORMAT parquet)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.parquet' (FORMAT parquet)",
        "DROP VIEW spans",
        "CREATE TABLE mine AS SELECT 1",
        "PRAGMA database_list; SELECT * FROM read_csv('/etc/passwd')",
    ],
)
def test_free_sql_reads_the_lake_and_nothing_else(folder: Path, statement: str) -> None:
    lake = folder / ".evals" / "lake"
    before = sorted(folder.rglob("*"))

    with opened(folder) as here, pytest.raises(LakeError), lake_views(here) as connection:
        query_lake(connection, statement.format(folder=folder, lake=lake)).fetchall()

    assert sorted(folder.rglob("*")) == before


def test_a_file_of_the_lake_cannot_be_written_over(folder: Path) -> None:
    file = next((folder / ".evals" / "lake" / "spans").rglob("*.parquet"))
    before = file.read_bytes()

    with opened(folder) as here, pytest.raises(LakeError), lake_views(here) as connection:
        query_lake(connection, f"COPY (SELECT 1 AS x) TO '{file}' (FORMAT parquet)")

    assert file.read_bytes() == before


@pytest.mark.parametrize("statement", ["SELEKT 1", "SELECT nothing FROM spans", "", "-- only a comment"])
def test_sql_that_is_wrong_is_a_lake_error(folder: Path, statement: str) -> None:
    with opened(folder) as here, pytest.raises(LakeError), lake_views(here) as connection:
        query_lake(connection, statement).fetchall()


@pytest.mark.parametrize(
    "statement", ["DESCRIBE spans", "SHOW TABLES", "WITH x AS (SELECT 1) FROM x", "SUMMARIZE spans"]
)
def test_sql_that_looks_at_the_tables_passes(folder: Path, statement: str) -> None:
    with opened(folder) as here, lake_views(here) as connection:
        assert query_lake(connection, statement).fetchall()


def test_a_preview_says_in_what_share_of_the_matching_spans_a_variable_is_found(tmp_path: Path) -> None:
    found = [
        span("with"),
        span("without", **{c.OUTPUT_VALUE: None}),
        span("also without", **{c.OUTPUT_VALUE: None}),
        span("with too"),
        span("tool", **{c.SPAN_KIND: "TOOL"}),
    ]
    folder = project_folder(tmp_path, found, format=JSON_TASK + "filter: span_kind = 'LLM'\n", orders=ORDER_TASK)
    walk(folder)

    with opened(folder) as here:
        some = preview_task(here, task_of(folder))
        every = preview_task(here, task_of(folder, "orders"))

    (text,), (order,) = some.variables["json_parseable"], every.variables["has_order"]
    assert (some.spans, some.matching, every.matching) == (5, 4, 5)
    assert (text.variable, text.share, order.share) == ("text", 0.5, 0.6)


def test_a_preview_of_a_project_without_spans_is_empty(tmp_path: Path) -> None:
    folder = project_folder(tmp_path)

    with opened(folder) as here:
        preview = preview_task(here, task_of(folder))

    assert (preview.spans, preview.matching) == (0, 0)
