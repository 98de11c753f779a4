"""Which model is asked and how, as users write it in `models.yaml`, in a judge or in a task."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

KEPT_TO_ITSELF = frozenset({"api_key_env", "base_url"})
"""Settings into which people write keys by mistake: no message repeats what stands there."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIKE_A_KEY = re.compile(r"(?=.*[a-z])(?=.*[0-9]).{20,}")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Price(_Model):
    """What tokens cost, in USD per million."""

    input: float = Field(ge=0, le=1_000_000)
    output: float = Field(ge=0, le=1_000_000)
    """Reasoning tokens are output."""
    cached_input: float | None = Field(default=None, ge=0, le=1_000_000)
    """Absent: as dear as other input."""


class ModelSpec(_Model):
    """A model behind an endpoint of OpenAI's chat completions.

    Keys are named here, never written: `api_key_env` says which environment variable holds the key.
    """

    provider: Literal["openai", "azure"] = "openai"
    """`openai` is also every compatible server that `base_url` points at."""
    name: str = Field(min_length=1)
    """The model's name; on Azure the deployment's."""
    base_url: str | None = None
    """Absent: OpenAI's own, or on Azure the address in AZURE_OPENAI_ENDPOINT."""
    api_key_env: str | None = None
    """Environment variable with the key. Absent: OPENAI_API_KEY, on Azure AZURE_OPENAI_API_KEY; with a `base_url` of
    your own it may be unset."""
    api_version: str | None = None
    """Azure only. Absent: OPENAI_API_VERSION."""
    temperature: float | None = Field(default=0, ge=0, le=2)
    max_output_tokens: int = Field(default=300, ge=1, le=10_000_000)
    """Longest answer, reasoning included."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    reasoning_effort: str | None = None
    extra_body: dict[str, Any] = {}
    """Sent along as it stands, for what a provider has beyond OpenAI's parameters."""
    answers: Literal["auto", "json_schema", "tool", "text"] = "auto"
    """How the answer is asked for. `auto` finds out once what the endpoint can do and remembers it."""
    timeout_seconds: float = Field(default=60, gt=0, le=86_400)
    max_attempts: int = Field(default=6, ge=1, le=50)
    """Tries of one call before its unit is `errored`, refusals by a rate limit not counted."""
    max_in_flight: int = Field(default=20, ge=1, le=2_000)
    """Calls under way at once, over all runs of the installation."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Absent: learned from the provider."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Absent: learned from the provider."""
    price: Price | None = None
    """Absent: the published price, if there is one for this model."""

    @field_validator("provider", mode="before")
    @classmethod
    def _is_known(cls, value: object) -> object:
        if value not in ("openai", "azure"):
            raise ValueError(
                "it is `openai` or `azure`; whoever else speaks OpenAI's API is `openai` with a `base_url`"
            )
        return value

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        if value is not None and (not _VARIABLE.fullmatch(value) or _LIKE_A_KEY.fullmatch(value)):
            raise ValueError("it is no name of an environment variable, such as OPENAI_API_KEY; no key belongs here")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return value
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_address = False
        if not is_address:
            raise ValueError("it is no address, such as http://localhost:8000/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("no name and password belong in an address: name the key's variable, `api_key_env`")
        return value

    @model_validator(mode="after")
    def _fits_provider(self) -> ModelSpec:
        if self.api_version is not None and self.provider != "azure":
            raise ValueError("`api_version` is for `provider: azure` only")
        return self

    @property
    def endpoint(self) -> str:
        """Names the endpoint and model that quotas and abilities belong to; holds no secret."""
        return f"{self.provider}|{self.base_url or ''}|{self.name}"

    def identity(self) -> dict[str, Any]:
        """What decides an answer: the model and its parameters, not how fast or at what price it is asked."""
        apart = {
            "api_key_env", "timeout_seconds", "max_attempts", "max_in_flight", "requests_per_minute",
            "tokens_per_minute", "price",
        }  # fmt: skip
        return self.model_dump(mode="json", exclude=apart)
