"""How well a sandbox is closed, and why not better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What holds confined code on this machine; stored with every run that used it.

    Attributes:
        tier: 1 namespaces with an empty root, 2 Landlock, 3 sealed: no path at all; None without any confinement.
        is_sealed: Whether confined code can open no file at all, libraries included.
        namespaces: `root` or `user`, by whose rights they were made; empty where there are none.
        landlock: Version of Landlock's interface; 0 without it.
        seccomp: Whether system calls are filtered.
        kernel: Release of the kernel.
        machine: Processor architecture, as `uname -m` spells it.
        packages: Import names that evaluators may use besides the standard library.
        reasons: Why it is not tighter, a sentence each.
    """

    tier: int | None
    is_sealed: bool
    namespaces: str
    landlock: int
    seccomp: bool
    kernel: str
    machine: str
    packages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def is_confined(self) -> bool:
        """Whether custom code is confined at all."""
        return self.tier is not None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
