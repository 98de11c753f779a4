"""`evals hub test NAME`: an evaluator on rows of a task, or held against labels that people gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evals_pipeline.cli import exits, screen
from evals_pipeline.cli.collecting import collect_with_progress
from evals_pipeline.cli.formats import Format, print_rows
from evals_pipeline.cli.gold_reports import document, show
from evals_pipeline.cli.options import Json, ProjectDir, nearest_project_folder, project_folder, utc_now
from evals_pipeline.cli.trial_reports import show_trial, trial_document
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.outcome import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from evals_pipeline.engine.gold.asking import GoldRequest, GoldTest
    from evals_pipeline.engine.trying.named import Asked, Chosen
    from evals_pipeline.engine.trying.trials import Trial

_FORMATS = {".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".parquet": Format.PARQUET}

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of an evaluator, a version (polite@2) or a file (evaluators/polite.py)."),
]
TaskOption = Annotated[
    str | None,
    typer.Option("--task", metavar="TASK", help="Take rows of this task; absent: of the one that names the evaluator."),
]
Gold = Annotated[
    Path | None,
    typer.Option(
        "--gold", metavar="FILE", help="Labelled rows in place of a task's: .csv, .jsonl, .ndjson or .parquet."
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", metavar="COLUMN", help="Where the gold label is; absent: label.")
]
Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="VARIABLE=PATH", help="Where a variable is: a path of the spans, or a column of --gold."
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of code, in place of the task's; for a list, once for each item.",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Model for a judge, from models.yaml; absent: its own.")
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Rows at most; of a task the newest, 10 if absent."),
]
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
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the rows of --gold with their verdicts: .csv, .jsonl, .ndjson or .parquet.",
    ),
]
Disagreements = Annotated[
    bool, typer.Option("--disagreements", help="Write only rows whose label is not the gold one, or that have none.")
]


def hub_test(
    name: Name,
    task: TaskOption = None,
    gold: Gold = None,
    label_column: LabelColumn = None,
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
    """Run an evaluator on the newest rows of a task, or hold its labels against labels that people gave (--gold)."""
    from evals_pipeline.engine.gold.asking import GoldRequest
    from evals_pipeline.engine.trying.named import Asked

    mapping = {variable: columns[-1] for variable, columns in lists(mapped or (), "--map").items()}
    given = lists(parameters or (), "--parameter")
    if gold is None:
        _refuse_without_gold(label_column, positive, output, is_balanced=balanced, disagreements=disagreements)
        asked, folder = Asked(mapping, given, model), project_folder(project_dir)
        _tell(*_tried(name, task, asked, folder, limit, budget_usd, as_json), as_json=as_json)
        return
    if task is not None:
        raise ConfigError("--gold and --task exclude each other", hint="rows come from a file or from a task")
    chosen_format = _format(output, disagreements=disagreements)
    request = GoldRequest(
        evaluator=name,
        file=gold,
        parameters=given,
        model=model,
        mapping=mapping,
        label_column=label_column or "label",
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
    if not found.report.agreement.rows:
        raise typer.Exit(exits.BROKEN)


def _tried(
    name: str, task: str | None, asked: Asked, folder: Path, limit: int | None, budget_usd: float | None, hidden: bool
) -> tuple[Chosen, Trial]:
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.trying.named import choose
    from evals_pipeline.engine.trying.samples import sample_rows
    from evals_pipeline.engine.trying.trials import TRIED_ROWS, run_trial

    chosen = choose(folder, name, task, asked)
    with opened(folder) as here:
        collect_with_progress(here, chosen.project, hidden=hidden)
        samples = sample_rows(here, chosen.task, chosen.use, limit=limit or TRIED_ROWS)
        return chosen, run_trial(here, chosen.use, samples, budget_usd=budget_usd, now=utc_now())


def _tell(chosen: Chosen, trial: Trial, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(trial_document(chosen, trial))
    else:
        show_trial(chosen, trial)
    if not trial.outcomes.get(Outcome.EVALUATED):
        raise typer.Exit(exits.BROKEN)


def _refuse_without_gold(
    label_column: str | None,
    positive: str | None,
    output: Path | None,
    *,
    is_balanced: bool,
    disagreements: bool,
) -> None:
    given = {
        "--label-column": label_column is not None,
        "--balanced": is_balanced,
        "--positive": positive is not None,
        "--output": output is not None,
        "--disagreements": disagreements,
    }
    for option, is_given in given.items():
        if is_given:
            raise ConfigError(f"{option} is about labels that people gave", hint="name the file of them: --gold FILE")


def _tested(request: GoldRequest, folder: Path | None) -> GoldTest:
    from evals_pipeline.engine.gold.asking import run_gold_test
    from evals_pipeline.engine.hub.resolving import Hub
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.trying.named import NamedEvaluator, named_evaluator

    if folder is None:
        return run_gold_test(request, NamedEvaluator(request.evaluator, Hub()), None, now=utc_now())
    with opened(folder) as here:
        return run_gold_test(request, named_evaluator(folder, request.evaluator), here, now=utc_now())


def lists(given: Sequence[str], option: str) -> dict[str, list[str]]:
    """`NAME=VALUE`, given once or more, as name -> values."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigError(f"{option} {text!r} is no NAME=VALUE", hint=f"for example: {option} text=answer")
        found.setdefault(name, []).append(value)
    return found


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
