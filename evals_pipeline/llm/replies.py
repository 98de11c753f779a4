"""What one call can come to, by what to do about it; what stops a whole run is raised as ProviderError instead."""

from __future__ import annotations

from dataclasses import dataclass

from evals_pipeline.core.calls import Answer, Failure, Usage


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a provider's headers say of one limit; seconds count from the reply."""

    limit: float | None
    remaining: float | None
    reset_seconds: float | None


@dataclass(frozen=True, slots=True)
class Quota:
    """What a reply's headers say of the limits on requests and tokens."""

    requests: Allowed | None = None
    tokens: Allowed | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """The model answered with one of the labels."""

    answer: Answer
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """The model said something else; paid for, and worth one repair.

    Attributes:
        said: What it said, shortened.
        problem: What is wrong with it, in words that the model can mend it by.
    """

    said: str
    problem: str
    usage: Usage
    cost_nano_usd: int | None
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Worth another try later: a rate limit, an outage, a time-out, a broken connection.

    Attributes:
        retry_after: Seconds to wait, where the provider says so.
        is_refusal: Whether a rate limit refused it (429): the call was not looked at, let alone charged.
        may_be_charged: Whether the provider may have worked on it: a time-out or a connection that broke after sending.
    """

    error_type: str
    message: str
    retry_after: float | None = None
    is_refusal: bool = False
    may_be_charged: bool = False
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The same question would fail again: a bad request, a content filter."""

    failure: Failure
    quota: Quota | None = None


Reply = Good | Malformed | Again | Never
