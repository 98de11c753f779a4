"""The folder `evaluators`: what each file says, and whether it can be an evaluator.

`NAME.yaml` is a judge (`kind: judge`); `NAME.py` is custom code, with `NAME.yaml` (`kind: code`) beside it or without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import check_name
from evals_pipeline.core.version import Content, EvaluatorKind
from evals_pipeline.engine.broken_files import EVALUATOR, BrokenFile
from evals_pipeline.engine.documents import named, settings_in, text_of, yaml_files
from evals_pipeline.evaluators.custom.custom import CodeDefinition
from evals_pipeline.evaluators.custom.custom import read_definition as read_code
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names
from evals_pipeline.sandbox.settings import allowed_packages
from evals_pipeline.selection.filters import parse_filter

EVALUATORS = "evaluators"

Definition = JudgeSpec | CodeDefinition

ANY_MODEL = ModelSpec(name="any")
"""Stands for a judge's model while only the judge is looked at."""

_KINDS = {"judge": EvaluatorKind.JUDGE, "code": EvaluatorKind.CUSTOM}


@dataclass(frozen=True, slots=True)
class EvaluatorFile:
    """What the folder says of an evaluator.

    Attributes:
        path: The file that defines it: the YAML of a judge, the Python of custom code.
        definition: None where the file cannot be an evaluator.
    """

    name: str
    path: Path
    content: Content
    definition: Definition | None

    @property
    def file(self) -> str:
        """The file as people write it from the project folder."""
        return f"{EVALUATORS}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class EvaluatorFiles:
    """The folder: files by the name of their evaluator, and those that cannot be used."""

    files: Mapping[str, EvaluatorFile]
    broken: tuple[BrokenFile, ...]


def read_files(folder: Path) -> EvaluatorFiles:
    """What the evaluators of the project folder say; a file that cannot be used never hides the others."""
    settings = {path.stem: path for path in yaml_files(folder / EVALUATORS)}
    sources = {path.stem: path for path in _python_files(folder / EVALUATORS)}
    files: dict[str, EvaluatorFile] = {}
    broken: list[BrokenFile] = []
    for path in yaml_files(folder / EVALUATORS):
        if path.stem not in sources:
            _read_judge(path, files, broken)
    for name, path in sources.items():
        _read_code(path, settings.get(name), files, broken)
    return EvaluatorFiles(files, tuple(broken))


def definition_of(name: str, content: Content, *, file: str) -> Definition:
    """The evaluator that `content` defines; `file` is what errors call it. Raises ConfigError."""
    return _definition(name, content, file, () if content.kind is EvaluatorKind.JUDGE else allowed_packages())


@lru_cache(maxsize=4_096)  # a process reads the same texts again at every load, and a task asks for each several times
def _definition(name: str, content: Content, file: str, packages: tuple[str, ...]) -> Definition:
    if content.kind is EvaluatorKind.JUDGE:
        spec = named(content.source, name, JudgeSpec)
        if spec.filter is not None:
            parse_filter(spec.filter, field="filter")
        return Judge(spec, ANY_MODEL).spec
    settings = _settings(name, content.settings) if content.settings else None
    return read_code(name, content.source, settings, file=file, packages=packages)


def _settings(name: str, text: str) -> CodeSettings:
    """What the YAML beside the code says, its filter read on trial; raises ConfigError."""
    settings = named(text, name, CodeSettings)
    if settings.filter is not None:
        parse_filter(settings.filter, field="filter")
    return settings


def _python_files(folder: Path) -> list[Path]:
    found = folder.glob("*.py") if folder.is_dir() else ()
    return sorted(path for path in found if not path.name.startswith("."))  # editors keep copies under such names


def _read_judge(path: Path, files: dict[str, EvaluatorFile], broken: list[BrokenFile]) -> None:
    name = path.stem
    try:
        if name in prebuilt_names():
            raise _taken(path, "check")
        text = text_of(path)
        content = Content(EvaluatorKind.JUDGE, text)
        files[name] = EvaluatorFile(name, path, content, None)
        _refuse_kind(text, path)
        definition = definition_of(name, content, file=f"{EVALUATORS}/{path.name}")
        files[name] = EvaluatorFile(name, path, content, definition)
    except ConfigError as error:
        broken.append(BrokenFile.of(path, EVALUATOR, error))


def _read_code(path: Path, settings: Path | None, files: dict[str, EvaluatorFile], broken: list[BrokenFile]) -> None:
    name, reading = path.stem, path
    try:
        _refuse_name(path)
        source, text = text_of(path), ""
        if settings is not None:
            reading = settings
            text = text_of(settings)
        content = Content(EvaluatorKind.CUSTOM, source, text)
        files[name] = EvaluatorFile(name, path, content, None)
        if settings is not None:
            _refuse_other_kind(text, path)
            _settings(name, text)
        reading = path
        files[name] = EvaluatorFile(name, path, content, _class_in(name, content, f"{EVALUATORS}/{path.name}"))
    except ConfigError as error:
        broken.append(BrokenFile.of(reading, EVALUATOR, error))


def _class_in(name: str, content: Content, file: str) -> Definition:
    """What the code defines; errors, which tell the first problem only, say where the others are."""
    try:
        return definition_of(name, content, file=file)
    except ConfigError as error:
        hint = error.hint or f"see all that is wrong with it: evals hub check {file}"
        raise ConfigError(error.message, field=error.field, hint=hint) from error


def _refuse_name(path: Path) -> None:
    name = path.stem
    if name in prebuilt_names():
        raise _taken(path, "check")
    if name in prebuilt_judge_names():
        raise _taken(path, "judge")
    try:
        check_name(name)
    except ValueError as cause:
        hint = "this folder holds evaluators only, each in the file of its name: rename the file, or move it elsewhere"
        raise ConfigError(str(cause), hint=hint) from cause


def _taken(path: Path, kind: str) -> ConfigError:
    other = "judge" if path.suffix != ".py" else "custom evaluator"
    return ConfigError(
        f"there is a prebuilt {kind} {path.stem!r}, and no {other} takes its place",
        hint=f"rename the file, for example to my_{path.name}; a task can name its result with `as:`",
    )


def _refuse_kind(text: str, path: Path) -> None:
    """Raises ConfigError where a YAML file that stands alone says it is anything but a judge."""
    kind = settings_in(text, "it needs: kind, template, choices").get("kind", "judge")
    if kind == "code":
        raise ConfigError(
            f"there is no {path.stem}.py beside it, whose settings these are",
            field="kind",
            hint=f"write the class into {EVALUATORS}/{path.stem}.py, or `kind: judge` for a judge",
        )
    if kind not in _KINDS:
        raise ConfigError(f"an evaluator is of kind 'judge' or 'code', not {kind!r}", field="kind")


def _refuse_other_kind(text: str, source: Path) -> None:
    """Raises ConfigError where the YAML beside a Python file says it is anything but its settings."""
    kind = settings_in(text, "it needs: kind", may_be_empty=True).get("kind", "code")
    if kind == "judge":
        raise ConfigError(
            f"{source.name} beside it has the same name, and a name means either a judge or custom code",
            field="kind",
            hint=f"rename one of the two, or write `kind: code` if these are settings of {source.name}",
        )
