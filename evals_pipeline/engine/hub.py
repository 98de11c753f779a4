"""The evaluators that tasks can use, as people look them up."""

from __future__ import annotations

from dataclasses import dataclass

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.evaluator import AnnotatorKind, Parameter, Variable
from evals_pipeline.core.judge import JudgeSpec
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.engine.evaluators import Hub
from evals_pipeline.evaluators.judge.judge import Judge
from evals_pipeline.evaluators.judge.prebuilt import prebuilt_judge_names
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names, prebuilt_parameters

PREBUILT = "prebuilt"

_EXAMPLES = {"regex": "example", "string_array": ["example"], "string": "example", "boolean": True, "number": 1}
_NO_MODEL = ModelSpec(name="none")


@dataclass(frozen=True, slots=True)
class HubEntry:
    """An evaluator as the hub shows it.

    Attributes:
        version: Empty for a judge whose model is not known: another model makes another version.
        kind: CODE or LLM.
        origin: `prebuilt`, or the file in the project folder.
        labels: Label -> score.
        source: The plain Python that decides, or what a judge's model is sent, with placeholders for the values.
        template: Of a judge; empty for checks.
        direction: Which scores are good.
        model: Of a judge: the name in `models.yaml` or of the model itself; empty for checks.
        idea: Where a judge's idea comes from.
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
    direction: str = "maximize"
    model: str = ""
    idea: str = ""

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.split("\n\n")[0].replace("\n", " ").strip()


def hub_entries(hub: Hub | None = None) -> tuple[HubEntry, ...]:
    """All evaluators, checks first; without `hub` the prebuilt ones."""
    known = hub or Hub()
    entries = [hub_entry(name, known) for name in known.names]
    return tuple(sorted(entries, key=lambda entry: (entry.kind, entry.name)))


def hub_entry(name: str, hub: Hub) -> HubEntry:
    """That evaluator; raises UnknownNameError, or ConfigError when its file is broken."""
    return _check_entry(name) if name in prebuilt_names() else _judge_entry(hub.judge(name), hub)


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


def _judge_entry(spec: JudgeSpec, hub: Hub) -> HubEntry:
    model = _model(spec, hub)
    judge = Judge(spec, model or _NO_MODEL)
    return HubEntry(
        name=judge.name,
        version=judge.version if model else "",
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
    )


def _origin(name: str, hub: Hub) -> str:
    if name not in hub.judges:
        return PREBUILT
    instead = ", instead of the prebuilt one" if name in prebuilt_judge_names() else ""
    return f"evaluators/{name}.yaml{instead}"


def _model(spec: JudgeSpec, hub: Hub) -> ModelSpec | None:
    try:
        return hub.model(spec.model, judge=spec.name)
    except ConfigError:
        return None
