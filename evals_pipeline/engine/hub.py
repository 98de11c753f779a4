"""The evaluators that tasks can use, as people look them up."""

from __future__ import annotations

from dataclasses import dataclass

from evals_pipeline.core.evaluator import Parameter, Variable
from evals_pipeline.evaluators.prebuilt.registry import build, prebuilt_names, prebuilt_parameters

_EXAMPLES = {"regex": "example", "string_array": ["example"], "string": "example", "boolean": True, "number": 1}


@dataclass(frozen=True, slots=True)
class HubEntry:
    """An evaluator as the hub shows it.

    Attributes:
        labels: Label -> score.
        source: The plain Python that decides.
    """

    name: str
    version: str
    kind: str
    description: str
    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]
    labels: dict[str, float | None]
    source: str

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.split("\n\n")[0].replace("\n", " ")


def hub_entries() -> tuple[HubEntry, ...]:
    """All evaluators, by name."""
    return tuple(hub_entry(name) for name in prebuilt_names())


def hub_entry(name: str) -> HubEntry:
    """That evaluator; raises UnknownNameError."""
    parameters = prebuilt_parameters(name)
    # Its texts are the same for all values, so any that are accepted will do.
    check = build(name, {given.name: _EXAMPLES[given.type] for given in parameters if given.is_required})
    results = (check.definition.TRUE, check.definition.FALSE)
    return HubEntry(
        name=check.name,
        version=check.version,
        kind=str(check.annotator_kind),
        description=check.description,
        parameters=parameters,
        variables=check.variables,
        labels={str(result.label): result.score for result in results},
        source=check.source,
    )
