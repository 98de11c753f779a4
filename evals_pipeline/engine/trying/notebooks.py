"""Custom evaluators in a notebook: read from a file or a text, and run in a sandbox that stays for the next cell."""

from __future__ import annotations

import atexit
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.errors import ConfigError, SandboxError
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.core.outcome import Outcome
from evals_pipeline.engine.documents import read_named, text_of, yaml_files
from evals_pipeline.engine.natural import column_of, form_of
from evals_pipeline.evaluators.custom.custom import Custom, read_definition
from evals_pipeline.sandbox.settings import SandboxSettings, allowed_packages

if TYPE_CHECKING:
    import pyarrow as pa

    from evals_pipeline.engine.sandboxes import RunSandbox
    from evals_pipeline.sandbox.program import Program

logger = logging.getLogger(__name__)

_SOURCE = "evaluator.py"
_REASONS = 5
_kept: dict[tuple[SandboxSettings, tuple[str, ...]], RunSandbox] = {}


def code_evaluator(code: str | Path, **parameters: object) -> Custom:
    """A custom evaluator for use in a notebook: `code_evaluator("evaluators/polite.py", threshold=0.5)`.

    It is read, never run, in this process; `evaluate_frame` runs it in the sandbox.

    Args:
        code: The path of a Python file, whose settings may stand in a YAML file of the same name beside it; or the
            source itself, in more than one line.
        parameters: Its static parameters.

    Raises:
        ConfigError: The file cannot be read, or holds no evaluator; the message begins with the place.
        ParameterError: A parameter is missing, unknown or of the wrong form.
    """
    packages = allowed_packages()
    is_source = isinstance(code, str) and "\n" in code
    path = Path(_SOURCE if is_source else code)
    source, settings = (str(code), None) if is_source else (text_of(path), _settings_beside(path))
    try:
        definition = read_definition(path.stem, source, settings, file=path.name, packages=packages)
    except ConfigError as error:
        raise ConfigError(f"{path.name}, {error.field}: {error.message}", field=error.field, hint=error.hint) from error
    named = replace(definition, name=_snake(definition.class_name)) if is_source else definition
    return Custom.of(named, parameters)


def evaluate_columns(
    custom: Custom, columns: Mapping[str, Sequence[Any]], variables: Mapping[str, str]
) -> list[EvaluationResult | None]:
    """What a custom evaluator says of each row; None where a mapped variable is missing or the evaluator failed.

    Failures are counted in a warning of the logger.

    Args:
        custom: The evaluator.
        columns: Path -> a value per row in its own type, None where there is none; `dataset_row` has all of them.
        variables: Variable -> path of its column.

    Raises:
        SandboxError: Custom code cannot be run in confinement.
    """
    import pyarrow as pa

    from evals_pipeline.engine.answers import UNIT

    count = len(next(iter(columns.values()), ()))
    complete = [n for n in range(count) if all(columns[path][n] is not None for path in variables.values())]
    shown = {path: [values[n] for n in complete] for path, values in columns.items()}
    forms = {path: form_of(values) for path, values in shown.items()}
    arrays = {path: column_of(values, forms[path]) for path, values in shown.items()}
    rows = pa.record_batch({UNIT: pa.array(map(str, complete), pa.string()), **arrays})
    json_columns = [path for path, form in forms.items() if form == "json"]
    found: list[EvaluationResult | None] = [None] * count
    failures: Counter[str] = Counter()
    for row in _answered(custom, custom.program(variables, list(columns), json_columns), rows) if complete else ():
        if row["outcome"] == Outcome.EVALUATED:
            metadata = json.loads(row["metadata"]) if row["metadata"] else {}
            found[int(row["unit_id"])] = EvaluationResult(row["score"], row["label"], row["explanation"], metadata)
        else:
            failures[f"{row['error_type']}: {row['error_message']}"] += 1
    _tell(failures, len(complete))
    return found


def _answered(custom: Custom, program: Program, rows: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    from evals_pipeline.engine.sandboxes import SandboxAsker

    sandbox = _sandbox(custom)
    asker = SandboxAsker(program, custom.limits, sandbox, lambda _: None)
    try:
        for found in asker.answers(iter([rows])):
            yield from found.to_pylist()
    except SandboxError:
        _forget(sandbox)
        raise


def _sandbox(custom: Custom) -> RunSandbox:
    """The one that was started for an earlier cell, or a new one, which ends with this process."""
    from evals_pipeline.engine.sandboxes import RunSandbox

    key = (SandboxSettings.of(), tuple(sorted(custom.definition.imports)))
    if key not in _kept:
        _kept[key] = RunSandbox(custom.definition.imports, key[0])
    return _kept[key]


def _forget(sandbox: RunSandbox) -> None:
    for key in [key for key, kept in _kept.items() if kept is sandbox]:
        del _kept[key]
    sandbox.close()


@atexit.register
def _close_all() -> None:
    for sandbox in _kept.values():
        sandbox.close()


def _tell(failures: Counter[str], rows: int) -> None:
    if failures:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in failures.most_common(_REASONS))
        logger.warning("rows without an answer: %d of %d (%s)", failures.total(), rows, reasons)


def _settings_beside(path: Path) -> CodeSettings | None:
    beside = next(iter(yaml_files(path.parent, path.stem)), None)
    return None if beside is None else read_named(beside, CodeSettings)


def _snake(class_name: str) -> str:
    """`PoliteAnswer` as evaluators are named: `polite_answer`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name)
    name = re.sub(r"[^a-z0-9_]", "", words.lower()).lstrip("_0123456789")
    return name or "evaluator"
