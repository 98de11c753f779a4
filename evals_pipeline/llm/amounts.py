"""What asking a question may come to, before it is asked; needs neither a key nor a network."""

from __future__ import annotations

from dataclasses import replace

from evals_pipeline.core.calls import Amount, Question, Usage
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm import forms
from evals_pipeline.llm.abilities import Abilities
from evals_pipeline.llm.bodies import Bodies
from evals_pipeline.llm.pricing import prices_of
from evals_pipeline.llm.probing import MOST_CALLS
from evals_pipeline.llm.replies import Malformed
from evals_pipeline.llm.tokens import likely_tokens, most_tokens

_USUAL = Abilities("json_schema")

_EXPLANATION_TOKENS = 80
"""A few sentences."""

_LABEL_TOKENS = 12
"""The label, and the JSON around it."""


class Amounts:
    """Bounds and estimates for one model.

    Args:
        model: The model.
        base_url: Where it is asked, as `access.base_url_of` tells.
    """

    def __init__(self, model: ModelSpec, base_url: str | None) -> None:
        self.prices = prices_of(model, base_url)
        self._longest = model.max_output_tokens
        self._bodies = Bodies(model, base_url)

    def most(self, question: Question, repair: Malformed | None, abilities: Abilities) -> Amount:
        """More than one `Endpoint.ask` can cost or use; no money where the price is unknown.

        While it is not known how the endpoint answers, that may take a call for each form.
        """
        chat = forms.messages(question, abilities.form or "text", repair)
        tail = self._bodies.tail(question, abilities if abilities.form else replace(abilities, form="tool"))
        prompt = most_tokens(chat, len(tail))
        money = self.prices.most(prompt, self._longest) if self.prices else 0
        calls = 1 if abilities.form else MOST_CALLS
        return Amount(calls * money, calls * (prompt + self._longest))

    def estimate(self, question: Question, abilities: Abilities = _USUAL) -> Amount:
        """What one call likely costs and uses; no money where the price is unknown."""
        tail = self._bodies.tail(question, abilities if abilities.form else _USUAL)
        completion = min(_LABEL_TOKENS + _EXPLANATION_TOKENS * question.explanation, self._longest)
        usage = Usage(likely_tokens(question.messages, len(tail)), completion)
        return Amount(self.prices.cost(usage) if self.prices else 0, usage.prompt_tokens + usage.completion_tokens)
