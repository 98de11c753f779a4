"""Addresses, headers and names of errors are those of the openai package."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.access import Access
from evals_pipeline.llm.scrubbing import scrubbed

AZURE = {
    "AZURE_OPENAI_API_KEY": "k1",
    "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
    "OPENAI_API_VERSION": "v9",
}


def prepared(model: ModelSpec, environment: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    url, headers = asyncio.run(Access(model, environment).prepared())
    return str(url), headers


def test_openai_itself_is_the_default() -> None:
    url, headers = prepared(ModelSpec(name="gpt-5-mini"), {"OPENAI_API_KEY": "k0"})

    assert url == "https://api.openai.com/v1/chat/completions"
    assert headers["authorization"] == "Bearer k0"


@pytest.mark.parametrize("address", ["http://host:1/v1", "http://host:1/v1/"])
def test_another_address_comes_from_the_model_or_the_environment(address: str) -> None:
    own, _ = prepared(ModelSpec(name="m", base_url=address), {})
    usual, _ = prepared(ModelSpec(name="m"), {"OPENAI_BASE_URL": address})

    assert own == usual == "http://host:1/v1/chat/completions"


def test_azure_has_deployments_versions_and_its_own_header() -> None:
    url, headers = prepared(ModelSpec(name="my deploy", provider="azure", api_version="2026-01-01"), AZURE)

    assert url == ("https://x.openai.azure.com/openai/deployments/my%20deploy/chat/completions?api-version=2026-01-01")
    assert headers["api-key"] == "k1"


def test_azure_takes_a_token_in_place_of_a_key_and_an_address_of_its_own() -> None:
    environment = {"AZURE_OPENAI_AD_TOKEN": "t1", "OPENAI_API_VERSION": "v9"}
    model = ModelSpec(name="d", provider="azure", base_url="https://gateway.example.com/openai")

    url, headers = prepared(model, environment)

    assert url == "https://gateway.example.com/openai/deployments/d/chat/completions?api-version=v9"
    assert headers["authorization"] == "Bearer t1"


@pytest.mark.parametrize("missing", sorted(AZURE))
def test_what_azure_lacks_is_named(missing: str) -> None:
    environment = {name: value for name, value in AZURE.items() if name != missing}

    with pytest.raises(ConfigError, match=missing):
        Access(ModelSpec(name="d", provider="azure"), environment)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="no address"):
        Access(ModelSpec(name="m"), {"OPENAI_BASE_URL": "localhost:8000", "OPENAI_API_KEY": "sk-test"})


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError"), (404, "NotFoundError"),
        (409, "ConflictError"), (422, "UnprocessableEntityError"), (429, "RateLimitError"),
        (500, "InternalServerError"), (529, "InternalServerError"), (418, "APIStatusError"),
    ],
)  # fmt: skip
def test_errors_have_the_packages_names(status: int, name: str) -> None:
    access = Access(ModelSpec(name="m", base_url="http://host/v1"), {})

    assert asyncio.run(access.error_type(status)) == name


KEY = "sk-proj-Abcdefghijkl1234567890"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {KEY}.", f"wrong: {KEY[:8]}****{KEY[-4:]}", f"key ({KEY[:8]}...{KEY[-4:]})",
        f"Bearer {KEY}", f"ends in {KEY[-4:]}", f"begins with {KEY[:12]}", "other: sk-ant-" + "api03-AbCdEf123456",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", f"'{KEY}'", f"key={KEY}", f"(key: {KEY[:6]}…)",
    ],
)  # fmt: skip
def test_nothing_of_a_key_is_left_in_a_message(text: str) -> None:
    found = scrubbed(text, [KEY])

    for part in (KEY, KEY[-4:], KEY[:12], "AbCdEf", "eyJhbGci"):
        assert part not in found
    assert "[key]" in found


def test_other_words_of_a_message_stay() -> None:
    message = "The model `gpt-5-mini` does not exist or you do not have access to it."

    assert scrubbed(f"{message}\n\x1b[31m", [KEY]) == f"{message} [31m"
