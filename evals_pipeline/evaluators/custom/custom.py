"""A custom evaluator: what its source says of it, found without running it, and what a task adds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.evaluator import AnnotatorKind, Parameter, Variable
from evals_pipeline.evaluators.custom.parameters import READERS
from evals_pipeline.evaluators.parameters import read
from evals_pipeline.sandbox.program import Limits, Program, Value
from evals_pipeline.sandbox.settings import PACKAGES

if TYPE_CHECKING:
    from evals_pipeline.evaluators.custom.checking import CheckReport


@dataclass(frozen=True)
class CodeDefinition:
    """A custom evaluator as its file, or a version in the hub, defines it.

    Attributes:
        file: What tracebacks call the source, such as `evaluators/polite.py`.
        settings: What stands beside it in YAML; None where there is nothing.
        variables: Arguments of `evaluate`; one with a default need not be mapped.
        takes_row: Whether `evaluate` has `dataset_row`.
        parameters: What the class reads as `self.<name>` and a task gives.
        imports: Packages that it imports, besides the standard library.
    """

    name: str
    source: str
    file: str
    settings: CodeSettings | None
    class_name: str
    variables: tuple[Variable, ...]
    takes_row: bool
    parameters: tuple[Parameter, ...]
    imports: tuple[str, ...]
    description: str

    @property
    def filter(self) -> str | None:
        """Units that it is for, whatever the task."""
        return self.settings.filter if self.settings is not None else None

    @property
    def limits(self) -> Limits:
        """What a row and a worker may take."""
        chosen = self.settings
        return Limits() if chosen is None else Limits(row_seconds=chosen.row_seconds, memory_mb=chosen.memory_mb)


@dataclass(frozen=True)
class Custom:
    """A custom evaluator with its parameters, ready to judge in a sandbox.

    Attributes:
        parameters: Every parameter with its value, defaults included.
    """

    definition: CodeDefinition
    parameters: Mapping[str, object]

    @classmethod
    def of(cls, definition: CodeDefinition, given: Mapping[str, object], *, field: str = "") -> Custom:
        """The evaluator with the parameters that a task gives.

        Args:
            definition: What its file says.
            given: As written in a task file; types are not converted.
            field: Where in the file the evaluator stands, such as `evaluators.0`; errors name the place below it.

        Raises:
            ParameterError: A parameter is missing, unknown or of the wrong form.
        """
        place = f"{field}.parameters" if field else "parameters"
        return cls(definition, read(definition.name, definition.parameters, given, READERS, field=place))

    @property
    def name(self) -> str:
        """Its name in the hub."""
        return self.definition.name

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What a task may map, in the order of the signature; values keep their natural types."""
        return self.definition.variables

    @property
    def annotator_kind(self) -> AnnotatorKind:
        """CODE."""
        return AnnotatorKind.CODE

    @property
    def description(self) -> str:
        """What it says of a unit, in a sentence or a few."""
        return self.definition.description

    @property
    def source(self) -> str:
        """The Python of its file."""
        return self.definition.source

    @property
    def limits(self) -> Limits:
        """What a row and a worker may take."""
        return self.definition.limits

    def program(self, variables: Mapping[str, str], row: Sequence[str], json_columns: Collection[str] = ()) -> Program:
        """What a worker runs.

        Args:
            variables: Variable -> column of the batches; those left out keep their defaults.
            row: Columns that `dataset_row` has, where `evaluate` takes it.
            json_columns: Columns whose text is JSON and is parsed.
        """
        return Program(
            source=self.source,
            file=self.definition.file,
            class_name=self.definition.class_name,
            parameters={name: _plain(value) for name, value in self.parameters.items()},
            variables=dict(variables),
            row_columns=tuple(row) if self.definition.takes_row else None,
            json_columns=frozenset(json_columns),
        )


def read_definition(
    name: str,
    source: str,
    settings: CodeSettings | None,
    *,
    file: str,
    packages: Collection[str] = PACKAGES,
) -> CodeDefinition:
    """What `source` defines, without running any of it.

    Args:
        name: The evaluator's name in the hub.
        source: The Python of its file.
        settings: What stands beside it in YAML.
        file: What errors call the source, such as `evaluators/polite.py`.
        packages: What evaluators may import besides the standard library.

    Raises:
        ConfigError: The source can be no evaluator; `field` is the line and column of the first reason.
    """
    from evals_pipeline.evaluators.custom.checking import check_source  # reads Python, which most projects need not

    report = check_source(source, packages=packages, settings=settings)
    _refuse(report)
    return CodeDefinition(
        name=name,
        source=source,
        file=file,
        settings=settings,
        class_name=report.class_name or "",
        variables=tuple(Variable(each.name, _described(each), each.is_required) for each in report.variables),
        takes_row=report.takes_row,
        parameters=tuple(report.parameters),
        imports=tuple(each for each in report.imports if each.partition(".")[0] in packages),
        description=(settings.description if settings is not None else "") or report.docstring,
    )


def _refuse(report: CheckReport) -> None:
    for problem in report.problems:
        if problem.severity == "error":
            raise ConfigError(problem.message, field=f"line {problem.line}, column {problem.column}")


def _described(variable: Any) -> str:
    if variable.is_required:
        return "an argument of evaluate()"
    return f"an argument of evaluate(), {variable.default} where it is not mapped"


def _plain(value: object) -> Value:
    """A parameter as JSON has it."""
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]  # readers give nothing else
