"""Labelled rows out of files: the three formats, mappings, choices of rows, and what is refused."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evals_pipeline.core.errors import ConfigError, EvalsError, MappingError, SourceError
from evals_pipeline.core.evaluator import Variable
from evals_pipeline.engine.gold.rows import GoldFile, GoldRow, chosen_rows, read_gold

VARIABLES = (Variable("input", "What was asked."), Variable("output", "What was answered."))
LABELS = ("factual", "hallucinated")
ROWS: list[dict[str, Any]] = [
    {"input": "Capital of France?", "output": 'Paris, "as" they\nsay', "label": "factual"},
    {"input": "Capital of Peru?", "output": "Oslo", "label": " hallucinated "},
    {"input": "Capital of Chad?", "output": None, "label": "factual"},
    {"input": "Not looked at yet", "output": "…", "label": None},
]


def read(path: Path, **changes: Any) -> GoldFile:
    options: dict[str, Any] = {"mapping": {}, "label_column": "label", "labels": LABELS, **changes}
    return read_gold(path, VARIABLES, **options)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    match path.suffix.lower():
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case _:
            path.write_text("".join(json.dumps(row) + "\n\n" for row in rows), "utf-8")
    return path


def rows_of(*labels: str) -> list[GoldRow]:
    return [GoldRow(number, label, {}) for number, label in enumerate(labels, start=1)]


@pytest.mark.parametrize("name", ["gold.csv", "gold.jsonl", "gold.ndjson", "gold.parquet", "GOLD.CSV"])
def test_each_format_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, ROWS)

    found = read(path)

    assert found.unlabelled == 1
    assert [(row.number, row.label, dict(row.values)) for row in found.rows] == [
        (1, "factual", {"input": "Capital of France?", "output": 'Paris, "as" they\nsay'}),
        (2, "hallucinated", {"input": "Capital of Peru?", "output": "Oslo"}),
        (3, "factual", {"input": "Capital of Chad?", "output": None}),
    ]
    assert found.rows[2].missing == ("output",)


def test_variables_and_label_are_found_by_their_paths(tmp_path: Path) -> None:
    row = {
        "attributes.input.value": "Capital of France?",
        "attributes.llm.output_messages": [{"message.content": "Paris"}],
        "review": {"verdict": "factual"},
    }
    path = written(tmp_path / "gold.jsonl", [row])
    mapping = {"input": "attributes.input.value", "output": "attributes.llm.output_messages.0.message.content"}

    found = read(path, mapping=mapping, label_column="review.verdict")

    assert found.rows == (GoldRow(1, "factual", {"input": "Capital of France?", "output": "Paris"}),)


def test_values_and_labels_that_are_no_text_are_read_as_json(tmp_path: Path) -> None:
    path = written(tmp_path / "gold.jsonl", [{"input": {"city": "Paris"}, "output": 3, "label": True}])

    found = read(path, labels=("true", "false"))

    assert found.rows == (GoldRow(1, "true", {"input": '{"city":"Paris"}', "output": "3"}),)


def test_the_nan_of_pandas_is_no_value(tmp_path: Path) -> None:
    path = written(tmp_path / "gold.parquet", [{"input": float("nan"), "output": "Oslo", "label": "factual"}])

    assert read(path).rows[0].missing == ("input",)


def test_texts_longer_than_the_csv_modules_own_limit_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "gold.csv", [{"input": "x" * 200_000, "output": "y", "label": "factual"}])

    assert len(read(path).rows[0].values["input"] or "") == 200_000


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        pytest.param("gold.xlsx", "", ConfigError, "must end in .csv", id="another kind of file"),
        pytest.param("gold.jsonl", "", ConfigError, "holds no rows", id="an empty file"),
        pytest.param("gold.csv", "input,output,label\n", ConfigError, "holds no rows", id="a head and nothing else"),
        pytest.param("gold.csv", "input,output,label\na,b\n", SourceError, "line 2", id="a short line"),
        pytest.param("gold.csv", 'input,output,label\na,"b"c,factual\n', SourceError, "line 2", id="a stray quote"),
        pytest.param("gold.jsonl", '{"label": \n', SourceError, "line 1", id="half a line of JSON"),
        pytest.param("gold.jsonl", "[1]\n", SourceError, "line 1: not an object", id="a line that is a list"),
        pytest.param("gold.parquet", "PAR?", SourceError, "cannot be read", id="no Parquet"),
        pytest.param("gold.csv", "input,output,verdict\na,b,c\n", MappingError, "--label-column", id="no label column"),
        pytest.param("gold.csv", "input,answer,label\na,b,c\n", MappingError, "--map output=COLUMN", id="no column"),
        pytest.param("gold.csv", "input,output,label\na,b,\n", ConfigError, "no row has a gold label", id="no label"),
        pytest.param(
            "gold.csv",
            "input,output,label\na,b,halucinated\na,b,wrong\na,b,wrong\n",
            ConfigError,
            "'halucinated' (1), 'wrong' (2); it gives: 'factual', 'hallucinated'\nHint: did you mean 'hallucinated'?",
            id="labels that the evaluator lacks",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    name: str, text: str, error: type[EvalsError], said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")

    with pytest.raises(error) as refused:
        read(path)

    assert said in str(refused.value)


def test_a_mapping_of_a_variable_that_the_evaluator_lacks_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "gold.csv", ROWS)

    with pytest.raises(MappingError, match="did you mean 'output'"):
        read(path, mapping={"outptu": "output"})


def test_a_file_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gold\.csv cannot be read"):
        read(tmp_path / "gold.csv")


def test_a_limit_always_takes_the_same_rows_and_a_higher_one_takes_them_again() -> None:
    rows = rows_of(*LABELS * 50)

    ten, twenty = (chosen_rows(rows, limit, balanced=False) for limit in (10, 20))

    assert len(ten) == 10
    assert set(row.number for row in ten) < set(row.number for row in twenty)
    assert [row.number for row in twenty] == sorted(row.number for row in twenty)
    assert chosen_rows(rows, None, balanced=False) == rows


@pytest.mark.parametrize(("limit", "each"), [(10, 5), (11, 5), (None, 12), (1_000, 12)])
def test_balanced_rows_hold_equally_many_of_each_label(limit: int | None, each: int) -> None:
    rows = rows_of(*["factual"] * 80, *["hallucinated"] * 12)

    chosen = chosen_rows(rows, limit, balanced=True)

    assert Counter(row.label for row in chosen) == {"factual": each, "hallucinated": each}


def test_a_limit_below_one_row_of_each_label_is_refused() -> None:
    with pytest.raises(ConfigError, match="limit of 1 cannot hold equally many of 2 gold labels"):
        chosen_rows(rows_of(*LABELS), 1, balanced=True)
