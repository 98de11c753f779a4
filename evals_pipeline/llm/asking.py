"""The synchronous face of asking: questions go in as batches, what was said comes out as it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.caller import AskingRun, Caller, Intake, Line
from evals_pipeline.llm.claiming import Batch
from evals_pipeline.llm.collecting import spared
from evals_pipeline.llm.keeping import Delivery
from evals_pipeline.llm.stores import Stores

LEAST_INSIDE = 1_000
"""Questions that are inside at once when few are in flight: what keeps the loop busy while a batch is being made."""

CLOSING_GRACE_SECONDS = 1.0

Connect = Callable[[], AbstractAsyncContextManager[Line]]


def ask_all(model: ModelSpec, batches: Iterable[Batch], stores: Stores, *, run: AskingRun) -> Iterator[Delivery]:
    """What was said to each unit's question, in small batches, in the order of arrival; exactly one for each.

    An event loop in a thread of its own does the asking, so that this works under a running loop too. `batches` is
    drawn in the caller's thread and only as far ahead as keeps the calls going: memory does not grow with the number
    of questions. An answer is durable before it is handed out. Closing the iterator, or an exception in the caller's
    thread, ends the asking and keeps what has arrived.

    Raises:
        ProviderError: When the provider refuses every call, after all that had arrived was handed out.
        LedgerError: When answers cannot be kept.
    """

    def connect() -> AbstractAsyncContextManager[Line]:
        from evals_pipeline.llm.endpoint import Endpoint  # loads aiohttp and openai

        return Endpoint(model, stores.board, owner=run.owner)

    return ask_over(connect, model, batches, stores, run=run)


def ask_over(
    connect: Connect, model: ModelSpec, batches: Iterable[Batch], stores: Stores, *, run: AskingRun
) -> Iterator[Delivery]:
    """As `ask_all`, over any line to the model; `connect` is called on the loop that will use it."""
    window = max(LEAST_INSIDE, 2 * model.max_in_flight)
    with contextlib.closing(_Asking(connect, model, stores, run)) as asking:
        asking.start()
        source = iter(batches)
        inside, is_all_in = 0, False
        while inside or not is_all_in:
            while inside < window and not is_all_in and not asking.has_news:
                batch = next(source, None)
                is_all_in = batch is None
                inside += len(batch or ())
                asking.feed(batch)
            if inside or not is_all_in:
                delivery = asking.news()
                inside -= len(delivery)
                yield delivery
        asking.finish()


class _Asking:
    """A caller on an event loop in a thread, with a queue in and a queue out."""

    def __init__(self, connect: Connect, model: ModelSpec, stores: Stores, run: AskingRun) -> None:
        self._connect, self._model, self._stores, self._run = connect, model, stores, run
        self._said: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._started = threading.Event()
        self._is_closing = False
        self._caller: Caller | None = None
        self._thread = threading.Thread(target=self._work, name="asking", daemon=True)

    def start(self) -> None:
        """Begin; apart from making it, so that an interrupt meets something that can be closed."""
        self._thread.start()

    @property
    def has_news(self) -> bool:
        return not self._said.empty()

    def feed(self, batch: Batch | None) -> None:
        """Let a batch in; None is the end."""
        self._on_loop(lambda: self._intake.put_nowait(batch))

    def news(self) -> Delivery:
        """The next delivery; raises what has ended the asking once all is delivered."""
        delivery = self._said.get()
        if delivery is None:
            self.finish()
            raise RuntimeError("the asking ended with questions unanswered")
        return delivery

    def finish(self) -> None:
        """Wait for the end; raises what went wrong."""
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """End the asking, whatever it is at; a thread that is only about to run ends by itself."""
        self._is_closing = True
        if self._thread.is_alive():
            self._on_loop(self._stop)
            self._thread.join()

    def _stop(self) -> None:
        if self._caller is not None:
            self._caller.grace_seconds = CLOSING_GRACE_SECONDS
            self._caller.stop()

    def _on_loop(self, action: Callable[[], None]) -> None:
        self._started.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(action)

    def _work(self) -> None:
        try:
            asyncio.run(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._error = error
        finally:
            self._said.put(None)
            self._started.set()

    async def _ask(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._intake: Intake = asyncio.Queue()
        if self._is_closing:
            return
        async with self._connect() as line:
            if not line.is_priced and any(limit.nano_usd is not None for limit in self._run.budgets):
                raise ValueError(f"a budget in USD needs the price of {self._model.name!r}, which is not known")
            self._caller = Caller(line, self._model, self._stores, self._run, self._said.put)
            self._started.set()
            with spared():
                await self._caller.run(self._intake)
