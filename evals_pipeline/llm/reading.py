"""What a chat completion says: a label and why, or what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from evals_pipeline.core.calls import Question, Usage
from evals_pipeline.llm import labels
from evals_pipeline.llm.forms import TOOL, Form

_MOST_TOKENS = 1_000_000_000
"""More than any call takes; a larger number is none."""

SAID_LENGTH = 2_000
"""Characters of a malformed answer that are shown to the model again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A label and why. `said` is the answer's text as it came, which log-probabilities refer to."""

    label: str
    explanation: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an answer cannot be used.

    Attributes:
        said: The answer, shortened.
        problem: What is wrong, in words that the model can mend it by.
        is_ignored: Whether the endpoint answered as if it had not been asked for this form.
        is_filtered: Whether a content filter stopped the answer.
        is_unclear: Whether it does not even tell if the form was understood.
    """

    said: str
    problem: str
    is_ignored: bool = False
    is_filtered: bool = False
    is_unclear: bool = False


def usage_of(reply: Mapping[str, Any]) -> Usage | None:
    """The tokens that `reply` says it took; None when it does not say, or says what cannot be.

    Google's and xAI's compatible endpoints leave reasoning out of `completion_tokens` but not out of `total_tokens`.
    """
    told = reply.get("usage")
    if not isinstance(told, dict) or not 0 < _count(told, "prompt_tokens") < _MOST_TOKENS:
        return None
    prompt, completion = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    return Usage(
        prompt,
        max(completion, _count(told, "total_tokens") - prompt),
        _count(told.get("prompt_tokens_details"), "cached_tokens"),
        _count(told.get("completion_tokens_details"), "reasoning_tokens"),
    )


def read(choice: Mapping[str, Any], form: Form, question: Question) -> Verdict | Problem:
    """Read one choice of a completion that was asked for in `form`."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return Problem("", "the answer has no message", is_unclear=True)
    said = _said(message, form)
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        return Problem("", "a content filter stopped the answer", is_filtered=True)
    if reason == "length":
        return _cut_off(said, form)
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        return Problem(_short(refusal), "it is a refusal; only a label is wanted")
    if form == "tool" and (problem := _wrong_call(message)):
        return Problem(_short(said), problem, is_ignored=True)
    if not said.strip():
        return Problem("", "it was empty", is_unclear=True)
    return _spoken(said, question) if form == "text" else _structured(said, question)


def _cut_off(said: str, form: Form) -> Problem:
    is_prose = form == "json_schema" and not said.lstrip().startswith("{")
    problem = "it was cut off at the length limit; say less before the label"
    return Problem(_short(said), problem, is_ignored=is_prose and bool(said.strip()), is_unclear=not said.strip())


def _said(message: Mapping[str, Any], form: Form) -> str:
    calls = message.get("tool_calls")
    if form == "tool" and isinstance(calls, list) and calls and isinstance(calls[0], dict):
        function = calls[0].get("function")
        arguments = function.get("arguments") if isinstance(function, dict) else None
        return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _wrong_call(message: Mapping[str, Any]) -> str | None:
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls or not isinstance(calls[0], dict):
        return f"the tool `{TOOL}` was not called"
    function = calls[0].get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return None if name == TOOL else f"the tool `{TOOL}` was not called, but {str(name)[:60]!r}"


def _structured(said: str, question: Question) -> Verdict | Problem:
    try:
        value = orjson.loads(said)
    except orjson.JSONDecodeError as error:
        is_prose = not said.lstrip().startswith("{")
        return Problem(_short(said), f"it is not JSON and nothing else ({error})", is_ignored=is_prose)
    if not isinstance(value, dict) or "label" not in value:
        return Problem(_short(said), "it is not a JSON object with a `label`", is_ignored=True)
    return _verdict(value, said, question)


def _spoken(said: str, question: Question) -> Verdict | Problem:
    if (value := labels.fenced_object(said)) is not None and "label" in value:
        return _verdict(value, said, question)
    found = labels.spoken(said, question.labels)
    if isinstance(found, str):
        return Problem(_short(said), found)
    label, explanation = found
    return Verdict(label, explanation if question.explanation else None, said)


def _verdict(value: Mapping[str, object], said: str, question: Question) -> Verdict | Problem:
    told, why = value["label"], value.get("explanation")
    if not isinstance(told, str):
        return Problem(_short(said), f"`label` must be a string, one of {labels.listed(question.labels)}")
    if why is not None and not isinstance(why, str):
        return Problem(_short(said), "`explanation` must be a string")
    label = labels.chosen(told, question.labels)
    if label is None:
        allowed = labels.listed(question.labels)
        return Problem(_short(said), f"the label {told[:100]!r} is outside the choices; it must be one of {allowed}")
    return Verdict(label, why if question.explanation else None, said)


def _count(told: object, name: str) -> int:
    value = told.get(name) if isinstance(told, dict) else None
    return int(min(max(0, value), _MOST_TOKENS)) if isinstance(value, int | float) and math.isfinite(value) else 0


def _short(said: str) -> str:
    return said if len(said) <= SAID_LENGTH else f"{said[:SAID_LENGTH]}…"
