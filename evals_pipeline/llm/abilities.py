"""What an endpoint can do, as far as it has shown: found out once, remembered on the board for all runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.forms import FORMS, Form
from evals_pipeline.llm.stores import Board, Fold, Json

_DOUBTS = 5
"""Another server may have taken an address over."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of an endpoint and model.

    Attributes:
        form: How answers are asked for; None while that is unknown.
        without: Parameters that the endpoint does not take.
        length_field: What the limit on the answer's length is called; None: as the provider's kind has it.
    """

    form: Form | None = None
    without: frozenset[str] = frozenset()
    length_field: str | None = None

    def as_json(self) -> Json:
        """For the board."""
        return {"form": self.form, "without": sorted(self.without), "length_field": self.length_field}

    @classmethod
    def from_json(cls, state: Mapping[str, object]) -> Abilities:
        """Back from the board; what another version wrote and this one does not know is left out."""
        form, without, field = state.get("form"), state.get("without"), state.get("length_field")
        return cls(
            next((each for each in FORMS if each == form), None),
            frozenset(str(each) for each in without) if isinstance(without, list) else frozenset(),
            field if isinstance(field, str) else None,
        )


class Memory:
    """The abilities of one endpoint: in hand, and on the board.

    Args:
        model: Whose abilities; its `answers` decides the form unless it is `auto`.
        board: Where they are kept for later runs.
        owner: Who takes part, for the board.
    """

    def __init__(self, model: ModelSpec, board: Board, owner: str) -> None:
        self._topic = f"abilities/{model.endpoint}"
        self._board = board
        self._owner = owner
        self._fixed: Form | None = None if model.answers == "auto" else model.answers
        self._stored: Abilities | None = None
        self._writing = asyncio.Lock()
        self._doubts = 0
        self.now = Abilities(self._fixed)

    async def recall(self) -> None:
        """Read what earlier runs found."""
        await self._exchange(lambda state, _: state)

    def without(self, parameter: str) -> None:
        """Note that the endpoint does not take `parameter`."""
        self.now = replace(self.now, without=self.now.without | {parameter})

    def length_is(self, field: str) -> None:
        """Note what the endpoint calls the limit on an answer's length."""
        self.now = replace(self.now, length_field=field)

    def doubt(self, is_doubtful: bool) -> None:
        """Note whether a call in the known form was refused or ignored; several in a row, and it is found out anew."""
        self._doubts = self._doubts + 1 if is_doubtful else 0
        if self._doubts >= _DOUBTS:
            self._doubts = 0
            self.now = replace(self.now, form=self._fixed)

    def form_is(self, form: Form) -> None:
        """Note that the endpoint answers in `form`."""
        self.now = replace(self.now, form=form)

    async def keep(self) -> None:
        """Write down what is new; costs nothing when nothing is."""
        async with self._writing:
            if self.now != self._stored:
                await self._write(self.now)

    async def _write(self, mine: Abilities) -> None:
        def fold(state: Json, _: Mapping[str, Json]) -> Json:
            known = Abilities.from_json(state)
            form = known.form if self._fixed else mine.form or known.form
            field = mine.length_field or known.length_field
            return Abilities(form, known.without | mine.without, field).as_json()

        await self._exchange(fold)

    async def _exchange(self, fold: Fold) -> None:
        state = await asyncio.to_thread(self._posted, fold)
        found = Abilities.from_json(state)
        # Other calls may have found something while the board was asked.
        self._stored = replace(found, form=self._fixed or found.form)
        self.now = Abilities(
            self._fixed or self.now.form or found.form,
            self.now.without | found.without,
            self.now.length_field or found.length_field,
        )

    def _posted(self, fold: Fold) -> Json:
        state, _ = self._board.exchange(self._topic, self._owner, {}, fold)
        self._board.leave(self._topic, self._owner)
        return state
