"""An evaluator with rows of a task as a script and a notebook that run by themselves, to change and to try."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals_pipeline.core.errors import ConfigError, SinkError
from evals_pipeline.engine.hub.files import EVALUATORS
from evals_pipeline.engine.trying import exported_texts as texts
from evals_pipeline.engine.trying.exported_evaluators import evaluator_text, names_of, run_text
from evals_pipeline.engine.trying.literals import IMPORTS, written
from evals_pipeline.engine.trying.named import Chosen
from evals_pipeline.engine.trying.samples import Samples
from evals_pipeline.evaluators.custom.custom import Custom
from evals_pipeline.evaluators.prebuilt.check import PrebuiltCheck


@dataclass(frozen=True, slots=True)
class Exported:
    """Two files that say the same: `<result>_test.py` and `<result>_test.ipynb`."""

    name: str
    script: str
    notebook: str

    @property
    def files(self) -> dict[str, str]:
        """Name of the file -> what it holds."""
        return {f"{self.name}_test.py": self.script, f"{self.name}_test.ipynb": self.notebook}


def export(chosen: Chosen, samples: Samples) -> Exported:
    """The evaluator with the rows and the settings of the task.

    Raises:
        ConfigError: There are no rows, or the source defines a name that the export needs.
    """
    if not samples.table.num_rows:
        raise ConfigError(
            f"no span of task {chosen.task.task.name!r} matches its filters: there are no rows to export",
            hint=f"look at: evals preview {chosen.task.task.name}",
        )
    _refuse_taken(chosen)
    evaluator, settings = evaluator_text(chosen), _settings(chosen, samples)
    return Exported(
        chosen.use.name,
        _script(chosen, evaluator, settings, run_text(chosen.use)),
        _notebook(chosen, evaluator, settings, run_text(chosen.use)),
    )


def write_export(exported: Exported, folder: Path, *, project: Path, force: bool) -> list[Path]:
    """Write both files into `folder`, which is made where it is missing, and return their paths.

    Raises:
        ConfigError: One of them exists and `force` is not given, or the folder is that of the evaluators.
        SinkError: They cannot be written.
    """
    if folder.resolve() == (project / EVALUATORS).resolve():
        raise ConfigError(
            f"{EVALUATORS}/ holds evaluators only, and a script is none", hint="choose another: -o FOLDER"
        )
    paths = {folder / name: text for name, text in exported.files.items()}
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise ConfigError(f"{str(existing[0])!r} exists already", hint="overwrite both files with --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            path.write_text(text, "utf-8")
    except OSError as cause:
        raise SinkError(f"{str(folder)!r} cannot be written: {cause.strerror or cause}") from cause
    return list(paths)


def _settings(chosen: Chosen, samples: Samples) -> str:
    use = chosen.use
    parts = []
    if isinstance(use.evaluator, Custom):
        parts.append(f"TASK_PARAMETERS = {written(dict(use.evaluator.parameters))}\n")
    mapping = {variable: path.dotted for variable, path in use.paths.items()}
    parts.append(f"TASK_MAPPING = {written(mapping)}\n")
    parts.append(f"TASK_ROWS = {_rows(samples)}\n")
    return "".join(parts)


def _rows(samples: Samples) -> str:
    rows = []
    for unit, row in samples.rows().items():
        cells = "".join(f"        {path!r}: {written(value, indent=8)},\n" for path, value in row.items())
        rows.append(f"    {unit!r}: {{\n{cells}    }},\n")
    return "{\n" + "".join(rows) + "}"


def _script(chosen: Chosen, evaluator: str, settings: str, run: str) -> str:
    name, file = f"{chosen.use.name}_test", _file(chosen)
    is_code = isinstance(chosen.use.evaluator, Custom)
    body, lifted = _without_future(evaluator) if is_code else (evaluator, "")
    parts = [
        f'"""{_title(chosen)}.\n\n{texts.script_help(name, file, is_code=is_code)}"""',
        lifted,
        _setup(settings, is_code=is_code),
        f"{texts.begins(file)}\n{body.rstrip()}\n{texts.ends(file)}",
        f"{texts.SETTINGS}{settings}",
        f"\n{run}",
        '\nif __name__ == "__main__":\n    run_evaluators()',
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _notebook(chosen: Chosen, evaluator: str, settings: str, run: str) -> str:
    file = _file(chosen)
    is_code = isinstance(chosen.use.evaluator, Custom)
    made = [
        _cell("about", f"# {_title(chosen)}\n\n{texts.notebook_help(file, is_code=is_code)}", kind="markdown"),
        _cell("setup", _setup(settings, is_code=is_code)),
        _cell("evaluator", evaluator),
        _cell("rows", f"{texts.SETTINGS}{settings}"),
        _cell("run", f"{run}\n\nresults = run_evaluators()\n"),
    ]
    cells = [cell for cell in made if cell["source"]]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _setup(settings: str, *, is_code: bool) -> str:
    """What the rows and the evaluator need; nothing where they need nothing."""
    imports = "".join(line for line in IMPORTS.splitlines(True) if f"{line.split()[-1]}." in settings)
    return "\n".join(part for part in (imports, texts.SETUP if is_code else "") if part)


def _cell(name: str, text: str, *, kind: str = "code") -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": text.strip("\n").splitlines(True)}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _title(chosen: Chosen) -> str:
    evaluator, version = chosen.use.evaluator.name, chosen.use.version
    return f"Evaluator `{evaluator}`, {chosen.named.ran(version)}, on rows of task `{chosen.task.task.name}`"


def _file(chosen: Chosen) -> str:
    """Where changes are taken back to."""
    if isinstance(chosen.use.evaluator, PrebuiltCheck):
        return f"tasks/{chosen.task.task.name}.yaml"
    suffix = "py" if isinstance(chosen.use.evaluator, Custom) else "yaml"
    return chosen.named.file or f"{EVALUATORS}/{chosen.use.evaluator.name}.{suffix}"


def _without_future(source: str) -> tuple[str, str]:
    """The source for the middle of a script, and the imports from `__future__` that must stand at its top."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            names.update(alias.name for alias in node.names)
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before = lines[first].encode()[: node.col_offset].decode()
            after = lines[last].encode()[node.end_col_offset :].decode()
            if before.strip() or after.strip(" ;\t"):  # others share its lines
                lines[first : last + 1] = [f"{before}pass{after}", *[""] * (last - first)]
            else:
                lines[first : last + 1] = [f"# {line}" for line in lines[first : last + 1]]
    lifted = f"from __future__ import {', '.join(sorted(names))}  {texts.LIFTED}" if names else ""
    return "\n".join(lines), lifted


def _refuse_taken(chosen: Chosen) -> None:
    if not isinstance(chosen.use.evaluator, Custom):
        return
    taken = names_of(chosen.use.evaluator.source) & texts.NAMES
    if taken:
        raise ConfigError(
            f"the source defines {', '.join(sorted(taken))}, which the export needs for itself",
            hint="give it another name in the evaluator",
        )
