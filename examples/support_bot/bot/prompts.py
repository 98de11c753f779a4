"""What the bot says to the model. A release is one set of prompts; both are in the recorded traces."""

from __future__ import annotations

from dataclasses import dataclass

from openai.types.chat import ChatCompletionMessageParam

TRIAGE = "Sort the customer message. Reply with one JSON object only, with the keys intent, urgency and order_number."
TRIAGE_WITH_INTENTS = (
    "Sort the customer message. Reply with one JSON object only, with the keys intent (baggage, refund, change, "
    "flight or other), urgency (low or high) and order_number (or null)."
)
PLAIN = "{message}"
WITH_FORM = (
    "Sort this message: {message}\n\n"
    'Reply in JSON like {{"intent": "baggage", "urgency": "high", "order_number": "ORD-200000"}}'
)
EXAMPLES = (
    (
        "My suitcase did not arrive, order ORD-200000. Help!",
        '{"intent": "baggage", "urgency": "high", "order_number": "ORD-200000"}',
    ),
    ("Do you serve food on board?", '{"intent": "other", "urgency": "low", "order_number": null}'),
    (
        "Can I get my money back? It is order ORD-200001.",
        '{"intent": "refund", "urgency": "low", "order_number": "ORD-200001"}',
    ),
    ("Is my flight late today?", '{"intent": "flight", "urgency": "high", "order_number": null}'),
)

ANSWER = (
    "You are the support assistant of Ternlight Air. You reply to customers in one or two short sentences "
    "and use only the facts given."
)
QUESTION = "Facts:\n{facts}\n\nQuestion: {question}"
ANSWERED = (
    "- Order ORD-200000: flight TL 101, fare Flex, status confirmed.\n- Flex tickets include a meal.",
    "Do I get a meal?",
    "Yes, your order ORD-200000 is a Flex ticket, so a meal is included.",
)


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the bot: how it asks for a ticket, and the worked examples shown to the model."""

    version: str
    system: str
    template: str
    examples: tuple[tuple[str, str], ...]


FIRST = Release("1.0", TRIAGE, WITH_FORM, ())
SECOND = Release("1.1", TRIAGE_WITH_INTENTS, PLAIN, EXAMPLES)


def triage_messages(release: Release, message: str) -> list[ChatCompletionMessageParam]:
    """The conversation that asks for a ticket in JSON."""
    asked: list[ChatCompletionMessageParam] = [_system(release.system)]
    for question, ticket in release.examples:
        asked += _exchange(question, ticket)
    return [*asked, {"role": "user", "content": release.template.format(message=message)}]


def answer_messages(facts: str, message: str, earlier: tuple[str, str] | None) -> list[ChatCompletionMessageParam]:
    """The conversation that asks for the answer; `earlier` is the turn before, as question and answer."""
    example_facts, example_question, example_answer = ANSWERED
    asked = [_system(ANSWER)]
    asked += _exchange(QUESTION.format(facts=example_facts, question=example_question), example_answer)
    if earlier:
        asked += _exchange(*earlier)
    return [*asked, {"role": "user", "content": QUESTION.format(facts=facts, question=message)}]


def _system(text: str) -> ChatCompletionMessageParam:
    return {"role": "system", "content": text}


def _exchange(question: str, answer: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
