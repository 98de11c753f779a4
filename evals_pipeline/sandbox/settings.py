"""What the operator decides about the sandbox, in the environment of the installation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from evals_pipeline.core.errors import ConfigError

UNSAFE = "unsafe"
PACKAGES = ("numpy", "pandas", "scipy", "pydantic", "jellyfish")
"""What evaluators may import besides the standard library, by default."""

LOWEST_TIER = 3


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Decisions of the operator; never of a project file, which those write who are to be confined.

    Attributes:
        is_unsafe: Run custom code with the rights of this process (`EVALS_SANDBOX=unsafe`).
        min_tier: The weakest confinement that will do, from 1 to 3 (`EVALS_SANDBOX_MIN_TIER`).
        packages: What evaluators may import (`EVALS_SANDBOX_PACKAGES` adds installed ones, separated by commas).
        workers: Processes of a run; None for one per core (`EVALS_SANDBOX_WORKERS`).
    """

    is_unsafe: bool = False
    min_tier: int = LOWEST_TIER
    packages: tuple[str, ...] = PACKAGES
    workers: int | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> SandboxSettings:
        """Read them; raises ConfigError for a value that means nothing."""
        mode = environment.get("EVALS_SANDBOX", "").strip().lower()
        if mode not in ("", UNSAFE):
            raise ConfigError(f"EVALS_SANDBOX={mode!r} means nothing", hint=f"leave it unset, or write {UNSAFE!r}")
        for name in _added(environment):
            if not _is_module(name):
                raise ConfigError(
                    f"EVALS_SANDBOX_PACKAGES names {name!r}, which cannot be imported",
                    hint="write import names, separated by commas: sklearn,dateutil",
                )
        workers = environment.get("EVALS_SANDBOX_WORKERS", "").strip()
        return cls(
            is_unsafe=mode == UNSAFE,
            min_tier=_number(environment.get("EVALS_SANDBOX_MIN_TIER", "").strip() or str(LOWEST_TIER), "MIN_TIER", 3),
            packages=allowed_packages(environment),
            workers=_number(workers, "WORKERS", 1_024) if workers else None,
        )


def allowed_packages(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """What evaluators may import besides the standard library, whatever the other settings say.

    A name that cannot be one is left out here, so that reading a file never fails for what `SandboxSettings.of` tells.
    """
    return tuple(dict.fromkeys((*PACKAGES, *filter(_is_module, _added(environment)))))


def _added(environment: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in environment.get("EVALS_SANDBOX_PACKAGES", "").split(",") if name.strip()]


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _number(text: str, name: str, most: int) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= most):
        raise ConfigError(
            f"EVALS_SANDBOX_{name}={text!r} is no number from 1 to {most}",
            hint="leave it unset for the default, or write such a number",
        )
    return int(text)
