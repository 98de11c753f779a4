"""The evaluators that tasks can use, as people look them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.evaluator import AnnotatorKind, Parameter, Variable
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.engine.hub.resolving import Hub
from evals_pipeline.evaluators.custom.custom import CodeDefinition
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names, prebuilt_parameters
from evals_pipeline.hub.summaries import summary

PREBUILT = "prebuilt"
IN_HUB = "hub"

_EXAMPLES: Mapping[str | None, object] = {
    "regex": "example",
    "string_array": ["example"],
    "string": "example",
    "boolean": True,
    "number": 1,
}
_NO_MODEL = ModelSpec(name="none")


@dataclass(frozen=True, slots=True)
class HubEntry:
    """An evaluator as the hub shows it.

    Attributes:
        version: As results carry it; empty for a prebuilt judge whose model is not known, since another model makes
            another version.
        kind: CODE or LLM.
        origin: `prebuilt`, the file in the project folder, or `hub` where there is none.
        labels: Label -> score; nothing for custom code, which may say what it likes.
        source: The plain Python that decides, or what a judge's model is sent, with placeholders for the values.
        template: Of a judge; empty for checks.
        takes_row: Whether custom code is given `dataset_row`.
        direction: Which scores are good.
        model: Of a judge: the name in `models.yaml` or of the model itself; empty for checks.
        idea: Where a judge's idea comes from.
        state: How the file and the newest version compare; empty for prebuilt evaluators.
        latest: Number of that version; None where there is none.
        settings: The YAML beside custom code.
        filter: Units that it is for, whatever the task.
        pushed: The version in the hub as plain JSON; None for a file that was never pushed and for prebuilt ones.
    """

    name: str
    version: str
    kind: str
    origin: str
    description: str
    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]
    labels: dict[str, float | None]
    source: str
    template: str = ""
    takes_row: bool = False
    direction: str = "maximize"
    model: str = ""
    idea: str = ""
    state: str = ""
    latest: int | None = None
    settings: str = ""
    filter: str | None = None
    pushed: Mapping[str, Any] | None = None

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.split("\n\n")[0].replace("\n", " ").strip()


def hub_entries(hub: Hub | None = None) -> tuple[HubEntry, ...]:
    """All evaluators that can be used, checks first; without `hub` the prebuilt ones. Raises LedgerError."""
    known = hub or Hub()
    known.versions.refuse_unknown()
    usable = known.own
    entries = [hub_entry(name, known) for name in known.names if name in usable or not _is_own(name, known)]
    return tuple(sorted(entries, key=lambda entry: (entry.kind, entry.name)))


def hub_entry(spelled: str, hub: Hub) -> HubEntry:
    """That evaluator (`polite`, `polite@2`); raises UnknownNameError, or ConfigError when it cannot be used."""
    if spelled in prebuilt_names():
        return _check_entry(spelled)
    hub.versions.refuse_unknown()
    found = hub.found(spelled)
    if isinstance(found.definition, JudgeSpec):
        entry = _judge_entry(found.definition, found.version, hub)
    else:
        entry = _custom_entry(found.definition, found.version, hub)
    pushed = found.pushed
    if pushed is None:
        return replace(entry, settings=_settings_of(entry.name, hub))
    latest = hub.versions.latest[pushed.name].number
    return replace(entry, latest=latest, settings=pushed.content.settings, pushed=summary(pushed))


def _is_own(name: str, hub: Hub) -> bool:
    return name in hub.files or name in hub.versions.latest


def _settings_of(name: str, hub: Hub) -> str:
    return hub.files[name].content.settings if name in hub.files else ""


def _check_entry(name: str) -> HubEntry:
    parameters = prebuilt_parameters(name)
    # Its texts are the same for all values, so any that are accepted will do.
    check = build(name, {given.name: _EXAMPLES[given.type] for given in parameters if given.is_required})
    results = (check.definition.TRUE, check.definition.FALSE)
    return HubEntry(
        name=check.name,
        version=check.version,
        kind=str(check.annotator_kind),
        origin=PREBUILT,
        description=check.description,
        parameters=parameters,
        variables=check.variables,
        labels={str(result.label): result.score for result in results},
        source=check.source,
    )


def _judge_entry(spec: JudgeSpec, version: str, hub: Hub) -> HubEntry:
    model = _model(spec, hub)
    judge = Judge(spec, model or _NO_MODEL)
    return HubEntry(
        name=judge.name,
        version=version or (judge.version if model else ""),
        kind=str(AnnotatorKind.LLM),
        origin=_origin(judge.name, hub),
        description=judge.description,
        parameters=(),
        variables=judge.variables,
        labels=dict(judge.labels_and_scores),
        source=judge.source,
        template=spec.template,
        direction=spec.direction,
        model=spec.model if isinstance(spec.model, str) else spec.model.name,
        idea=spec.source,
        state=_state(judge.name, hub),
        filter=spec.filter,
    )


def _custom_entry(definition: CodeDefinition, version: str, hub: Hub) -> HubEntry:
    return HubEntry(
        name=definition.name,
        version=version,
        kind=str(AnnotatorKind.CODE),
        origin=_origin(definition.name, hub),
        description=definition.description,
        parameters=definition.parameters,
        variables=definition.variables,
        labels={},
        source=definition.source,
        takes_row=definition.takes_row,
        state=_state(definition.name, hub),
        filter=definition.filter,
    )


def _state(name: str, hub: Hub) -> str:
    return str(hub.state(name) or "")


def _origin(name: str, hub: Hub) -> str:
    if not _is_own(name, hub):
        return PREBUILT
    instead = ", instead of the prebuilt one" if name in prebuilt_judge_names() else ""
    return (hub.files[name].file if name in hub.files else IN_HUB) + instead


def _model(spec: JudgeSpec, hub: Hub) -> ModelSpec | None:
    try:
        return hub.model(spec.model, judge=spec.name)
    except ConfigError:
        return None
