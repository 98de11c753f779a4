"""Attributes of a span as one flat mapping, and lists that were flattened into their indices folded again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

METADATA_NAME = "metadata"
MESSAGE_LISTS = ("llm.input_messages", "llm.output_messages", "retrieval.documents")
"""Attributes that are lists of structs; instrumentations send them as `llm.input_messages.0.message.role`."""

_WHOLE = frozenset(
    {
        METADATA_NAME,
        "input.value",
        "output.value",
        "llm.invocation_parameters",
        "llm.prompt_template.variables",
        "llm.function_call",
        "tool.parameters",
    }
)
"""Attributes whose value is an object of the user's: its keys are no attribute names."""
_NAMESPACES = frozenset(
    {
        "message",
        "message.function_call",
        "message_content",
        "message_content.image",
        "message_content.image.image",
        "tool_call",
        "tool_call.function",
        "document",
    }
)
"""OpenInference's namespaces inside list members: nested there, they mean the dotted key."""
_INDEX = re.compile(r"[0-9]{1,9}(\..+)?")
_INNER_INDEX = re.compile(r"(.+?)\.([0-9]{1,9}(?:\..+)?)")


def flatten(values: Mapping[Any, Any], into: dict[str, Any], prefix: str = "") -> None:
    """Put every value into `into` under its dotted name; what is there already stays."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and name not in _WHOLE:
            flatten(value, into, f"{name}.")
        elif value is not None:
            into.setdefault(name, value)


def fold(attributes: dict[str, Any]) -> None:
    """Replace, in place, the flattened keys of message lists, documents and metadata by one list or dict each."""
    groups: dict[str, dict[str, Any]] = {}
    for name in [name for name in attributes if name.startswith(("llm.", "retrieval.", "metadata."))]:
        owner = next((owner for owner in (*MESSAGE_LISTS, METADATA_NAME) if name.startswith(owner + ".")), None)
        rest = name[len(owner) + 1 :] if owner else ""
        if owner and owner not in attributes and (owner == METADATA_NAME or is_indexed(rest)):
            groups.setdefault(owner, {})[rest] = attributes.pop(name)
    for owner, members in groups.items():
        attributes[owner] = members if owner == METADATA_NAME else fold_list(members)


def is_indexed(name: str) -> bool:
    """Whether `name` begins with a list index: `0`, or `0.message.role`."""
    return _INDEX.fullmatch(name) is not None


def fold_list(entries: Mapping[str, Any]) -> list[Any]:
    """The list behind the keys `0.message.role`, `1.message.role`; missing indices leave no hole."""
    members: dict[int, dict[str, Any]] = {}
    for key, value in entries.items():
        index, _, rest = key.partition(".")
        members.setdefault(int(index), {})[rest] = value
    return [_folded_member(members[index]) for index in sorted(members)]


def _folded_member(entries: Mapping[str, Any]) -> Any:
    if entries.keys() == {""}:
        return entries[""]
    member: dict[str, Any] = {}
    lists: dict[str, dict[str, Any]] = {}
    for key, value in entries.items():
        match = _INNER_INDEX.fullmatch(key)
        if match and match[1] not in entries:
            lists.setdefault(match[1], {})[match[2]] = value
        else:
            member[key] = value
    return member | {name: fold_list(inner) for name, inner in lists.items()}


def tidy(value: Any) -> Any:
    """List members with dotted keys (`message.role`), without the nulls that Parquet puts for absent members."""
    if isinstance(value, dict):
        members: dict[str, Any] = {}
        _tidy_members(value, members, "")
        return members
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [tidy(member) for member in value] if isinstance(value, list | tuple) else value


def _tidy_members(value: Mapping[Any, Any], into: dict[str, Any], prefix: str) -> None:
    for key, member in value.items():
        name = f"{prefix}{key}"
        if isinstance(member, dict) and name in _NAMESPACES:
            _tidy_members(member, into, f"{name}.")
        elif member is not None:
            into.setdefault(name, tidy(member) if isinstance(member, dict | list | tuple) else member)
