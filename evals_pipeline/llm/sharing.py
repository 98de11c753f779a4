"""What this run may do of what all runs of the installation may, agreed on through the board.

Every run posts what it needs and has met; one state, the governor's, is fed by all. Each works out its own share from
the same notices. A run that has just come takes only what the others have left until they have made room.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence

from evals_pipeline.core.model import ModelSpec
from evals_pipeline.llm.governor import STEP_SECONDS, Governor
from evals_pipeline.llm.limits import Limits, Share
from evals_pipeline.llm.refusals import Seen
from evals_pipeline.llm.replies import Again, Allowed, Reply
from evals_pipeline.llm.shares import Wish, counted, divided
from evals_pipeline.llm.stores import Board, Json
from evals_pipeline.llm.threads import in_thread

TURN_SECONDS = 5.0
"""For so long the same runs have the calls that cannot be divided evenly."""

CLOCK_SECONDS = 60.0
"""A clock that went back by more was set."""

RUNNING_LOW = 0.2
"""Share of an allowance below which headers are heeded."""

ALL = 1e9
"""Wished for by a run that has more to send than it may."""

SILENT_SECONDS = 5.0
"""A run that has said nothing for so long has been killed, and what it held is free."""


class Sharing:
    """This run's part in the sharing of one endpoint's limits."""

    def __init__(self, board: Board, model: ModelSpec, owner: str, task: str, limits: Limits) -> None:
        self._board, self._model, self._owner, self._task, self._limits = board, model, owner, task, limits
        self._topic = f"quota/{model.endpoint}"
        self._told: Json = {}
        self._retry_after = 0.0
        self._last = (0, 0, time.monotonic())

    async def begin(self) -> None:
        """Take part; nothing may be sent before."""
        await self._exchange(self._model.max_in_flight, ALL, ALL)

    async def tick(self, waiting: int) -> None:
        """Tell the others what has happened since the last time, and go on with what is ours then."""
        sent, tokens, at = self._last
        self._last = self._limits.sent, self._limits.tokens_sent, time.monotonic()
        seconds = self._last[2] - at
        rates = ((self._last[0] - sent) / seconds, (self._last[1] - tokens) / seconds)
        await self._exchange(waiting, *(ALL if waiting else 1.5 * rate + 1 for rate in rates))

    async def end(self) -> None:
        """Leave what is ours to the others."""
        await in_thread(self._board.leave, self._topic, self._owner)

    def heard(self, reply: Reply) -> None:
        """Take note of what a reply tells about limits."""
        if isinstance(reply, Again) and reply.is_refusal:
            self._retry_after = max(self._retry_after, reply.retry_after or 0.0)
        if reply.quota is None:
            return
        if reply.quota.requests is not None:
            self._told.update(_rates("requests", reply.quota.requests))
        if reply.quota.tokens is not None:
            self._told.update(_rates("tokens", reply.quota.tokens))

    async def _exchange(self, waiting: int, rate: float, token_rate: float) -> None:
        limits = self._limits
        notice = {
            "task": self._task,
            "at": time.time(),
            # What it may start before it hears of a smaller share counts as under way, or two runs would use it.
            "in_flight": max(limits.in_flight, limits.share.in_flight),
            "calls": limits.in_flight + waiting,
            "rate": rate,
            "token_rate": token_rate,
            "sent": limits.sent,
            "refused": limits.refused,
            "retry_after": self._retry_after,
            **self._told,
        }
        self._retry_after, self._told = 0.0, {}
        fold = functools.partial(folded, self._owner, self._model.max_in_flight)
        state, notices = await in_thread(self._board.exchange, self._topic, self._owner, notice, fold)
        limits.allow(share_of(self._owner, self._model, state, notices))


def _rates(what: str, allowed: Allowed) -> Json:
    """What headers tell of a limit, a second; limits are a minute's, except where `_refill` shows another scale."""
    if not allowed.limit or allowed.limit < 0:  # some proxies say -1 for none
        return {}
    told: Json = {what: allowed.limit / 60}
    if allowed.remaining is not None and allowed.remaining <= RUNNING_LOW * allowed.limit:
        used = allowed.limit - allowed.remaining
        told[f"{what}_refill"] = used / allowed.reset_seconds if allowed.reset_seconds else allowed.limit / 60
    return told


def folded(owner: str, max_in_flight: int, state: Json, notices: Mapping[str, Json]) -> Json:
    """The topic's next state, when `owner` has posted its notice.

    What runs have newly met is gathered, and the governor looks at it in its time. Calls under way are granted here, in
    the transaction, so that two runs never believe that the same ones are free.
    """
    governor = Governor(**_known(Governor, state.get("governor", {})))
    now = max(float(notice["at"]) for notice in notices.values())
    if now < governor.at - CLOCK_SECONDS:
        governor = dataclasses.replace(governor, at=now - STEP_SECONDS, began=now, since=now, empty_at=None)
    seen = Seen(**_known(Seen, state.get("gathered", {})))
    counts = state.get("counts", {})
    for who, notice in notices.items():
        seen = _gathered(seen, notice, counts.get(who, (0, 0)))
    if now - governor.at >= STEP_SECONDS:
        governor, seen = governor.after(seen, now), Seen()
    grants = {who: calls for who, calls in state.get("grants", {}).items() if who in notices}
    grants[owner] = _granted(owner, max_in_flight, grants, notices)
    tokens = [max(each["tokens"], each.get("tokens_refill", 0.0)) for each in notices.values() if "tokens" in each]
    return {
        "governor": dataclasses.asdict(governor),
        "gathered": dataclasses.asdict(seen),
        "counts": {who: (notice["sent"], notice["refused"]) for who, notice in notices.items()},
        "grants": grants,
        "tokens": min(tokens, default=state.get("tokens")),
    }


def _known(kind: type[Governor] | type[Seen], values: Json) -> Json:
    """Those of `values` that this version has; another one may have written the state."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _gathered(seen: Seen, notice: Json, before: Sequence[int]) -> Seen:
    """`seen` and what a run has met since its notice `before`; counts that fell belong to a run that began anew."""
    sent, refused = (
        now - then if now >= then else now
        for now, then in zip((notice["sent"], notice["refused"]), before, strict=True)
    )
    return Seen(
        seen.sent + sent,
        seen.refused + refused,
        max(seen.retry_after, notice["retry_after"]),
        notice.get("requests", seen.told),
        notice.get("requests_refill", seen.refill),
    )


def share_of(owner: str, model: ModelSpec, state: Json, notices: Mapping[str, Json]) -> Share:
    """What `owner` may do, of what `model` and the state allow to all."""
    governor = Governor(**state["governor"])
    pace = _least(governor.pace, _a_second(model.requests_per_minute))
    tokens = _a_second(model.tokens_per_minute) or state["tokens"]
    requests = divided(pace, _wishes("rate", notices))[owner] if pace else None
    return Share(
        in_flight=state["grants"][owner],
        requests=requests,
        tokens=divided(tokens, _wishes("token_rate", notices))[owner] if tokens else None,
        fallback=governor.fallback * requests / governor.pace
        if governor.fallback and governor.pace and requests
        else None,
        is_blind=governor.is_blind,
        at=governor.at,
    )


def _granted(owner: str, max_in_flight: int, grants: Mapping[str, int], notices: Mapping[str, Json]) -> int:
    """Calls that `owner` may have under way: its fair share, as far as the others have made room for it."""
    alive = _alive(notices)
    turn = int(notices[owner]["at"] / TURN_SECONDS)
    fair = counted(max_in_flight, _wishes("calls", notices), turn)[owner]
    held = sum(max(int(notice["in_flight"]), grants.get(who, 0)) for who, notice in alive.items() if who != owner)
    return max(0, min(fair, max_in_flight - held))


def _wishes(what: str, notices: Mapping[str, Json]) -> dict[str, Wish]:
    return {who: Wish(notice["task"], notice[what]) for who, notice in _alive(notices).items()}


def _alive(notices: Mapping[str, Json]) -> dict[str, Json]:
    return {who: notice for who, notice in notices.items() if notice["age_seconds"] < SILENT_SECONDS}


def _a_second(a_minute: int | None) -> float | None:
    return a_minute / 60 if a_minute else None


def _least(*rates: float | None) -> float | None:
    return min((rate for rate in rates if rate), default=None)
