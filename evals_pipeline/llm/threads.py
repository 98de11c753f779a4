"""Short blocking work, such as a transaction, beside an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What `work` returns, run in a thread; a cancelled caller waits for its end all the same.

    Otherwise a transaction would end some time later, unseen, after what cleans up behind it.
    """
    return await to_its_end(asyncio.to_thread(work, *arguments, **named))


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; a caller that is cancelled, however often, is so only when `work` has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
