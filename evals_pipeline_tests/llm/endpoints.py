"""Builders for tests of one endpoint: the ordinary model and question, and asking without the caller around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from evals_pipeline.core.calls import Answer, Question
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.endpoint import Endpoint
from evals_pipeline.llm.memory import in_memory_stores
from evals_pipeline.llm.replies import Good, Malformed, Reply
from evals_pipeline.llm.stores import Board
from evals_pipeline_tests.llm.provider import Provider

KEY = "sk-test-abcdefghijklmnop1234"


def model(where: Provider | str, **details: Any) -> ModelSpec:
    base_url = where if isinstance(where, str) else where.base_url
    return ModelSpec(**{"name": "gpt-4o-mini", "base_url": base_url, "timeout_seconds": 20, **details})


def question(text: str = "Is it right?", **details: Any) -> Question:
    ordinary: dict[str, Any] = {"labels": ("factual", "hallucinated"), "messages": ({"role": "user", "content": text},)}
    return Question(**{**ordinary, **details})


def board() -> Board:
    return in_memory_stores().board


def replies(
    spec: ModelSpec,
    *questions: Question,
    on: Board | None = None,
    repair: Malformed | None = None,
    environment: Mapping[str, str] | None = None,
    at_once: bool = False,
) -> list[Reply]:
    """Ask one after the other, or all at once."""

    async def ask() -> list[Reply]:
        environ = {"OPENAI_API_KEY": KEY} if environment is None else environment
        async with Endpoint(spec, on or board(), owner="test", environment=environ) as endpoint:
            if at_once:
                return list(await asyncio.gather(*(endpoint.ask(each, repair=repair) for each in questions)))
            return [await endpoint.ask(each, repair=repair) for each in questions]

    return asyncio.run(ask())


def reply(spec: ModelSpec, asked: Question | None = None, **details: Any) -> Reply:
    [only] = replies(spec, asked or question(), **details)
    return only


def answer(spec: ModelSpec, asked: Question | None = None, **details: Any) -> Answer:
    found = reply(spec, asked, **details)
    assert isinstance(found, Good), found
    return found.answer
