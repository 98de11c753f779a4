"""The same requests through bare aiohttp or the openai SDK; runs in the peers' environment, prints JSON.

    python judge_clients.py (aiohttp | openai | openai-aiohttp) BASE_URL IN_FLIGHT REQUESTS.json

No executor is in the way: as many calls as wanted are kept in flight, and every answer is parsed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Call = Callable[[dict[str, Any]], Awaitable[str]]
Close = Callable[[], Awaitable[None]]


def bare_aiohttp(base_url: str, in_flight: int) -> tuple[Call, Close]:
    """JSON by hand; what a call costs at least."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=in_flight)
    session = aiohttp.ClientSession(connector=connector, headers={"authorization": "Bearer none"})

    async def call(body: dict[str, Any]) -> str:
        async with session.post(f"{base_url}/chat/completions", json=body) as reply:
            reply.raise_for_status()
            answer = json.loads(await reply.read())
        return str(answer["choices"][0]["message"]["content"])

    return call, session.close


def openai_sdk(base_url: str, *, has_aiohttp: bool) -> tuple[Call, Close]:
    """The SDK as it comes, or on its aiohttp transport."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    transport = DefaultAioHttpClient() if has_aiohttp else None
    client = AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, http_client=transport)

    async def call(body: dict[str, Any]) -> str:
        answer = await client.chat.completions.create(**body)
        return str(answer.choices[0].message.content)

    return call, client.close


async def measured(kind: str, base_url: str, in_flight: int, bodies: list[dict[str, Any]]) -> dict[str, float]:
    """Wall and CPU seconds; imports and the first call of each connection are not counted."""
    is_bare = kind == "aiohttp"
    call, close = bare_aiohttp(base_url, in_flight) if is_bare else openai_sdk(base_url, has_aiohttp="aiohttp" in kind)
    await asyncio.gather(*(call(body) for body in bodies[:in_flight]))
    waiting = iter(bodies)

    async def work() -> None:
        for body in waiting:
            json.loads(await call(body))["label"]

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await close()
    return {"wall": wall, "cpu": cpu}


def main() -> None:
    """Send the requests of the file that is named and print the cost as JSON."""
    kind, base_url, in_flight, requests = sys.argv[1:]
    bodies = json.loads(Path(requests).read_text())
    cost = asyncio.run(measured(kind, base_url, int(in_flight), bodies))
    print(json.dumps({"version": version("aiohttp" if kind == "aiohttp" else "openai"), **cost}))


if __name__ == "__main__":
    main()
