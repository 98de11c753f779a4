"""YAML files as strict models; what is wrong is told with the place, what there is and a hint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from evals_pipeline.core.errors import ConfigError, did_you_mean
from evals_pipeline.core.model import KEPT_TO_ITSELF

ModelT = TypeVar("ModelT", bound=BaseModel)

# The C loader is ten times faster, which counts at hundreds of tasks; it is missing where PyYAML was built without it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]  # which of the two bases it has is known at run time only
    """A safe loader that refuses a setting written twice, where YAML would take the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def yaml_files(folder: Path, pattern: str = "*") -> list[Path]:
    """The YAML files of a folder, by name; none where there is no folder."""
    found = folder.glob(f"{pattern}.y*ml") if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix in (".yaml", ".yml"))


def read_named(path: Path, model: type[ModelT]) -> ModelT:
    """What a file holds, named by the file; raises ConfigError."""
    return named(text_of(path), path.stem, model)


def named(text: str, name: str, model: type[ModelT]) -> ModelT:
    """What the text of a file with that name says; raises ConfigError."""
    document = settings_in(text, f"it needs: {', '.join(_required(model))}")
    if document.get("name", name) != name:
        raise ConfigError("a file is named by its file name", field="name", hint=f"remove it; the name is {name!r}")
    return _validated({**document, "name": name}, model, "", frozenset({"name"}))


def read_settings(path: Path, hint: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The settings in a file; raises ConfigError, with `hint` where there are none."""
    return settings_in(text_of(path), hint, may_be_empty=may_be_empty)


def text_of(path: Path) -> str:
    """The text of a file; raises ConfigError when it cannot be read, or `.yaml` and `.yml` of one name are there."""
    twin = path.with_suffix(".yaml")
    if path.suffix == ".yml" and twin.exists():
        raise ConfigError(f"{twin.name} beside it has the same name", hint="rename or remove one of the two")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(f"the file cannot be read: {cause}") from cause


def settings_in(text: str, hint: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The settings that YAML holds; raises ConfigError, with `hint` where there are none."""
    try:
        document: Any = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as cause:
        raise ConfigError(f"the file is no YAML: {' '.join(str(cause).split())}") from cause
    if document is None and may_be_empty:
        return {}
    if not isinstance(document, dict):
        raise ConfigError("the file holds no settings", hint=hint)
    return document


def validated(document: object, model: type[ModelT], *, field: str = "") -> ModelT:
    """`document` as `model`; raises ConfigError with the place below `field`."""
    return _validated(document, model, field, frozenset())


def _validated(document: object, model: type[ModelT], field: str, given: frozenset[str]) -> ModelT:
    try:
        return model.model_validate(document)
    except ValidationError as cause:
        raise _first_problem(cause, model, field, given) from cause


def _first_problem(error: ValidationError, model: type[BaseModel], field: str, given: frozenset[str]) -> ConfigError:
    """The first thing wrong, in our words; the others show once this one is mended. `given` is not for users to set."""
    problem = _most_telling(error)
    holder, place = _found(model, [str(part) for part in problem["loc"]])
    word, message = (place[-1] if place else ""), problem["msg"].removeprefix("Value error, ")
    where = ".".join([field, *place] if field else place)
    if problem["type"] == "extra_forbidden":
        known = [name for name in _settings_of(holder) if holder is not model or name not in given]
        hint = did_you_mean(word, known) or f"there is: {', '.join(known)}"
        return ConfigError(f"there is no setting {word!r}; there is: {', '.join(known)}", field=where, hint=hint)
    if problem["type"] == "model_type":
        hint = f"write `{where.rpartition('.')[2]}: {{setting: value}}`"
        return ConfigError(f"settings belong here{_instead(problem['input'])}", field=where, hint=hint)
    if problem["type"] == "missing":
        return ConfigError(f"{word!r} is missing", field=where, hint=f"add a line `{word}: …`")
    return ConfigError(message + ("" if word in KEPT_TO_ITSELF else _instead(problem["input"])), field=where)


def _most_telling(error: ValidationError) -> Any:
    """The first problem; where a word or settings may stand and settings do, what is wrong with them."""
    first, *others = error.errors()
    place = first["loc"][:-1]
    if first["type"] == "string_type" and isinstance(first["input"], dict):
        rest = (other for other in others if other["loc"][: len(place)] == place)
        return next((other for other in rest if not other["type"].endswith("_type")), first)
    return first


def _found(model: type[BaseModel], loc: list[str]) -> tuple[type[BaseModel], list[str]]:
    """The model that holds the last part of `loc`, and `loc` without pydantic's words for alternatives."""
    holder: type[BaseModel] = model
    inner: type[BaseModel] | None = None
    place: list[str] = []
    for part in loc:
        if inner is not None and (part == "str" or inner.__name__ in part):
            continue
        holder = inner or holder
        field = _settings_of(holder).get(part)
        place.append(part)
        inner = next(iter(_models_in(field.annotation)), None) if field is not None else inner
    return holder, place


def _settings_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _models_in(inner)]


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required() and name != "name"]


def _instead(value: object) -> str:
    """What was written; whole sections are not repeated."""
    return "" if isinstance(value, dict | list) and value else f", not {value!r}"
