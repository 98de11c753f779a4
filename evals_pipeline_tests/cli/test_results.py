"""results and sql: every format, hostile text and files that cannot be written."""

import csv
import io
import json
from functools import partial
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from evals_pipeline.cli.main import app
from evals_pipeline.cli.results import shared_out
from evals_pipeline.core import columns as c
from evals_pipeline_tests.builders import DAY, deliver, span, write_task
from evals_pipeline_tests.cli.conftest import Evals, document

HOSTILE = {
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;owned\x07title",
    "markup": "[bold red]loud[/bold red] :boom: [link=file:///etc]x[/link]",
    "formula": "=HYPERLINK(1)",
    "direction": "abc\u202edcba",
    "lines": "one\r\ntwo\x00three",
}


def test_the_columns_are_those_of_a_result(evaluated: Evals) -> None:
    found = document(evaluated("results", "format", "--json"))

    assert list(found[0]) == list(c.RESULT_COLUMNS)
    assert len(found) == 9


def test_csv_and_json_lines_hold_the_same_rows(evaluated: Evals) -> None:
    as_csv = evaluated("results", "format", "--format", "csv")
    as_lines = evaluated("results", "format", "--format", "jsonl")

    from_csv = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    from_lines = [json.loads(line) for line in as_lines.stdout.splitlines()]
    assert [(row["unit_id"], row["label"]) for row in from_csv] == [(r["unit_id"], r["label"]) for r in from_lines]
    assert [float(row["score"]) for row in from_csv] == [row["score"] for row in from_lines]
    assert len(from_csv) == 9


@pytest.mark.parametrize("chosen", ["csv", "jsonl", "parquet"])
def test_a_file_holds_every_row(evaluated: Evals, tmp_path: Path, chosen: str) -> None:
    target = tmp_path / "results"

    result = evaluated("results", "format", "--format", chosen, "--output", str(target))

    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    readers = {
        "csv": lambda: list(csv.DictReader(io.StringIO(target.read_text()))),
        "jsonl": lambda: [json.loads(line) for line in target.read_text().splitlines()],
        "parquet": lambda: parquet.read_table(target).to_pylist(),
    }
    assert [row["unit_id"] for row in readers[chosen]()] == [f"s{number}" for number in range(9)]
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


TWO_CHECKS = """
project: shop
evaluators:
  - evaluator: json_parseable
    mapping: {text: attributes.output.value}
  - evaluator: json_parseable
    as: answer
    mapping: {text: attributes.metadata.answer}
  - evaluator: exact_match
    as: greets
    parameters: {expected: hello}
    filter: "context.span_id = 's3'"
    mapping: {text: attributes.output.value}
"""


def test_a_table_that_is_cut_shows_rows_of_every_evaluator(evals: Evals, shop: Path) -> None:
    write_task(shop, "both", TWO_CHECKS)
    evals("run", "both", "--day", str(DAY))

    result = evals("results", "both", "--rows", "6")

    rows = [line.split()[1] for line in result.stdout.splitlines() if line.strip().startswith(str(DAY))]
    assert {name: rows.count(name) for name in rows} == {"answer": 3, "greets": 1, "json_parseable": 2}
    assert "6 of 19 rows (answer 3 of 9, greets 1 of 1, json_parseable 2 of 9)" in result.stderr
    assert "skipped" in result.stdout


@pytest.mark.parametrize(
    ("limit", "totals", "shares"),
    [
        pytest.param(5, {"a": 9, "b": 9}, {"a": 3, "b": 2}, id="evenly"),
        pytest.param(5, {"a": 9, "b": 1}, {"a": 4, "b": 1}, id="what one cannot use"),
        pytest.param(2, {"a": 9, "b": 9, "c": 9}, {"a": 1, "b": 1, "c": 0}, id="fewer than evaluators"),
        pytest.param(9, {"a": 1, "b": 2}, {"a": 1, "b": 2}, id="room for all"),
        pytest.param(9, {}, {}, id="nobody"),
    ],
)
def test_rows_are_shared_out(limit: int, totals: dict[str, int], shares: dict[str, int]) -> None:
    assert shared_out(limit, totals) == shares


def test_columns_that_are_empty_are_left_out_of_tables_only(evaluated: Evals) -> None:
    table = evaluated("results", "format")
    as_csv = evaluated("results", "format", "--format", "csv")
    query = evaluated("sql", "SELECT 1 AS one, NULL AS nothing, '' AS blank")

    assert "error_message" not in table.stdout
    assert "error_message" in as_csv.stdout.splitlines()[0]
    assert [line.strip() for line in query.stdout.splitlines() if line.strip()] == ["one", "───", "1"]
    assert "left out, empty in these rows: nothing, blank" in query.stderr


@pytest.mark.parametrize("columns", [60, 90])
@pytest.mark.parametrize("command", ["results format", "runs", "tasks", "hub list"])
def test_names_and_ids_stay_whole_in_narrow_terminals(
    evaluated: Evals, monkeypatch: pytest.MonkeyPatch, columns: int, command: str
) -> None:
    wide = words(evaluated, command)
    monkeypatch.setenv("COLUMNS", str(columns))

    narrow = words(evaluated, command)

    assert wide - narrow == set()


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", ["results format", "runs", "tasks"])
def test_ordinary_tables_fit_into_narrow_terminals(
    evaluated: Evals, monkeypatch: pytest.MonkeyPatch, columns: int, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    printed = evaluated(*command.split()).stdout

    assert max(map(len, printed.splitlines())) <= columns


@pytest.mark.parametrize("setting", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_the_width_that_is_asked_for_holds_in_a_dumb_terminal(
    evaluated: Evals, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    expected = evaluated("results", "format").stdout
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv(setting, "1")

    assert evaluated("results", "format").stdout == expected


def words(evals: Evals, command: str) -> set[str]:
    """The words of a table, but for those of its frame."""
    call = partial(CliRunner().invoke, app) if command.startswith("hub") else lambda words: evals(*words)
    return {word for word in call(command.split()).stdout.split() if "─" not in word}


def test_a_table_shows_the_first_rows_and_how_many_there_are(evaluated: Evals) -> None:
    result = evaluated("results", "format", "--rows", "2")

    assert "not_parseable" not in result.stdout
    assert "2 of 9 rows (json_parseable 2 of 9)" in result.stderr


def test_a_window_chooses_days(evaluated: Evals) -> None:
    inside = document(evaluated("results", "format", "--start", str(DAY), "--end", "2026-01-11", "--json"))
    outside = evaluated("results", "format", "--last", "1d", "--json")

    assert len(inside) == 9
    assert json.loads(outside.stdout) == []


def test_a_file_that_cannot_be_written_is_named(evaluated: Evals, tmp_path: Path) -> None:
    target = tmp_path / "nosuch" / "results.csv"

    result = evaluated("results", "format", "--format", "csv", "--output", str(target))

    assert result.exit_code == 3
    assert f"error: '{target}' cannot be written: No such file or directory" in result.stderr


def test_a_failed_export_leaves_the_file_before_as_it_was(evals: Evals, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")
    evals("preview", "format")

    query = "SELECT CAST(name AS INTEGER) FROM spans"
    result = evals("sql", query, "--format", "csv", "--output", str(target))

    assert result.exit_code == 3, result.output
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


@pytest.fixture
def hostile(evals: Evals, shop: Path) -> Evals:
    (shop / "traces" / "first.jsonl").unlink()
    deliver(shop, "hostile", [span(name, **{c.OUTPUT_VALUE: text, c.NAME: text}) for name, text in HOSTILE.items()])
    assert evals("preview", "format").exit_code == 0
    return evals


def output_of(evals: Evals, *arguments: str) -> str:
    result = evals(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


QUERY = 'SELECT "context.span_id" AS id, "attributes.output.value" AS text FROM spans ORDER BY id'


@pytest.mark.parametrize(
    "arguments",
    [["sql", QUERY], ["preview", "format"], ["sql", QUERY, "--format", "csv"], ["sql", QUERY, "--json"]],
    ids=["table", "preview", "csv", "json"],
)
def test_no_control_character_of_a_span_reaches_the_terminal(hostile: Evals, arguments: list[str]) -> None:
    printed = output_of(hostile, *arguments)

    assert [char for char in printed if char in "\x1b\x00\x07\r\u202e"] == []


def test_markup_of_a_span_is_text(hostile: Evals) -> None:
    printed = output_of(hostile, "sql", QUERY)

    assert "[bold red]loud[/bold red] :boom:" in printed


def test_formulas_are_text_in_csv_and_untouched_elsewhere(hostile: Evals, tmp_path: Path) -> None:
    as_csv = list(csv.DictReader(io.StringIO(output_of(hostile, "sql", QUERY, "--format", "csv"))))
    as_json = json.loads(output_of(hostile, "sql", QUERY, "--json"))
    hostile("sql", QUERY, "--format", "parquet", "--output", str(tmp_path / "rows.parquet"))

    assert {row["id"]: row["text"] for row in as_csv}["formula"] == "'=HYPERLINK(1)"
    assert {row["id"]: row["text"] for row in as_json} == HOSTILE
    stored = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert {row["id"]: row["text"] for row in stored} == HOSTILE


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\x1b[0m=1", "\u200b=1", "\x00@x"])
def test_every_beginning_of_a_formula_is_neutralised(evals: Evals, text: str) -> None:
    literal = "||".join(f"chr({ord(char)})" for char in text)

    (row,) = csv.DictReader(io.StringIO(output_of(evals, "sql", f"SELECT {literal} AS cell", "--format", "csv")))

    assert row["cell"].startswith("'")


def test_numbers_and_nothing_stay_what_they_are_in_csv(evals: Evals) -> None:
    printed = output_of(evals, "sql", "SELECT -1.5 AS a, -2 AS b, NULL AS c, true AS d", "--format", "csv")

    assert printed == "a,b,c,d\n-1.5,-2,,True\n"


def test_values_without_a_form_in_json_become_text_or_null(evals: Evals) -> None:
    query = "SELECT 'nan'::DOUBLE AS a, DATE '2026-01-10' AS b, MAP {'k': 1} AS c, [1, 2] AS d, 'x'::BLOB AS e"

    (row,) = json.loads(output_of(evals, "sql", query, "--json"))

    assert (row["a"], row["b"], row["c"], row["d"]) == (None, "2026-01-10", {"k": 1}, [1, 2])


def test_a_query_may_come_from_stdin(shop: Path) -> None:
    query = "SELECT count(*) AS n FROM spans"

    result = CliRunner().invoke(app, ["sql", "--json", "--project-dir", str(shop)], input=query)

    assert document(result) == [{"n": 0}]


@pytest.mark.parametrize(
    "query",
    ["COPY (SELECT 1) TO '{0}'", "SELECT * FROM read_csv('/etc/passwd')", "DROP VIEW spans"],
    ids=["writes", "reads a file", "changes"],
)
def test_sql_cannot_leave_the_lake(evals: Evals, tmp_path: Path, query: str) -> None:
    result = evals("sql", query.format(tmp_path / "out.csv"))

    assert result.exit_code == 2
    assert not (tmp_path / "out.csv").exists()


def test_a_reader_that_goes_away_ends_the_program_quietly(shop: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "evals_pipeline", "sql", "SELECT * FROM range(2000000)", "--format", "csv"]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        code = process.wait(60)

    assert (code, said) == (0, b"")
