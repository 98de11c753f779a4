"""The fourth stage: the columns that Arize and Phoenix read back."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from evals_pipeline.core import columns as c
from evals_pipeline.core.errors import SinkError
from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline.engine.plan import Overrides
from evals_pipeline_tests.builders import JSON_TASK, ORDER_TASK, PROJECT, deliver, project_folder, span, spans, walk

BOTH = JSON_TASK + ORDER_TASK.partition("evaluators:\n")[2] + "    filter: \"attributes.llm.model_name = 'gpt-4o'\"\n"


def read(path: Path) -> list[dict[str, object]]:
    found = duckdb.sql(f"SELECT * FROM '{path}' ORDER BY 1")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_a_file_of_a_day_has_one_row_a_span_and_three_columns_an_evaluator(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span("a"), span("b", **{c.MODEL_NAME: "other"})], format=BOTH)

    attached = walk(folder).attached

    named, other = read(attached.path)
    assert (attached.units, attached.is_new) == (2, True)
    assert list(named) == ["context.span_id"] + [
        f"eval.{name}.{part}" for name in ("json_parseable", "has_order") for part in ("label", "score", "explanation")
    ]
    assert (named["eval.has_order.label"], named["eval.has_order.score"]) == ("matches", 1.0)
    assert [other[f"eval.has_order.{part}"] for part in ("label", "score", "explanation")] == [None, None, None]
    assert other["eval.json_parseable.explanation"] == "The text is valid JSON."


def test_skipped_units_have_no_annotation(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, [span("a"), span("none", **{c.OUTPUT_VALUE: None})])

    attached = walk(folder).attached

    assert [row["context.span_id"] for row in read(attached.path)] == ["a"]


def test_the_file_is_left_alone_while_there_is_nothing_new_and_replaced_when_there_is(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(2))
    first = walk(folder, run_id="r1").attached
    written = first.path.stat().st_mtime_ns

    second = walk(folder, run_id="r2").attached
    untouched = first.path.stat().st_mtime_ns
    deliver(folder, "more", [span("late")])
    third = walk(folder, run_id="r3").attached

    assert (second.is_new, second.units, untouched) == (False, 2, written)
    assert (third.is_new, third.units, len(read(third.path))) == (True, 3, 3)
    assert [path.name for path in third.path.parent.iterdir()] == [third.path.name]


def test_the_newest_result_is_the_one_that_is_attached(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(3), orders=ORDER_TASK)
    walk(folder, "orders", run_id="r1")
    (folder / "tasks" / "orders.yaml").write_text(ORDER_TASK.replace("ORD-", "nothing like it "))

    attached = walk(folder, "orders", run_id="r2").attached

    assert {row["eval.has_order.label"] for row in read(attached.path)} == {"no_match"}


def test_a_project_says_where_its_annotations_go(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(2))
    project = folder / "projects" / f"{PROJECT}.yaml"
    project.write_text(project.read_text() + "sink: {type: files, path: 'out to the world'}\n")

    attached = walk(folder).attached

    assert attached.path.parent == folder / "out to the world" / "format"
    assert attached.path.is_file()


def test_a_damaged_file_of_annotations_is_written_anew(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(2))
    first = walk(folder, run_id="r1").attached
    first.path.write_bytes(b"PAR1 and no more")

    again = walk(folder, run_id="r2").attached

    assert (again.is_new, len(read(again.path))) == (True, 2)


def test_a_place_that_cannot_be_written_is_a_sink_error_and_results_stay(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(2))
    (folder / ".evals").mkdir()
    (folder / ".evals" / "annotations").write_text("in the way")

    with pytest.raises(SinkError, match="annotations"):
        walk(folder, run_id="r1")
    (folder / ".evals" / "annotations").unlink()
    walked = walk(folder, run_id="r2")

    assert (walked.evaluated.rows, walked.attached.units) == (0, 2)


def test_a_removed_evaluator_leaves_the_file_too(tmp_path: Path) -> None:
    folder = project_folder(tmp_path, spans(2), format=BOTH)
    walk(folder, run_id="r1")
    (folder / "tasks" / "format.yaml").write_text(JSON_TASK)

    attached = walk(folder, run_id="r2", overrides=Overrides()).attached

    assert "eval.has_order.label" not in read(attached.path)[0]
    assert read_catalog(folder).broken == ()
