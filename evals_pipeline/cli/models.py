"""`evals models`: the models that judges ask, and what has been found out about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evals_pipeline.cli import screen
from evals_pipeline.cli.options import Json, ProjectDir, project_folder
from evals_pipeline.core.errors import UnknownNameError

if TYPE_CHECKING:
    from evals_pipeline.engine.models import ModelState

_COLUMNS = ("model", "asks", "at", "key", "found out")


def models(
    forget: Annotated[
        str | None,
        typer.Option("--forget", metavar="MODEL", help="Forget what was found out about it, to find it out anew."),
    ] = None,
    project_dir: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """List the models that judges ask: where, whether their key is set, and what has been found out about them."""
    from evals_pipeline.engine.catalog import read_hub
    from evals_pipeline.engine.installation import opened
    from evals_pipeline.engine.models import forget_model, model_states

    folder = project_folder(project_dir)
    with opened(folder) as here:
        states = model_states(here, read_hub(folder))
        if forget is not None:
            chosen = {state.name: state for state in states}
            if forget not in chosen:
                raise UnknownNameError.of("model", forget, chosen)
            count = forget_model(here, chosen[forget].model)
            screen.note(f"forgot {screen.counted(count, 'fact')} about {forget}")
            return
    if as_json:
        screen.print_json([_document(state) for state in states])
    elif states:
        screen.table(_COLUMNS, [_row(state) for state in states])
        for state in states:
            if state.problem:
                screen.note(f"{state.name}: {state.problem}\n  Hint: {state.hint}", style="yellow")
    else:
        screen.note("there is no model yet; write into models.yaml: `default: {name: gpt-5-mini}`")


def model_text(state: ModelState) -> str:
    """Where a model is asked and what was found out, in a line."""
    found = _found_out(state)
    return f"{state.model.name} at {_place(state)}, {_key(state)}" + (f"; {found}" if found else "")


def _row(state: ModelState) -> list[object]:
    return [state.name, state.model.name, _place(state), _key(state), _found_out(state)]


def _place(state: ModelState) -> str:
    return state.address or f"{state.model.provider}'s own address"


def _key(state: ModelState) -> str:
    return "key or address missing" if state.problem else "key set or not needed"


def _found_out(state: ModelState) -> str:
    """What people can use of it; `--json` has all."""
    abilities = state.remembered.get("abilities", {})
    pace = state.remembered.get("quota", {}).get("governor", {}).get("pace")
    told = [f"answers as {abilities['form']}"] if abilities.get("form") else []
    told += [f"takes no {', '.join(abilities['without'])}"] if abilities.get("without") else []
    told += [f"about {screen.count(round(60 * pace))} requests a minute"] if pace else []
    return "; ".join(told)


def _document(state: ModelState) -> dict[str, Any]:
    return {
        **asdict(state),
        "model": {
            **state.model.model_dump(mode="json", exclude_none=True, exclude={"extra_body"}),
            "base_url": _place(state),
        },
    }
