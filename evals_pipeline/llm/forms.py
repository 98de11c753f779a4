"""How an answer is asked for: by a JSON schema, by a tool that must be called, or in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from evals_pipeline.core.calls import Question
from evals_pipeline.llm.replies import Malformed

Form = Literal["json_schema", "tool", "text"]

FORMS: tuple[Form, ...] = get_args(Form)
"""From the surest to the one that every model can do."""

REVISION = 1
"""Counts up when what is asked changes, so that answers to the older wording are not taken for answers to the newer."""

TOOL = "verdict"
"""What the tool is called, and the schema."""

_TOLD = "Records the verdict."
_WHY = "Why, in a few sentences, before the label is chosen."


def schema(labels: Sequence[str], explanation: bool) -> dict[str, Any]:
    """The answer as a strict JSON schema; the explanation comes first, so that the label follows from it."""
    properties: dict[str, Any] = {"explanation": {"type": "string", "description": _WHY}} if explanation else {}
    properties["label"] = {"type": "string", "enum": list(labels)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def fields(form: Form, labels: Sequence[str], explanation: bool, *, is_strict: bool = True) -> dict[str, Any]:
    """The fields of the request that ask for an answer in `form`."""
    strict = {"strict": True} if is_strict else {}
    if form == "json_schema":
        told = {"name": TOOL, **strict, "schema": schema(labels, explanation)}
        return {"response_format": {"type": "json_schema", "json_schema": told}}
    if form == "tool":
        function = {"name": TOOL, "description": _TOLD, **strict, "parameters": schema(labels, explanation)}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": TOOL}},
        }
    return {}


def instruction(labels: Sequence[str], explanation: bool) -> str:
    """The same in words."""
    listed = ", ".join(json.dumps(label, ensure_ascii=False) for label in labels)
    why = "Explanation: <why, in a few sentences>\n" if explanation else ""
    return f"Answer in this form, with nothing before or after it:\n{why}Label: <exactly one of: {listed}>"


def messages(question: Question, form: Form, repair: Malformed | None) -> Sequence[Mapping[str, str]]:
    """The chat as it is sent: the question's, what `form` adds, and the answer that is to be mended."""
    chat = list(question.messages)
    if form == "text":
        chat = _instructed(chat, instruction(question.labels, question.explanation))
    if repair is not None:
        again = f"That answer cannot be used: {repair.problem}\nAnswer again."
        if form == "text":
            again = f"{again}\n{instruction(question.labels, question.explanation)}"
        chat += [
            {"role": "assistant", "content": repair.said or "(nothing)"},
            {"role": "user", "content": again},
        ]
    return chat


def _instructed(chat: list[Mapping[str, str]], told: str) -> list[Mapping[str, str]]:
    """Into the last message of the user: some chat templates refuse two in a row."""
    if chat and chat[-1]["role"] == "user":
        return [*chat[:-1], {**chat[-1], "content": f"{chat[-1]['content']}\n\n{told}"}]
    return [*chat, {"role": "user", "content": told}]
