"""How well a sandbox is closed, and why not better."""

from __future__ import annotations

from collections.abc import Mapping
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

    @property
    def summary(self) -> str:
        """What holds, in a line, such as `tier 1, namespaces root, Landlock 7, seccomp`."""
        if not self.is_confined:
            return "none: custom code has the rights of the pipeline (EVALS_SANDBOX=unsafe)"
        layers = {
            "sealed": self.is_sealed,
            f"namespaces {self.namespaces}": bool(self.namespaces),
            f"Landlock {self.landlock}": bool(self.landlock),
            "seccomp": self.seccomp,
        }
        return ", ".join([f"tier {self.tier}", *(layer for layer, holds in layers.items() if holds)])

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> SandboxReport:
        """The report that `as_dict` wrote."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
