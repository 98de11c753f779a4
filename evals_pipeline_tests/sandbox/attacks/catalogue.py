"""All attacks, by kind."""

from __future__ import annotations

from evals_pipeline_tests.sandbox.attacks import (
    descriptors,
    environment,
    files,
    floods,
    forging,
    internals,
    ipc,
    kernel,
    network,
    poisoning,
    privileges,
    processes,
    resources,
    signals,
)
from evals_pipeline_tests.sandbox.attacks.attack import ATTACKS

KINDS = {
    module.__name__.rpartition(".")[2]
    for module in (
        descriptors,
        environment,
        files,
        floods,
        forging,
        internals,
        ipc,
        kernel,
        network,
        poisoning,
        privileges,
        processes,
        resources,
        signals,
    )
}

__all__ = ["ATTACKS", "KINDS"]
