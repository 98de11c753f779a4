"""What tokens cost: the published prices that the package genai-prices carries, or those that the user states.

Nothing is fetched. Where no price is known there is none: a cost of 0 would be a lie.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evals_pipeline.core.calls import NANO, Usage
from evals_pipeline.core.model import ModelSpec

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_MILLION = 1_000_000

_BESIDE_TOKENS = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")
"""Charges of a few search models that a chat completion's usage does not tell: their price counts as unknown."""

_PRICES_STAND_SECONDS = 60
"""Some prices change with the date or the hour."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices in nano-USD per million tokens, for prompts of more than `above` tokens."""

    above: int
    input: int
    cached: int
    output: int

    def cost(self, usage: Usage) -> int:
        """Whole nano-USD, rounded up."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached
        return -(-(fresh * self.input + cached * self.cached + usage.completion_tokens * self.output) // _MILLION)


class Prices:
    """One model's prices. `rates` gives them, those for longer prompts later."""

    def __init__(self, rates: Callable[[], Sequence[Rates]]) -> None:
        self._current = rates
        self._rates = rates()
        self._until = time.monotonic() + _PRICES_STAND_SECONDS

    def cost(self, usage: Usage) -> int:
        """What `usage` costs, in nano-USD. A long prompt's rates count for all of its tokens, as providers have it."""
        return next(each for each in reversed(self._now()) if usage.prompt_tokens > each.above).cost(usage)

    def most(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The most that so many tokens can cost, in nano-USD, whatever is cached."""
        usage = Usage(prompt_tokens, completion_tokens)
        return max(
            Rates(each.above, max(each.input, each.cached), 0, each.output).cost(usage)
            for each in self._now()
            if prompt_tokens > each.above
        )

    def _now(self) -> Sequence[Rates]:
        if time.monotonic() > self._until:
            self._rates = self._current() or self._rates
            self._until = time.monotonic() + _PRICES_STAND_SECONDS
        return self._rates


def prices_of(model: ModelSpec, base_url: str | None) -> Prices | None:
    """The prices of `model`, or None where nobody knows them.

    Args:
        model: The model; its own `price` counts before any published one.
        base_url: Where it is asked, when that is not OpenAI's own address. An address that genai-prices does not know
            has no price, even for a name that OpenAI uses too.
    """
    if (price := model.price) is not None:
        cached = price.input if price.cached_input is None else price.cached_input
        stated = (Rates(-1, _nano(price.input), _nano(cached), _nano(price.output)),)
        return Prices(lambda: stated)
    published = _published(model, base_url)
    if published is None or not _rates(published, model):
        return None
    return Prices(lambda: _rates(published, model))


def _published(model: ModelSpec, base_url: str | None) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    provider = {"provider_id": "azure"} if model.provider == "azure" else {"provider_id": "openai"}
    if base_url is not None and model.provider != "azure":
        provider = {"provider_api_url": base_url}
    try:
        found = get_snapshot().find_provider_model(
            model.name, None, provider.get("provider_id"), provider.get("provider_api_url")
        )
    except LookupError:
        return None
    return found[1]


def _rates(published: ModelInfo, model: ModelSpec) -> tuple[Rates, ...]:
    tier = model.extra_body.get("service_tier")
    prices = published.get_prices(datetime.now(UTC), {"service_tier": tier} if isinstance(tier, str) else None)
    known = {name: price for name, price in vars(prices).items() if price is not None}
    if not {"input_mtok", "output_mtok"} <= known.keys() or not known.keys().isdisjoint(_BESIDE_TOKENS):
        return ()
    dear = [known["input_mtok"], known.get("cache_read_mtok", known["input_mtok"]), known["output_mtok"]]
    starts = sorted({-1, *(tier.start for price in dear for tier in getattr(price, "tiers", ()))})
    return tuple(Rates(start, *(_nano(_at(price, start)) for price in dear)) for start in starts)


def _at(price: Any, start: int) -> Decimal:
    """The price for prompts of more than `start` tokens: plain, or in tiers as `TieredPrices` has them."""
    if isinstance(price, Decimal):
        return price
    reached = [tier for tier in price.tiers if tier.start <= start]
    found: Decimal = reached[-1].price if reached else price.base
    return found


def _nano(usd: float | Decimal) -> int:
    return round(Decimal(str(usd)) * NANO)
