"""OpenTelemetry's GenAI names (`gen_ai.*`) and those of the Vercel AI SDK (`ai.*`), read into OpenInference's columns.

Only columns that the span left empty are filled; the attributes themselves stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evals_pipeline.core import columns as c
from evals_pipeline.sources.attributes import fold_list, is_indexed
from evals_pipeline.sources.values import count, from_json, json_text, text

_TEXTS: Mapping[str, tuple[str, ...]] = {
    c.MODEL_NAME: ("gen_ai.response.model", "gen_ai.request.model", "ai.response.model", "ai.model.id"),
    c.INPUT_VALUE: (
        "gen_ai.input.messages",
        "gen_ai.tool.call.arguments",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.toolCall.args",
        "ai.value",
        "ai.values",
    ),
    c.OUTPUT_VALUE: (
        "gen_ai.output.messages",
        "gen_ai.tool.call.result",
        "ai.response.text",
        "ai.response.object",
        "ai.toolCall.result",
    ),
    c.TOOL_NAME: ("gen_ai.tool.name", "ai.toolCall.name"),
    c.SESSION_ID: ("gen_ai.conversation.id",),
}
_COUNTS: Mapping[str, tuple[str, ...]] = {
    c.TOKENS_PROMPT: ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    c.TOKENS_COMPLETION: ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
}
"""Only the standard's: `ai.usage.*` repeats on parent spans, and a sum over a trace would count them twice."""
_MESSAGES: Mapping[str, tuple[str, ...]] = {
    c.INPUT_MESSAGES: ("gen_ai.input.messages", "ai.prompt.messages", "gen_ai.prompt"),
    c.OUTPUT_MESSAGES: ("gen_ai.output.messages", "gen_ai.completion"),
}
_KINDS: Mapping[str, str] = {
    "chat": "LLM",
    "generate_content": "LLM",
    "text_completion": "LLM",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "ai.generateText.doGenerate": "LLM",
    "ai.streamText.doStream": "LLM",
    "ai.generateObject.doGenerate": "LLM",
    "ai.streamObject.doStream": "LLM",
    "ai.embed.doEmbed": "EMBEDDING",
    "ai.embedMany.doEmbed": "EMBEDDING",
    "ai.toolCall": "TOOL",
    "ai.generateText": "CHAIN",
    "ai.streamText": "CHAIN",
    "ai.generateObject": "CHAIN",
    "ai.streamObject": "CHAIN",
    "ai.embed": "CHAIN",
    "ai.embedMany": "CHAIN",
}
"""`gen_ai.operation.name` or `ai.operationId` -> span kind."""


def fill_from_genai(attributes: Mapping[str, Any], row: dict[str, Any]) -> None:
    """Fill, in place, the empty columns of `row` for which `attributes` has a GenAI name."""
    if not any(name.startswith(("gen_ai.", "ai.")) for name in attributes):
        return
    _fill(row, _MESSAGES, lambda name: _messages(attributes, name))
    _fill(row, _TEXTS, lambda name: text(attributes.get(name)))
    _fill(row, _COUNTS, lambda name: count(attributes.get(name)))
    if row[c.TOKENS_TOTAL] is None and None not in (row[c.TOKENS_PROMPT], row[c.TOKENS_COMPLETION]):
        row[c.TOKENS_TOTAL] = row[c.TOKENS_PROMPT] + row[c.TOKENS_COMPLETION]
    if row[c.OUTPUT_MESSAGES] is None and isinstance(attributes.get("ai.response.text"), str):
        answer = {"message.role": "assistant", "message.content": attributes["ai.response.text"]}
        row[c.OUTPUT_MESSAGES] = json_text([answer])
    if row[c.SPAN_KIND] == "UNKNOWN":
        operation = attributes.get("gen_ai.operation.name") or attributes.get("ai.operationId")
        row[c.SPAN_KIND] = _KINDS.get(operation, "UNKNOWN") if isinstance(operation, str) else "UNKNOWN"


def _fill(row: dict[str, Any], sources: Mapping[str, tuple[str, ...]], read: Callable[[str], Any]) -> None:
    for column, names in sources.items():
        if row[column] is None:
            row[column] = next((found for found in map(read, names) if found is not None), None)


def _messages(attributes: Mapping[str, Any], name: str) -> str | None:
    """The messages under `name`, or under `name.0.role` as OpenLLMetry flattens them, as JSON text."""
    value = attributes.get(name)
    if value is None:
        start = len(name) + 1
        indexed = {key[start:]: member for key, member in attributes.items() if key.startswith(f"{name}.")}
        value = fold_list({key: member for key, member in indexed.items() if is_indexed(key)})
    if isinstance(value, str):
        value = _parsed(value)
    found = [_message(member) for member in value if isinstance(member, dict)] if isinstance(value, list) else []
    return json_text(found) if found else None


def _parsed(value: str) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return None


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of role and content, or of role and parts, with OpenInference's keys."""
    content = message.get("parts", message.get("content"))
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [found for part in parts if isinstance(found := part.get("text", part.get("content")), str)]
    calls = [_tool_call(part) for part in parts if part.get("type") in ("tool_call", "tool-call")]
    shown = "\n".join(texts) if parts else content
    found = {"message.role": message.get("role"), "message.content": shown, "message.tool_calls": calls or None}
    return {key: member for key, member in found.items() if member not in (None, "")}


def _tool_call(part: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "tool_call.id": part.get("id", part.get("toolCallId")),
        "tool_call.function.name": part.get("name", part.get("toolName")),
        "tool_call.function.arguments": text(part.get("arguments", part.get("args", part.get("input")))),
    }
    return {key: member for key, member in found.items() if member is not None}
