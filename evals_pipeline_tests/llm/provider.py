"""A provider of chat completions on the loopback that does as it is told, and remembers what it was asked.

Everything about it may be changed while it runs. `script` decides the next requests one by one; what is not scripted
is answered as `answer`, `supports` and the rest say.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

Json = dict[str, Any]
WIRES_USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


@dataclass(slots=True)
class Asked:
    """One request as it came in, and what became of it."""

    at: float
    headers: Mapping[str, str]
    path: str
    body: Json
    form: str
    status: int | None = None
    ended: float | None = None

    @property
    def prompt(self) -> str:
        """All messages, joined."""
        return "\n".join(str(message.get("content")) for message in self.body.get("messages", []))


Act = Callable[["Provider", web.Request, Asked], Awaitable[web.StreamResponse]]


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Act:
    """Answer with an error as OpenAI spells it."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        return failed(status, message, code=code, param=param, headers=headers)

    return act


def failed(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    return web.json_response(body, status=status, headers=headers)


def refuse(retry_after: float | str | None = 1) -> Act:
    """A rate limit's 429, with `Retry-After` unless that is None."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return error(429, "Rate limit reached for requests", code="rate_limit_exceeded", headers=headers)


def break_down(status: int = 500) -> Act:
    """An outage."""
    return error(status, "The server had an error while processing your request")


def wrong_key() -> Act:
    """A 401 that echoes part of the key, as OpenAI does."""
    return error(401, "Incorrect API key provided: sk-wrong*****rong.", code="invalid_api_key")


def unknown_model() -> Act:
    """A 404 for a model that is not there."""
    return error(404, "The model `gpt-none` does not exist or you do not have access to it.", code="model_not_found")


def exhausted() -> Act:
    """An account without money; a 429 that no waiting mends."""
    return error(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota")


def filtered() -> Act:
    """A prompt that a content filter stopped."""
    return error(400, "The response was filtered by the content management policy", code="content_filter")


def unsupported(param: str) -> Act:
    """A parameter that this model does not take."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return error(400, message, code="unsupported_parameter", param=param)


async def hang(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
    """Take the request and never answer."""
    await provider.closing.wait()
    raise web.HTTPServiceUnavailable


async def reset(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
    """Break the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
    """Send half of the answer and break the connection."""
    body = json.dumps(provider.completion(asked)).encode()
    reply = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
    await reply.prepare(request)
    await reply.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return reply


def trickle(seconds_a_byte: float = 0.05) -> Act:
    """Send the answer byte by byte."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        body = json.dumps(provider.completion(asked)).encode()
        reply = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
        await reply.prepare(request)
        for at in range(len(body)):
            await reply.write(body[at : at + 1])
            await asyncio.sleep(seconds_a_byte)
        return reply

    return act


def reply(body: str | bytes, *, status: int = 200, content_type: str = "application/json") -> Act:
    """Send exactly this body."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=content_type)

    return act


def in_chunks(body: bytes) -> Act:
    """Send exactly this body without saying how long it is."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"content-type": "application/json"})
        reply.enable_chunked_encoding()
        await reply.prepare(request)
        for at in range(0, len(body), 2**18):
            await reply.write(body[at : at + 2**18])
        return reply

    return act


def says(content: str | None, *, finish_reason: str = "stop", refusal: str | None = None) -> Act:
    """A completion with exactly this content, whatever was asked; in the tool call where one was asked for."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        message: Json = {"role": "assistant", "content": content, "refusal": refusal}
        if asked.form == "tool" and "tool" in provider.supports:
            message = tool_call(asked.body, content or "")
        return web.json_response(provider.wrapped(asked, message, finish_reason))

    return act


def ordinary() -> Act:
    """Answer as without a script."""

    async def act(provider: Provider, request: web.Request, asked: Asked) -> web.StreamResponse:
        return await provider.answered(asked)

    return act


def tool_call(body: Json, arguments: str) -> Json:
    name = body["tools"][0]["function"]["name"]
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def form_of(body: Json) -> str:
    """How the answer was asked for."""
    if body.get("response_format", {}).get("type") == "json_schema":
        return "json_schema"
    return "tool" if body.get("tools") else "text"


def schema_of(body: Json) -> Json:
    if form_of(body) == "json_schema":
        schema: Json = body["response_format"]["json_schema"]["schema"]
        return schema
    if form_of(body) == "tool":
        parameters: Json = body["tools"][0]["function"]["parameters"]
        return parameters
    return {}


@dataclass
class Provider:
    """The provider and what it should do; a context manager.

    Attributes:
        latency_seconds: Before every ordinary answer.
        answer: The label, or what makes it of the prompt; None is the first label that the request allows.
        supports: Forms of structured answer that work; text always does.
        objects: What the others come to: `ignore` (prose comes back), or an HTTP status such as 400 or 500.
        script: What to do with the next requests, first to last.
        rate: Requests a second that are let through; None is without limit.
        burst: Requests that may come at once before `rate` bites.
        retry_after: Sent with refusals by `rate`, seconds; None sends none.
        announces: Whether `x-ratelimit-*` headers tell of `rate`.
        headers: Sent with every ordinary answer.
        usage: As the wire has it.
        probabilities: Label -> probability, told where logprobs are asked for.
        key: The bearer token that is asked for; None takes any.
        certificate: With it the provider speaks TLS.
    """

    latency_seconds: float = 0.0
    answer: str | Callable[[str], str] | None = None
    explanation: str = "Because the text says so."
    supports: frozenset[str] = frozenset({"json_schema", "tool"})
    objects: str | int = "ignore"
    script: deque[Act] = field(default_factory=deque)
    rate: float | None = None
    burst: float = 1.0
    retry_after: float | None = 1.0
    announces: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    usage: Json = field(default_factory=lambda: dict(WIRES_USAGE))
    probabilities: Mapping[str, float] | None = None
    key: str | None = None
    certificate: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    peak_in_flight: int = 0

    def next(self, *acts: Act) -> None:
        """Script the next requests."""
        self.script.extend(acts)

    @property
    def base_url(self) -> str:
        """Where clients find it."""
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}/v1"

    @property
    def prompts(self) -> list[str]:
        """All messages of each request."""
        return [each.prompt for each in list(self.asked)]

    def __enter__(self) -> Provider:
        self._tokens, self._filled = self.burst, time.monotonic()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self.closing.set)
        self._thread.join(20)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self.closing = asyncio.Event()
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/{tail:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096, ssl_context=self.certificate)
        await site.start()
        self.port = runner.addresses[0][1]
        started.set()
        await self.closing.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        asked = Asked(time.monotonic(), dict(request.headers), request.path_qs, body, form_of(body))
        self.asked.append(asked)
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            reply = await self._act(request, asked)
            is_broken = request.transport is None or request.transport.is_closing()
            asked.status = None if is_broken else reply.status
            return reply
        finally:
            self.in_flight -= 1
            asked.ended = time.monotonic()

    async def _act(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        if self.key is not None and self.key not in (
            request.headers.get("api-key"),
            request.headers.get("authorization", "").removeprefix("Bearer "),
        ):
            return failed(401, "Incorrect API key provided.", code="invalid_api_key")
        if self.script:
            return await self.script.popleft()(self, request, asked)
        if (waiting := self._over_quota()) is not None:
            return waiting
        return await self.answered(asked)

    def _over_quota(self) -> web.Response | None:
        if self.rate is None:
            return None
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        headers = self._quota_headers()
        if self.retry_after is not None:
            headers["retry-after"] = f"{self.retry_after:g}"
        return failed(429, "Rate limit reached for requests", code="rate_limit_exceeded", headers=headers)

    def _quota_headers(self) -> dict[str, str]:
        if not self.announces or self.rate is None:
            return {}
        return {
            "x-ratelimit-limit-requests": str(round(self.rate * 60)),
            "x-ratelimit-remaining-requests": str(int(self._tokens)),
            "x-ratelimit-reset-requests": f"{max(0.0, self.burst - self._tokens) / self.rate:.3f}s",
        }

    async def answered(self, asked: Asked) -> web.StreamResponse:
        """The ordinary answer."""
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if asked.form not in (*self.supports, "text") and isinstance(self.objects, int):
            what = "response_format" if asked.form == "json_schema" else "tools"
            return failed(self.objects, f"{what}: Input should be 'text' or 'json_object'", param=what)
        return web.json_response(self.completion(asked), headers=self.headers | self._quota_headers())

    def completion(self, asked: Asked) -> Json:
        """The body of the ordinary answer."""
        works = asked.form in self.supports
        said = self._structured(asked) if works else self._spoken(asked)
        if works and asked.form == "tool":
            return self.wrapped(asked, tool_call(asked.body, said))
        return self.wrapped(asked, {"role": "assistant", "content": said, "refusal": None})

    def wrapped(self, asked: Asked, message: Json, finish_reason: str = "stop") -> Json:
        """A completion around `message`."""
        content = message.get("content")
        told = self._logprobs(content) if content and asked.body.get("logprobs") and self.probabilities else None
        return {
            "id": f"chatcmpl-{len(self.asked)}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": asked.body.get("model", "double"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": told}],
            "usage": self.usage,
        }

    def label(self, asked: Asked, allowed: list[str]) -> str:
        """What is answered to this request."""
        if callable(self.answer):
            return self.answer(asked.prompt)
        return self.answer if self.answer is not None else allowed[0]

    def _structured(self, asked: Asked) -> str:
        properties = schema_of(asked.body)["properties"]
        values = {
            "explanation": self.explanation,
            "label": self.label(asked, properties["label"]["enum"]),
        }
        return json.dumps({name: values[name] for name in properties})

    def _spoken(self, asked: Asked) -> str:
        if asked.form != "text" or (named := re.search(r"exactly one of:? (.*)", asked.prompt)) is None:
            return "To my mind this can be seen in several ways."
        label = self.label(asked, re.findall(r'"([^"]+)"', named[1]))
        return f"Explanation: {self.explanation}\nLabel: {label}"

    def _logprobs(self, content: str) -> Json:
        tokens = re.findall(r"\w+|\W", content)
        assert self.probabilities is not None
        first = {re.findall(r"\w+|\W", label)[0]: share for label, share in self.probabilities.items()}
        at = max((at for at, token in enumerate(tokens) if token in first), default=None)
        return {"content": [_told(token, first if place == at else {token: 1.0}) for place, token in enumerate(tokens)]}


def _told(token: str, shares: Mapping[str, float]) -> Json:
    top = [{"token": each, "logprob": math.log(share), "bytes": list(each.encode())} for each, share in shares.items()]
    mine = math.log(shares.get(token, 1.0))
    return {"token": token, "logprob": mine, "bytes": list(token.encode()), "top_logprobs": top}
