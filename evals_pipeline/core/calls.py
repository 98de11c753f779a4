"""What passes between those who ask a model, those who carry the call and those who keep the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NANO = 1_000_000_000
"""Money is counted in whole billionths of a USD, so that sums are exact."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; cached ones are part of the prompt, reasoning ones of the completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One classification to ask for.

    Attributes:
        messages: The chat as the provider gets it: role and content of each message, the rubric before the data.
        labels: What may be answered.
        explanation: Whether the model is to say why, before the label.
        logprobs: Whether the labels' probabilities are wanted.
        truncated: Whether a value was cut to fit; passed through to the result.
    """

    messages: tuple[Mapping[str, str], ...]
    labels: tuple[str, ...]
    explanation: bool = True
    logprobs: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A label that a model gave, and what that took.

    Attributes:
        probabilities: Label -> probability, where the endpoint tells it; sums to at most 1.
        model: As the endpoint names it.
        usage: Over all calls that led here, a repair included.
        cost_nano_usd: Null when a price is unknown; 0 when the answer was reused.
        latency_ms: Of the call that gave the answer; null when it was reused.
        calls: Calls that the provider answered and may charge for; 0 when the answer was reused.
        reused: Whether it came from the cache or from an equal question of the same run.
    """

    label: str
    explanation: str | None
    model: str
    usage: Usage
    cost_nano_usd: int | None
    latency_ms: float | None
    calls: int = 1
    probabilities: Mapping[str, float] | None = None
    request_id: str | None = None
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that got no answer: the unit is `errored`.

    Attributes:
        error_type: Class of the error, such as `BadRequestError`, `MalformedAnswer`, `APITimeoutError`.
        message: Written for the person who can mend it; holds no key.
    """

    error_type: str
    message: str
    usage: Usage = field(default_factory=Usage)
    cost_nano_usd: int | None = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A question that was not asked, because it could have cost more than is left. `scope` says of which budget."""

    scope: str


Said = Answer | Failure | OverBudget


@dataclass(frozen=True, slots=True)
class Amount:
    """Money and tokens."""

    nano_usd: int = 0
    tokens: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.nano_usd + other.nano_usd, self.tokens + other.tokens)

    def __sub__(self, other: Amount) -> Amount:
        """What is left of it."""
        return Amount(self.nano_usd - other.nano_usd, self.tokens - other.tokens)


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """One budget that a call counts against.

    Attributes:
        scope: For people: `run`, `task` or `day`.
        key: Names the account in the ledger: of this run, this task, or this task on this UTC day of spending.
        nano_usd: Most that may be spent, None where there is no limit in money.
        tokens: Most that may be used, prompt and completion, None where there is no limit in tokens.
    """

    scope: str
    key: str
    nano_usd: int | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What a number of questions came to.

    Attributes:
        questions: Questions dealt with.
        reused: Those that the cache or an equal question answered.
        calls: Calls the provider answered with a completion.
        repairs: Second tries after a malformed answer.
        retries: Calls sent again after a fault.
        refusals: Calls refused by a rate limit (429).
        unpriced: Calls whose price is unknown.
    """

    questions: int = 0
    reused: int = 0
    calls: int = 0
    repairs: int = 0
    retries: int = 0
    refusals: int = 0
    unpriced: int = 0
    usage: Usage = field(default_factory=Usage)
    nano_usd: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.questions + other.questions,
            self.reused + other.reused,
            self.calls + other.calls,
            self.repairs + other.repairs,
            self.retries + other.retries,
            self.refusals + other.refusals,
            self.unpriced + other.unpriced,
            self.usage + other.usage,
            self.nano_usd + other.nano_usd,
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What is known of some keys: `answers` are there already, `mine` may be asked now, the rest others are asking."""

    answers: Mapping[str, Answer]
    mine: frozenset[str]
