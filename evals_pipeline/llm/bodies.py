"""Request bodies: everything but the messages is encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evals_pipeline.core.calls import Question
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm import forms
from evals_pipeline.llm.abilities import Abilities
from evals_pipeline.llm.label_odds import TOP

_HOSTS_OF_OPENAI = ("api.openai.com", ".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_LENGTH = ("max_completion_tokens", "max_tokens")
_ADAPTABLE = (
    "temperature", "top_p", "seed", "reasoning_effort", "logprobs", "top_logprobs", "strict", *_LENGTH,
)  # fmt: skip


def length_field(model: ModelSpec, base_url: str | None) -> str:
    """What the limit on an answer's length is called: OpenAI and Azure have a name of their own by now."""
    is_theirs = model.provider == "azure" or base_url is None or any(host in base_url for host in _HOSTS_OF_OPENAI)
    return _LENGTH[0] if is_theirs else _LENGTH[1]


def other_length_field(field: str) -> str:
    """The other name."""
    return _LENGTH[1] if field == _LENGTH[0] else _LENGTH[0]


class Bodies:
    """Makes the bodies of one model's calls, and the keys of its questions."""

    def __init__(self, model: ModelSpec, base_url: str | None) -> None:
        self._model = model
        self._length_field = length_field(model, base_url)
        self._tails: dict[tuple[object, ...], bytes] = {}
        self._asked: dict[tuple[object, ...], bytes] = {}
        self._identity = hashlib.sha256(_encoded([forms.REVISION, model.identity()]))

    def body(self, messages: Sequence[Mapping[str, str]], question: Question, abilities: Abilities) -> bytes:
        """The body of a call in the form that `abilities` name."""
        return b"%b%b" % (_opened(messages), self.tail(question, abilities))

    def tail(self, question: Question, abilities: Abilities) -> bytes:
        """The body behind the messages."""
        key = (question.labels, question.explanation, question.logprobs, abilities)
        if (tail := self._tails.get(key)) is None:
            told = self._fields(question, abilities)
            tail = self._tails[key] = b"," + _encoded(told)[1:]
        return tail

    def adaptable(self, question: Question, abilities: Abilities) -> tuple[str, ...]:
        """Parameters of such a call that it can do without."""
        sent = self._fields(question, abilities)
        return tuple(
            name for name in _ADAPTABLE
            if (name in sent or (name == "strict" and abilities.form != "text" and "strict" not in abilities.without))
            and name not in self._model.extra_body
        )  # fmt: skip

    def key(self, question: Question) -> str:
        """SHA-256 of what decides the answer, in hexadecimal: messages, model and parameters, labels and what is told.

        The form of the answer is left out: an endpoint that learns a better one does not make old answers worthless.
        """
        asked = (question.labels, question.explanation, question.logprobs)
        if (told := self._asked.get(asked)) is None:
            told = self._asked[asked] = _encoded(asked)
        hashed = self._identity.copy()
        hashed.update(told)
        hashed.update(_encoded(question.messages))
        return hashed.hexdigest()

    def length_name(self, abilities: Abilities) -> str:
        """What the limit on an answer's length is called."""
        return abilities.length_field or self._length_field

    def _fields(self, question: Question, abilities: Abilities) -> dict[str, Any]:
        model = self._model
        told: dict[str, Any] = {
            "model": model.name,
            self.length_name(abilities): model.max_output_tokens,
            "temperature": model.temperature,
            "top_p": model.top_p,
            "seed": model.seed,
            "reasoning_effort": model.reasoning_effort,
        }
        if question.logprobs:
            told |= {"logprobs": True, "top_logprobs": TOP}
        told = {name: value for name, value in told.items() if value is not None and name not in abilities.without}
        is_strict = "strict" not in abilities.without
        form = abilities.form or "text"
        told |= forms.fields(form, question.labels, question.explanation, is_strict=is_strict)
        return told | {name: value for name, value in model.extra_body.items() if name != "messages"}


def _opened(messages: Sequence[Mapping[str, str]]) -> bytes:
    return b'{"messages":' + _encoded(messages)


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(_sound(value))


def _sound(value: object) -> object:
    """`value` with a mark in place of each lone surrogate, which no JSON in UTF-8 can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_sound(name): _sound(each) for name, each in value.items()}
    return [_sound(each) for each in value] if isinstance(value, list | tuple) else value
