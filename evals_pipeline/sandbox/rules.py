"""The words in which `policy` says what is allowed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calls:
    """System calls that are allowed whatever their arguments are."""

    why: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The argument, as 32 bits, is one of these."""

    argument: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """The argument, as 32 unsigned bits, is smaller than this."""

    argument: int
    limit: int


@dataclass(frozen=True, slots=True)
class Without:
    """The argument has none of these bits."""

    argument: int
    bits: int


@dataclass(frozen=True, slots=True)
class OnlyReading:
    """The argument holds no other flags of open(2) than `READ_FLAGS`."""

    argument: int


@dataclass(frozen=True, slots=True)
class IsNull:
    """The argument, as 64 bits, is a null pointer."""

    argument: int


@dataclass(frozen=True, slots=True)
class IsSelf:
    """The argument is the process id of the worker, as it sees it itself."""

    argument: int


Test = OneOf | Below | Without | OnlyReading | IsNull | IsSelf


@dataclass(frozen=True, slots=True)
class Rule:
    """A call that is allowed where all tests of one of the alternatives hold."""

    call: str
    why: str
    alternatives: tuple[tuple[Test, ...], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A resource limit of a worker, soft and hard; the memory limit depends on what is imported (`lock`)."""

    name: str
    value: int
    why: str
