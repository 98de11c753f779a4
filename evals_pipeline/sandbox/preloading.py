"""What the fork server imports before it confines itself, so that workers share it and need not look for it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa

from evals_pipeline.core.code_evaluator import use_arize_paths
from evals_pipeline.core.evaluator import EvaluationResult
from evals_pipeline.sandbox import loading, policy, results, rows, worker, zones
from evals_pipeline.sandbox.program import Program


def preload(wanted: Collection[str], packages: Collection[str], *, is_sealed: bool) -> None:
    """Import what workers need.

    Args:
        wanted: Modules of the standard library and of `packages` that the evaluators import.
        packages: What evaluators may import.
        is_sealed: Import all there is, as nothing can be opened later.
    """
    pa.set_cpu_count(1)  # or reading a batch would start threads
    pa.set_io_thread_count(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that nobody asked for
        for name in _everything(packages) if is_sealed else _usual(wanted):
            _import(name)
        if is_sealed:
            zones.preload_zones()
            _build_a_model()
    use_arize_paths(is_forced=True)
    _rehearse()


def _usual(wanted: Collection[str]) -> Iterator[str]:
    tops = {name.partition(".")[0] for name in wanted} | sys.stdlib_module_names
    yield from wanted
    yield from (name for name in policy.WARM_MODULES if name.partition(".")[0] in tops)


def _everything(packages: Iterable[str]) -> Iterator[str]:
    yield from (name for name in sorted(sys.stdlib_module_names - policy.SKIPPED_STDLIB) if name[0] != "_")
    yield from policy.WARM_MODULES
    for package in (*policy.SEALED_STDLIB, *policy.SEALED_PACKAGES, *packages):
        if module := _import(package):
            found = pkgutil.walk_packages(getattr(module, "__path__", ()), f"{package}.", onerror=lambda name: None)
            yield from (each.name for each in found if not any(part in each.name for part in policy.SKIPPED_PARTS))


def _import(name: str) -> object | None:
    try:
        return importlib.import_module(name)
    except BaseException:  # noqa: BLE001  # not installed, or broken: whoever imports it is told so, in a worker
        return None


def _build_a_model() -> None:
    """The first one looks for plugins, in files."""
    pydantic = importlib.import_module("pydantic")
    pydantic.create_model("Model", number=(int, 1))().model_dump_json()


def _rehearse() -> None:
    """Go the way of a batch once: some of what lies on it is imported when it is first used."""
    shown = {"time": pa.timestamp("us", "UTC"), "text": pa.string()}
    batch = pa.RecordBatch.from_arrays([pa.nulls(1, kind) for kind in shown.values()], list(shown))
    program = Program("", "", "", variables={"text": "text"}, row_columns=("time",), json_columns=frozenset({"text"}))
    for _ in rows.calls(bytearray(rows.packed(batch)), program):
        worker.settled(EvaluationResult(label="seen", metadata={"number": 1}))
    results.pack([results.NOTHING], [results.Failure(0, *loading.described(ValueError("é"), program.file))])
