"""Carries one call to an endpoint and brings back what it replied."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDictProxy

from evals_pipeline.core.calls import Failure
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.llm.access import Access
from evals_pipeline.llm.replies import Again, Never
from evals_pipeline.llm.scrubbing import scrubbed

LONGEST_REPLY = 8 * 2**20
"""Bytes of a reply that are read."""

_KEPT_ALIVE_SECONDS = 4
"""Less than the 5 s after which uvicorn, behind vLLM, LiteLLM and others, closes a connection under the next call."""

_LARGE_BODY = 2**20


@dataclass(frozen=True, slots=True)
class Received:
    """A reply as it came."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    latency_ms: float


class Wire:
    """Connections to one endpoint; an async context manager, for one event loop.

    Args:
        access: Prepares address and headers.
        timeout_seconds: For a call in all, from connecting to the reply's last byte.
    """

    def __init__(self, access: Access, timeout_seconds: float) -> None:
        self._access = access
        self._timeout_seconds = timeout_seconds

    async def __aenter__(self) -> Wire:
        """Open it."""
        url, _ = await self._access.prepared()
        self._session = aiohttp.ClientSession(
            # How many may be in flight is the caller's matter.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(str(url)),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._session.close()

    async def post(self, body: bytes) -> Received | Again | Never:
        """Send `body` and read the reply, whatever its status; what breaks on the way is an `Again`.

        Raises:
            ProviderError: The endpoint's certificate is refused, which no other call would change.
        """
        began = time.perf_counter()
        try:
            return await self._exchanged(body, began)
        except TimeoutError:
            return Again("APITimeoutError", f"no reply within {self._timeout_seconds:g} s", may_be_charged=True)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise ProviderError(f"{self.host}: no secure connection: {self._scrubbed(error)}") from error
        except aiohttp.ClientConnectorError as error:
            return Again("APIConnectionError", self._scrubbed(error))
        except (aiohttp.ClientError, OSError) as error:
            return Again("APIConnectionError", self._scrubbed(error), may_be_charged=True)

    async def _exchanged(self, body: bytes, began: float) -> Received | Never:
        url, headers = await self._access.prepared()
        # aiohttp warns of large bodies that are not files: sending them may hold up the loop.
        data = body if len(body) < _LARGE_BODY else io.BytesIO(body)
        # A redirect might carry the key to another host.
        async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as reply:
            read = await _read(reply)
            if read is None:
                message = f"a reply of more than {LONGEST_REPLY >> 20} MB was not read"
                return Never(Failure("APIResponseValidationError", message, cost_nano_usd=None, calls=1))
            return Received(reply.status, reply.headers, read, (time.perf_counter() - began) * 1000)

    @property
    def host(self) -> str:
        """Whom it reaches, for messages."""
        return urlsplit(self._access.base_url or "//api.openai.com").hostname or ""

    def _scrubbed(self, error: Exception) -> str:
        return scrubbed(str(error) or type(error).__name__, self._access.secrets)


async def _read(reply: aiohttp.ClientResponse) -> bytes | None:
    length = reply.content_length
    if length is not None and "content-encoding" not in reply.headers:
        return await reply.read() if length <= LONGEST_REPLY else None
    parts = bytearray()
    while chunk := await reply.content.readany():
        parts += chunk
        if len(parts) > LONGEST_REPLY:
            return None
    return bytes(parts)


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for `url`; looked up once, since that costs as much as a call."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
