"""`evals hub test NAME --gold FILE`: how well an evaluator agrees with labels that people gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.formats import Format, print_rows
from evals_pipeline.cli.gold_reports import document, show
from evals_pipeline.cli.options import Json, ProjectDir, nearest_project_folder, utc_now
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from evals_pipeline.engine.gold_asking import GoldRequest, GoldTest

_FORMATS = {".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".parquet": Format.PARQUET}

Gold = Annotated[Path, typer.Option("--gold", metavar="FILE", help="Labelled rows: .csv, .jsonl, .ndjson or .parquet.")]
LabelColumn = Annotated[str, typer.Option("--label-column", metavar="COLUMN", help="Where the gold label is.")]
Mapped = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="VARIABLE=COLUMN", help="Where a variable is, if not in the column of its name."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of a check; for a list, once for each item."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Model for a judge, from models.yaml; absent: its own.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Rows at most, the same each time.")]
Balanced = Annotated[bool, typer.Option("--balanced", help="Take equally many rows of each gold label.")]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="LABEL", help="Tell precision, recall and F1 of this label.")
]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget-usd", min=0, metavar="USD", help="Most that may be spent; the rest is over_budget."),
]
RowsFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the rows with their verdicts: .csv, .jsonl, .parquet."),
]
Disagreements = Annotated[
    bool, typer.Option("--disagreements", help="Write only rows whose label is not the gold one, or that have none.")
]


def hub_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of an evaluator.")],
    gold: Gold,
    label_column: LabelColumn = "label",
    mapped: Mapped = None,
    parameters: Parameters = None,
    model: Model = None,
    limit: Limit = None,
    balanced: Balanced = False,
    positive: Positive = None,
    budget_usd: BudgetUsd = None,
    output: RowsFile = None,
    disagreements: Disagreements = False,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Hold an evaluator's labels against labels that people gave: agreement with its uncertainty, cost and latency."""
    from evals_pipeline.engine.gold_asking import GoldRequest

    chosen_format = _format(output, disagreements=disagreements)
    request = GoldRequest(
        evaluator=name,
        file=gold,
        parameters=_lists(parameters or (), "--parameter"),
        model=model,
        mapping={variable: columns[-1] for variable, columns in _lists(mapped or (), "--map").items()},
        label_column=label_column,
        limit=limit,
        is_balanced=balanced,
        positive=positive,
        budget_usd=budget_usd,
    )
    found = _tested(request, nearest_project_folder(project_dir))
    if as_json:
        screen.print_json(document(request, found))
    else:
        show(request, found)
    if output is not None and chosen_format is not None:
        _write(found.report.disagreements if disagreements else found.report.verdicts, chosen_format, output)
    if not found.report.outcomes.get(Outcome.EVALUATED):
        raise typer.Exit(exits.BROKEN)


def _tested(request: GoldRequest, folder: Path | None) -> GoldTest:
    from evals_pipeline.engine.catalog import read_hub
    from evals_pipeline.engine.evaluators import Hub
    from evals_pipeline.engine.gold_asking import run_gold_test
    from evals_pipeline.engine.installation import opened

    if folder is None:
        return run_gold_test(request, Hub(), None, now=utc_now())
    with opened(folder) as here:
        return run_gold_test(request, read_hub(folder), here, now=utc_now())


def _lists(given: Sequence[str], option: str) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigError(f"{option} {text!r} is no NAME=VALUE", hint=f"for example: {option} text=answer")
        lists.setdefault(name, []).append(value)
    return lists


def _format(output: Path | None, *, disagreements: bool) -> Format | None:
    if output is None:
        if disagreements:
            raise ConfigError("--disagreements chooses rows for a file", hint="add --output rows.csv")
        return None
    if output.suffix.lower() not in _FORMATS:
        raise ConfigError(
            f"{output.name!r} does not say how to write rows", hint=f"let it end in {', '.join(_FORMATS)}"
        )
    return _FORMATS[output.suffix.lower()]


def _write(rows: pa.Table, chosen: Format, output: Path) -> None:
    import duckdb

    with duckdb.connect() as connection:
        print_rows(connection.from_arrow(rows), chosen, output)
