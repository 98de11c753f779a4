"""The way to an endpoint: the key named by the environment, and the address and headers as the openai package has them.

The package prepares one request, which a transport of ours catches instead of sending; its address and headers then
serve for all calls of the next minutes. So authentication, Azure's deployments and base URLs stay the package's matter,
at none of its cost for each call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.core.model import ModelSpec

if TYPE_CHECKING:
    import httpx2
    from multidict import CIMultiDict
    from openai import AsyncOpenAI
    from yarl import URL

RENEWED_SECONDS = 300
"""How long a prepared request's headers serve; credentials may be renewed meanwhile."""

_NO_KEY = "none"
_OPENAI = "https://api.openai.com/v1"
_OURS = {"host", "content-length", "accept-encoding", "connection", "x-stainless-read-timeout"}


def key_name(model: ModelSpec) -> str:
    """The environment variable that holds the key."""
    return model.api_key_env or ("AZURE_OPENAI_API_KEY" if model.provider == "azure" else "OPENAI_API_KEY")


def key_of(model: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """The key for `model`, or None when it needs none: an address of one's own, or Azure with a token instead.

    Raises:
        ConfigError: The environment variable that should hold the key is not set.
    """
    name = key_name(model)
    if key := environment.get(name, "").strip():
        return key
    is_optional = base_url_of(model, environment) is not None
    if model.provider == "azure":
        is_optional = bool(environment.get("AZURE_OPENAI_AD_TOKEN"))
    if is_optional and model.api_key_env is None:
        return None
    raise ConfigError(
        f"the key for model {model.name!r} should be in the environment variable {name}, which is not set",
        field="api_key_env",
        hint=f"export {name}=… where the pipeline runs, or name another variable in `api_key_env`",
    )


def base_url_of(model: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """Where `model` is asked, when that is not OpenAI's own address; on Azure always."""
    usual = "AZURE_OPENAI_ENDPOINT" if model.provider == "azure" else "OPENAI_BASE_URL"
    return model.base_url or environment.get(usual, "").strip() or None


class Access:
    """Prepares requests to one endpoint and knows the openai package's names for its errors.

    Raises:
        ConfigError: The key, on Azure the address or the version, is missing, or the address is none.
    """

    def __init__(self, model: ModelSpec, environment: Mapping[str, str]) -> None:
        self._model = model
        self._environment = environment
        self._until = 0.0
        self._names: dict[int, str] = {}
        self.key = key_of(model, environment)
        self.base_url = base_url_of(model, environment)
        self._check()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        token = self._environment.get("AZURE_OPENAI_AD_TOKEN")
        return tuple(each for each in (self.key, token) if each)

    async def prepared(self) -> tuple[URL, CIMultiDict[str]]:
        """The address and the headers of a call."""
        if time.monotonic() > self._until:
            self._until = time.monotonic() + RENEWED_SECONDS  # first, so that calls meanwhile take the older ones
            self.key = key_of(self._model, self._environment)
            self._url, self._headers = await self._prepare()
        return self._url, self._headers

    async def error_type(self, status: int) -> str:
        """The openai package's class for a reply with this status, such as `RateLimitError`."""
        if (known := self._names.get(status)) is None:
            known = self._names[status] = await self._named(status)
        return known

    def _check(self) -> None:
        if self._model.provider == "azure":
            if self.base_url is None:
                raise ConfigError(
                    f"the address for model {self._model.name!r} is missing",
                    field="base_url",
                    hint="set `base_url` or AZURE_OPENAI_ENDPOINT",
                )
            if not (self._model.api_version or self._environment.get("OPENAI_API_VERSION")):
                raise ConfigError(
                    f"the API version for model {self._model.name!r} is missing",
                    field="api_version",
                    hint="set `api_version` or OPENAI_API_VERSION",
                )
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"{self.base_url!r} is no address", field="base_url", hint="http://… or https://…")

    async def _prepare(self) -> tuple[URL, CIMultiDict[str]]:
        from multidict import CIMultiDict
        from yarl import URL

        request = await self._rehearsed(200)
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _OURS)
        if not self.secrets:
            headers.popall("authorization", None)
        headers["content-type"] = "application/json"
        headers["accept-encoding"] = "identity"  # an answer is a kilobyte: unpacking it would cost more than it saves
        return URL(str(request.url), encoded=True), headers

    async def _named(self, status: int) -> str:
        from openai import OpenAIError

        try:
            await self._rehearsed(status)
        except OpenAIError as error:
            return type(error).__name__
        return "APIStatusError"

    async def _rehearsed(self, status: int) -> httpx2.Request:
        """Let the package build a call and meet `status`, without a network."""
        import httpx2

        caught: list[httpx2.Request] = []

        def meet(request: httpx2.Request) -> httpx2.Response:
            caught.append(request)
            return httpx2.Response(status, json={}, request=request)

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(meet)) as transport:
            client = self._client(transport)
            await client.chat.completions.create(model=self._model.name, messages=[{"role": "user", "content": ""}])
        return caught[0]

    def _client(self, transport: httpx2.AsyncClient) -> AsyncOpenAI:
        from openai import AsyncAzureOpenAI, AsyncOpenAI

        if self._model.provider == "openai":
            return AsyncOpenAI(
                api_key=self.key or _NO_KEY, base_url=self.base_url or _OPENAI, max_retries=0, http_client=transport
            )
        assert self.base_url is not None
        version = self._model.api_version or self._environment.get("OPENAI_API_VERSION")
        token = None if self.key else self._environment.get("AZURE_OPENAI_AD_TOKEN")
        if "/openai" in self.base_url:
            return AsyncAzureOpenAI(
                base_url=self.base_url, api_version=version, api_key=self.key, azure_ad_token=token,
                max_retries=0, http_client=transport,
            )  # fmt: skip
        return AsyncAzureOpenAI(
            azure_endpoint=self.base_url, azure_deployment=self._model.name, api_version=version, api_key=self.key,
            azure_ad_token=token, max_retries=0, http_client=transport,
        )  # fmt: skip
