"""Rules for imports: what the sandbox has, for friendly messages; what holds evaluators back is the sandbox itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from evals_pipeline.core.code_evaluator import ARIZE_MODULES, ARIZE_PATHS
from evals_pipeline.core.errors import did_you_mean
from evals_pipeline.evaluators.custom.findings import Findings
from evals_pipeline.evaluators.custom.tree import SourceTree, Statement, statements

OURS: Mapping[str, Collection[str]] = {
    "evals_pipeline": ("CodeEvaluator", "EvaluationResult"),
    "evals_pipeline.core.code_evaluator": ("CodeEvaluator", "EvaluationResult", "Evaluator", "LLMEvaluator"),
    "evals_pipeline.core.evaluator": ("AnnotatorKind", "EvaluationResult"),
}
"""What evaluators may import of this package."""

PUBLISHED: Mapping[str, Collection[str]] = {**ARIZE_MODULES, **OURS}
"""Modules whose names are known -> names."""

_COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "pandas": ("dateutil",),
    "pydantic": ("annotated_types", "pydantic_core", "typing_extensions", "typing_inspection"),
}
"""What is always installed along with a package."""

_ELSEWHERE = frozenset(
    {"_msi", "_overlapped", "_scproxy", "_winapi", "_wmi", "msilib", "msvcrt", "nt", "winreg", "winsound"}
)
"""Modules of the standard library that Linux does not have."""

_WITHOUT_EFFECT: Mapping[str, tuple[str, ...]] = {
    "network": (
        *("asyncio", "ftplib", "http.client", "http.server", "imaplib", "poplib", "select", "selectors", "smtplib"),
        *("socket", "socketserver", "ssl", "telnetlib", "urllib.request", "xmlrpc"),
    ),
    "processes": ("concurrent.futures", "multiprocessing", "pty", "signal", "subprocess"),
    "threads": ("_thread", "threading"),
    "files of its own": ("glob", "shutil", "tempfile"),
    "native code": ("ctypes", "mmap"),
    "screen": ("tkinter", "turtle", "webbrowser"),
}
"""What the sandbox has not -> modules that can be imported and then do nothing useful."""


@dataclass(frozen=True, slots=True)
class _Import:
    """An import of a module, or of a name in it."""

    statement: Statement
    alias: ast.alias
    module: str
    name: str | None = None

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def check_imports(findings: Findings, tree: SourceTree, packages: Collection[str]) -> tuple[str, ...]:
    """The modules that the source imports, by name."""
    found = list(_imports(findings, tree))
    available = _available(packages)
    for each in found:
        if each.package in ("arize", "evals_pipeline"):
            _check_published(findings, each)
        elif each.package not in available or each.package in _ELSEWHERE:
            _refuse(findings, each, packages)
        elif lacking := _lacking(each):
            message = f"{each.module!r} can be imported, but the sandbox has no {lacking}"
            findings.add("no-effect", each.alias, message)
    return tuple(dict.fromkeys(each.module for each in found))


def _imports(findings: Findings, tree: SourceTree) -> Iterator[_Import]:
    for statement in statements(tree.module.body):
        match statement.node:
            case ast.Import(names=names):
                yield from (_Import(statement, alias, alias.name) for alias in names)
            case ast.ImportFrom(level=level) if level:
                findings.add("relative-import", statement.node, "an evaluator is one file: import by a full name")
            case ast.ImportFrom(module=str(module), names=names):
                yield from (_Import(statement, alias, module, alias.name) for alias in names)


def _available(packages: Collection[str]) -> frozenset[str]:
    tops = [name.partition(".")[0] for name in packages]
    return sys.stdlib_module_names.union(tops, *(_COMPANIONS.get(top, ()) for top in tops))


def _lacking(found: _Import) -> str | None:
    names = {found.package, found.module, f"{found.module}.{found.name}"}
    return next((what for what, modules in _WITHOUT_EFFECT.items() if names & {*modules}), None)


def _refuse(findings: Findings, found: _Import, packages: Collection[str]) -> None:
    if found.statement.may_lack_module:
        message = f"the sandbox has no module {found.package!r}: what stands under `except` is what happens"
        findings.add("optional-module", _where(found), message)
        return
    message = f"the sandbox has no module {found.package!r}; it has the standard library, {', '.join(sorted(packages))}"
    findings.add("unavailable-module", _where(found), message + _hint(found, packages))


def _where(found: _Import) -> ast.AST:
    """The name of the module: in `from m import a, b` it has no node of its own, so the statement stands for it."""
    return found.alias if found.name is None else found.statement.node


def _hint(found: _Import, packages: Collection[str]) -> str:
    if found.name in ("CodeEvaluator", "EvaluationResult"):
        return f". Write: from evals_pipeline import {found.name}"
    near = did_you_mean(found.package, [*packages, *sys.stdlib_module_names], cutoff=0.8)
    return f". {near.capitalize()}" if near else ""


def _check_published(findings: Findings, found: _Import) -> None:
    names = PUBLISHED.get(found.module)
    paths = [path for path in PUBLISHED if path.startswith(found.package)]
    full = found.module if found.name is None else f"{found.module}.{found.name}"
    if any(path == full or path.startswith(f"{full}.") for path in paths):
        return
    if found.name == "*" and names:
        return
    if names is None:
        ours = ARIZE_PATHS[0] if found.package == "arize" else "evals_pipeline"
        message = (
            f"the sandbox has no module {found.module!r}. Write: from {ours} import CodeEvaluator, EvaluationResult"
        )
        code = "optional-module" if found.statement.may_lack_module else "unavailable-module"
        findings.add(code, _where(found), message)
    elif found.name not in names:
        near = did_you_mean(str(found.name), names)
        message = f"{found.module!r} has no {found.name!r} in the sandbox; it has: {', '.join(sorted(names))}"
        findings.add("unavailable-name", found.alias, f"{message}. {near.capitalize()}" if near else message)
