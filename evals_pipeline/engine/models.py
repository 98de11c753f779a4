"""What is known of the models of a project folder: their keys, what their endpoints can do and allow."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.engine.hub.resolving import Hub
from evals_pipeline.engine.installation import Installation
from evals_pipeline.engine.readiness import unready

_USER = re.compile(r"//[^/@]*@")
"""Name and password, which only an address from the environment can hold."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is known of one model.

    Attributes:
        name: In `models.yaml`, or of the judge that has it inside.
        address: Where it is asked, without name and password; null for the provider's own address.
        problem: Why it cannot be asked, such as a key that is not set; empty when nothing is known to be wrong.
        hint: What to do about it.
        remembered: Kind of knowledge (`abilities`, limits) -> what was found out; never a key.
    """

    name: str
    model: ModelSpec
    address: str | None
    problem: str
    hint: str
    remembered: Mapping[str, Mapping[str, Any]]


def model_states(here: Installation, hub: Hub, environment: Mapping[str, str] = os.environ) -> tuple[ModelState, ...]:
    """Every model, by name; raises LedgerError."""
    from evals_pipeline.ledger.board import Board

    topics = {topic.name: topic.state for topic in Board(here.ledger.database).topics()}
    return tuple(_state(name, model, topics, environment) for name, model in _models(hub).items())


def forget_model(here: Installation, model: ModelSpec) -> int:
    """Forget what was found out about a model's endpoint, so that it is found out anew; returns how many facts."""
    from evals_pipeline.ledger.board import Board

    board = Board(here.ledger.database)
    return sum(board.forget(topic.name) for topic in board.topics() if _is_about(topic.name, model))


def _models(hub: Hub) -> dict[str, ModelSpec]:
    inside = {f"of {name}": judge.model for name, judge in hub.judges.items() if isinstance(judge.model, ModelSpec)}
    return {**hub.models, **inside}


def _state(
    name: str, model: ModelSpec, topics: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]
) -> ModelState:
    missing = unready(model, environment)
    about = {topic.partition("/")[0]: state for topic, state in topics.items() if _is_about(topic, model)}
    problem, hint = (missing.message, missing.hint) if missing else ("", "")
    return ModelState(name, model, _address(model, environment), problem, hint, about)


def _address(model: ModelSpec, environment: Mapping[str, str]) -> str | None:
    from evals_pipeline.llm.access import base_url_of

    address = base_url_of(model, environment)
    return None if address is None else _USER.sub("//", address)


def _is_about(topic: str, model: ModelSpec) -> bool:
    """Topics are named by what they tell and the endpoint: `abilities/openai||gpt-5-mini`."""
    return topic.partition("/")[2] == model.endpoint
