from __future__ import annotations

import pytest
from pydantic import ValidationError

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.core.task import Allowance

KEY = "sk-proj-abcdef0123456789"


@pytest.mark.parametrize("address", ["localhost:8000/v1", "http://", "", "ftp://models", "http:///v1", "http://[bad"])
def test_an_address_that_is_none_is_refused_on_load(address: str) -> None:
    with pytest.raises(ValidationError, match="no address"):
        ModelSpec(name="m", base_url=address)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="api_key_env") as refused:
        ModelSpec(name="m", base_url=f"https://me:{KEY}@models.example/v1")

    assert KEY not in str(refused.value)


@pytest.mark.parametrize("written", [KEY, "gsk_abcDEF0123456789abcDEF", "3f2a9c", "a b", ""])
def test_a_key_in_place_of_its_variables_name_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(ValidationError, match="no name of an environment variable") as refused:
        ModelSpec(name="m", api_key_env=written)

    assert not written or repr(written) not in str(refused.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "my_key", "_K1", "THE_KEY_OF_OUR_SECOND_TEAM_2"])
def test_a_variables_name_is_accepted(name: str) -> None:
    assert ModelSpec(name="m", api_key_env=name).api_key_env == name


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"price": {"input": float("inf"), "output": 1}}, id="endless price"),
        pytest.param({"price": {"input": 1, "output": 1e30}}, id="price beyond counting"),
        pytest.param({"timeout_seconds": float("inf")}, id="endless time"),
        pytest.param({"max_output_tokens": 10**20}, id="endless answer"),
        pytest.param({"temperature": float("nan")}, id="no temperature"),
    ],
)
def test_numbers_that_nobody_can_count_with_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelSpec.model_validate({"name": "m", **settings})


@pytest.mark.parametrize("allowed", [{"usd": float("inf")}, {"usd": float("nan")}, {"usd": 1e30}, {"tokens": 10**30}])
def test_a_budget_without_end_is_refused(allowed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Allowance.model_validate(allowed)
