from __future__ import annotations

import socket

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.core.calls import NANO, Usage
from evals_pipeline.core.model import ModelSpec, Price
from evals_pipeline.llm.pricing import Prices, prices_of

GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai/"


def priced(name: str, base_url: str | None = None, **details: object) -> Prices:
    found = prices_of(ModelSpec(name=name, **details), base_url)  # type: ignore[arg-type]
    assert found is not None
    return found


usages = st.builds(
    lambda prompt, cached, completion: Usage(prompt, completion, min(cached, prompt)),
    st.integers(0, 500_000), st.integers(0, 500_000), st.integers(0, 50_000),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "base_url", "provider"),
    [("gpt-5-mini", None, "openai"), ("gpt-4o-2024-08-06", None, "openai"), ("gemini-2.5-pro", GOOGLE, "google")],
)
@given(usage=usages)
def test_costs_are_those_of_genai_prices_to_the_billionth(
    name: str, base_url: str | None, provider: str, usage: Usage
) -> None:
    counts = genai_prices.Usage(
        input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, cache_read_tokens=usage.cached_tokens
    )
    expected = genai_prices.calc_price(counts, name, provider_id=provider).total_price * NANO

    assert 0 <= priced(name, base_url).cost(usage) - expected < 1


@pytest.mark.parametrize(("name", "base_url"), [("gpt-5-mini", None), ("gemini-2.5-pro", GOOGLE)])
@given(usage=usages, more=st.integers(0, 100_000))
def test_the_bound_covers_every_smaller_use(name: str, base_url: str | None, usage: Usage, more: int) -> None:
    found = priced(name, base_url)

    assert found.most(usage.prompt_tokens + more, usage.completion_tokens) >= found.cost(usage)


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        (ModelSpec(name="my-own-model"), None),
        (ModelSpec(name="gpt-4o-mini"), "http://127.0.0.1:8000/v1"),
        (ModelSpec(name="gpt-4o-mini"), "https://llm.example.com/v1"),
        (ModelSpec(name="my-deployment", provider="azure"), "https://x.openai.azure.com"),
        (ModelSpec(name="sonar"), "https://api.perplexity.ai"),
    ],
    ids=["unknown name", "local", "unknown host", "deployment", "charges beside tokens"],
)
def test_an_unknown_price_is_none(model: ModelSpec, base_url: str | None) -> None:
    assert prices_of(model, base_url) is None


def test_a_stated_price_counts_before_any_other() -> None:
    found = priced("gpt-4o-mini", price=Price(input=1, cached_input=0.1, output=3))

    assert found.cost(Usage(1000, 10, 900)) == 100 * 1000 + 900 * 100 + 10 * 3000


def test_without_a_stated_price_for_cached_input_it_costs_as_much_as_other_input() -> None:
    assert priced("x", price=Price(input=2, output=0)).cost(Usage(1000, 5, 400)) == 2_000_000


def test_a_cost_below_a_billionth_is_rounded_up() -> None:
    assert priced("x", price=Price(input=0.0001, output=0)).cost(Usage(1, 0)) == 1


def test_azures_deployments_with_a_models_name_have_its_price() -> None:
    found = prices_of(ModelSpec(name="gpt-4o", provider="azure"), "https://x.openai.azure.com")

    assert found is not None and found.cost(Usage(1_000_000, 0)) == 2_500_000_000


def test_a_service_tier_has_its_own_price() -> None:
    usage = Usage(100_000, 1_000)

    assert priced("gpt-5-mini", extra_body={"service_tier": "flex"}).cost(usage) < priced("gpt-5-mini").cost(usage)


def test_prices_are_looked_up_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)

    assert priced("gpt-5-mini").cost(Usage(1, 1)) > 0
