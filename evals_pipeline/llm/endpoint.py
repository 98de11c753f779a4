"""An endpoint of chat completions: asks one question by one call and says what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType

from evals_pipeline.core.calls import Amount, Failure, Question
from evals_pipeline.core.errors import ProviderError
from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm import faults, forms
from evals_pipeline.llm.abilities import Abilities, Memory
from evals_pipeline.llm.access import Access, key_name
from evals_pipeline.llm.amounts import Amounts
from evals_pipeline.llm.answers import Asked, answered, completion_of
from evals_pipeline.llm.bodies import Bodies, other_length_field
from evals_pipeline.llm.faults import Refused
from evals_pipeline.llm.forms import FORMS, Form
from evals_pipeline.llm.headers import quota
from evals_pipeline.llm.probing import Probe, Step
from evals_pipeline.llm.replies import Malformed, Never, Reply
from evals_pipeline.llm.stores import Board
from evals_pipeline.llm.wire import Received, Wire


class Endpoint:
    """One model at one address; an async context manager, for one event loop.

    Limits, retries, repair, cache and budgets are the caller's matter.

    Args:
        model: Which model, and how it is asked.
        board: Where is remembered what the endpoint can do.
        owner: Names this process on the board.
        environment: Environment variables, for the key.

    Raises:
        ConfigError: The key or, on Azure, the address or version is missing.
    """

    def __init__(
        self, model: ModelSpec, board: Board, *, owner: str, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._model = model
        self._access = Access(model, environment)
        self._bodies = Bodies(model, self._access.base_url)
        self._amounts = Amounts(model, self._access.base_url)
        self._memory = Memory(model, board, owner)
        self._probe = Probe(self._memory, self._attempt, model.timeout_seconds)
        self._wire = Wire(self._access, model.timeout_seconds)

    async def __aenter__(self) -> Endpoint:
        """Recall what the endpoint can do, and open the way to it."""
        self._open = AsyncExitStack()
        await self._memory.recall()
        await self._open.enter_async_context(self._wire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._open.aclose()

    @property
    def is_priced(self) -> bool:
        """Whether the price of the model is known."""
        return self._amounts.prices is not None

    def key(self, question: Question) -> str:
        """SHA-256 of all that decides the answer, in hexadecimal."""
        return self._bodies.key(question)

    def most(self, question: Question, repair: Malformed | None = None) -> Amount:
        """More than one `ask` can cost or use; no money where the price is unknown."""
        return self._amounts.most(question, repair, self._memory.now)

    def estimate(self, question: Question) -> Amount:
        """What one `ask` likely costs and uses; no money where the price is unknown."""
        return self._amounts.estimate(question, self._memory.now)

    async def ask(self, question: Question, *, repair: Malformed | None = None) -> Reply:
        """Ask `question`; with `repair` the model sees its own malformed answer and what is wrong with it.

        Raises:
            ProviderError: Every other call would fail too: the key, the model's name or the account is refused.
        """
        form = self._memory.now.form
        if form is None:
            return await self._probe.ask(question, repair)
        step = await self._attempt(question, repair, form)
        if step.finding in ("understood", "ignored", "objected"):
            self._memory.doubt(step.finding != "understood")
        if step.finding == "objected" and self._model.answers == "auto":
            # The endpoint is known to do it, so this one question's schema may be to blame.
            for simpler in FORMS[FORMS.index(form) + 1 :]:
                step = await self._attempt(question, repair, simpler)
                if step.finding != "objected":
                    break
        return step.reply

    async def _attempt(self, question: Question, repair: Malformed | None, form: Form) -> Step:
        chat = forms.messages(question, form, repair)
        is_adapted = False
        while True:
            known = self._memory.now
            abilities = known if known.form == form else replace(known, form=form)
            received = await self._wire.post(self._bodies.body(chat, question, abilities))
            if not isinstance(received, Received):
                return Step(received, "other")
            completion = completion_of(received)
            if completion is not None:
                if is_adapted:
                    await self._memory.keep()
                return answered(received, completion, Asked(question, form, self._model.name, self._amounts.prices))
            fault = faults.refused(received.status, received.body, self._access.secrets)
            if not self._adapt(fault, question, abilities):
                return await self._given_up(received, fault, form)
            is_adapted = True  # one parameter fewer each time, so this ends

    def _adapt(self, fault: Refused, question: Question, abilities: Abilities) -> bool:
        """Do without the parameter that the endpoint does not take; False when that is not what it says."""
        parameter = faults.parameter_at_fault(fault, self._bodies.adaptable(question, abilities))
        if parameter is None:
            return False
        if parameter != self._bodies.length_name(abilities):
            for each in ("logprobs", "top_logprobs") if "logprobs" in parameter else (parameter,):
                self._memory.without(each)
            return True
        if self._bodies.length_name(self._memory.now) == parameter:
            if abilities.length_field is not None:
                return False  # it takes neither name, and without a limit there is no bound on the cost
            self._memory.length_is(other_length_field(parameter))
        return True

    async def _given_up(self, received: Received, fault: Refused, form: Form) -> Step:
        if fault.status < 300:
            return Step(faults.no_completion(fault), "other")
        error_type = await self._access.error_type(fault.status)
        if faults.blames_form(fault, form):
            message = f"answers as {form} are refused: {faults.told(fault)}"
            return Step(Never(Failure(error_type, message), quota(received.headers)), "objected")
        if (hint := faults.is_about_everything(fault)) is not None:
            name = key_name(self._model)
            raise ProviderError(f"{self._described}: {error_type}: {faults.told(fault)}; {hint.format(key_name=name)}")
        reply = faults.reply_to(fault, error_type, received.headers)
        if not faults.may_be_form(fault):
            return Step(reply, "other")
        return Step(reply, "rejected" if isinstance(reply, Never) else "broke")

    @property
    def _described(self) -> str:
        return f"model {self._model.name!r} at {self._wire.host} refuses all calls"
