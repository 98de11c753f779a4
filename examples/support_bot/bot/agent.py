"""One turn of the conversation: triage, search, look up, answer. Each turn becomes one trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from openinference.instrumentation import (
    Document,
    OITracer,
    get_retriever_attributes,
    using_attributes,
)
from opentelemetry.trace import Status, StatusCode

# isort: split
from bot.desk import Desk, Facts, NotFoundError, flight_numbers, order_numbers
from bot.handbook import Handbook, Hit
from bot.prompts import QUESTION, Release, answer_messages, triage_messages

MODEL = "SmolLM2-135M-Instruct"
TRIAGE_TOKENS, ANSWER_TOKENS = 45, 50


@dataclass(slots=True)
class Conversation:
    """Who is talking to the bot, and what was said so far as pairs of question and answer."""

    session_id: str
    user_id: str
    metadata: dict[str, str]
    turns: list[tuple[str, str]] = field(default_factory=list)

    def mentions(self, order_number: str) -> bool:
        """Whether the customer wrote this order number in an earlier turn."""
        return any(order_number in order_numbers(question) for question, _ in self.turns)


class SupportBot:
    """Answers customers of Ternlight Air from its handbook, its orders and its flights."""

    def __init__(self, client: OpenAI, tracer: OITracer, release: Release, folder: Path) -> None:
        desk = Desk.load(folder / "data")
        self._client = client
        self._tracer = tracer
        self._release = release
        self._handbook = Handbook.load(folder / "handbook")
        self._look_up_order = tracer.tool(name="look_up_order")(desk.look_up_order)
        self._flight_status = tracer.tool(name="flight_status")(desk.flight_status)

    def reply(self, conversation: Conversation, message: str) -> str:
        """Answer a message and add the turn to the conversation."""
        metadata = {**conversation.metadata, "release": self._release.version, "turn": len(conversation.turns) + 1}
        with (
            using_attributes(session_id=conversation.session_id, user_id=conversation.user_id, metadata=metadata),
            self._tracer.start_as_current_span("support_turn", openinference_span_kind="agent") as span,
        ):
            span.set_input(message)
            answer = self._turn(conversation, message)
            span.set_output(answer)
            span.set_status(Status(StatusCode.OK))
        conversation.turns.append((message, answer))
        return answer

    def _turn(self, conversation: Conversation, message: str) -> str:
        ticket = _ticket(self._triage(message))
        hits = self._search(message)
        found = self._look_up(conversation, message, ticket)
        facts = "\n".join([*found, *(f"- {hit.section.text}" for hit in hits)]) or "- none"
        earlier = conversation.turns[-1] if conversation.turns else None
        with self._step("answer", QUESTION, {"facts": facts, "question": message}):
            return self._complete(answer_messages(facts, message, earlier), ANSWER_TOKENS)

    def _triage(self, message: str) -> str:
        """The model's reply as it came: whether it is the JSON it should be is for an evaluator to say."""
        with self._tracer.start_as_current_span("triage", openinference_span_kind="chain") as span:
            span.set_input(message)
            with self._step("triage", self._release.template, {"message": message}):
                reply = self._complete(triage_messages(self._release, message), TRIAGE_TOKENS)
            span.set_output(reply)
            span.set_status(Status(StatusCode.OK))
            return reply

    def _search(self, message: str) -> list[Hit]:
        with self._tracer.start_as_current_span("search_handbook", openinference_span_kind="retriever") as span:
            span.set_input(message)
            hits = self._handbook.search(message)
            span.set_attributes(get_retriever_attributes(documents=[_document(hit) for hit in hits]))
            span.set_output([hit.section.name for hit in hits])
            span.set_status(Status(StatusCode.OK))
            return hits

    def _look_up(self, conversation: Conversation, message: str, ticket: dict[str, Any]) -> list[str]:
        orders = order_numbers(message)
        # The model invents order numbers, so its ticket counts only for one that the customer has given before.
        if not orders and conversation.mentions(str(ticket.get("order_number"))):
            orders = [str(ticket["order_number"])]
        return [
            *(self._called(self._look_up_order, number) for number in orders[:1]),
            *(self._called(self._flight_status, flight) for flight in flight_numbers(message)[:1]),
        ]

    def _called(self, tool: Callable[[str], Facts], key: str) -> str:
        try:
            return _sentence(tool(key))
        except NotFoundError as error:
            return f"- Nothing found: {error}."

    def _step(self, name: str, template: str, variables: dict[str, str]) -> AbstractContextManager[object]:
        """What the model's span carries beside the call itself: a tag to find it by, and its prompt template."""
        return using_attributes(
            tags=[name],
            prompt_template=template,
            prompt_template_version=f"{name}-{self._release.version}",
            prompt_template_variables=variables,
        )

    def _complete(self, messages: list[ChatCompletionMessageParam], max_tokens: int) -> str:
        completion = self._client.chat.completions.create(
            model=MODEL, messages=messages, max_tokens=max_tokens, temperature=0.5, seed=7
        )
        return (completion.choices[0].message.content or "").strip()


def _ticket(reply: str) -> dict[str, Any]:
    """The triage reply as a ticket; a reply that is not a JSON object makes an empty ticket."""
    try:
        ticket = json.loads(reply)
    except json.JSONDecodeError:
        return {}
    return ticket if isinstance(ticket, dict) else {}


def _sentence(facts: Facts) -> str:
    """What a tool found, for the prompt: "- Order ORD-118204: flight TL 101, status confirmed."."""
    (kind, key), *others = facts.items()
    details = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in others)
    return f"- {kind.removesuffix('_number').capitalize()} {key}: {details}."


def _document(hit: Hit) -> Document:
    return Document(
        id=hit.section.name,
        content=hit.section.text,
        score=round(hit.score, 4),
        metadata={"title": hit.section.title},
    )
