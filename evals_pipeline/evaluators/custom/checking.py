"""The static check of custom evaluators: what a source says of its evaluator, and what is wrong, without running it.

It is there to help people who write evaluators. What holds back an evaluator that means harm is the sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from evals_pipeline.core.code import CodeSettings
from evals_pipeline.core.evaluator import Parameter
from evals_pipeline.evaluators.custom.classes import FoundClass, find_classes, find_evaluator
from evals_pipeline.evaluators.custom.findings import Findings, Place, Problem, SourceText
from evals_pipeline.evaluators.custom.imports import check_imports
from evals_pipeline.evaluators.custom.making import check_frozen, check_keywords, check_making
from evals_pipeline.evaluators.custom.names import check_names
from evals_pipeline.evaluators.custom.returns import check_results, check_returns
from evals_pipeline.evaluators.custom.signature import FoundVariable, check_contract, check_evaluate, find_variables
from evals_pipeline.evaluators.custom.source_text import check_text
from evals_pipeline.evaluators.custom.static_parameters import find_parameters
from evals_pipeline.evaluators.custom.syntax import parsed, without_collector
from evals_pipeline.evaluators.custom.tree import SourceTree
from evals_pipeline.sandbox.settings import PACKAGES


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the check found; what comes after a problem that ends the check is empty.

    Attributes:
        class_name: The class that is the evaluator; None where it cannot be told.
        docstring: That of the class, without its indentation.
        variables: Parameters of `evaluate` that a task maps, in their order.
        takes_row: Whether `evaluate` has `dataset_row`.
        parameters: What the class reads as `self.<name>` and a task gives; `type` is None where nothing says it.
        places: Parameter -> where it is read first.
        imports: Modules that are imported, by full name.
        problems: In the order of the text.
    """

    class_name: str | None = None
    docstring: str = ""
    variables: tuple[FoundVariable, ...] = ()
    takes_row: bool = False
    parameters: tuple[Parameter, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the source can be an evaluator; warnings do not keep it from being one."""
        return not any(problem.severity == "error" for problem in self.problems)


def check_source(
    source: str, *, packages: Collection[str] = PACKAGES, settings: CodeSettings | None = None
) -> CheckReport:
    """Check the source of a custom evaluator; nothing of it is run or imported, and no source makes it fail.

    Args:
        source: Python, as it stands in the file.
        packages: What evaluators may import besides the standard library.
        settings: What stands in the YAML beside it; its parameters are compared with those that the class reads.
    """
    with without_collector():
        return _checked(source, packages, settings)


def _checked(source: str, packages: Collection[str], settings: CodeSettings | None) -> CheckReport:
    findings = Findings(SourceText(source))
    module = parsed(findings) if check_text(findings) else None
    if module is None:
        return CheckReport(problems=tuple(findings.problems))
    tree = SourceTree(module)
    imports = check_imports(findings, tree, packages)
    check_names(findings, tree)
    check_results(findings, tree)
    classes = find_classes(findings, module)
    check_keywords(findings, classes)
    check_contract(findings, classes)
    evaluator = find_evaluator(findings, classes)
    if evaluator is None:
        return CheckReport(imports=imports, problems=_sorted(findings))
    report = _described(findings, tree, evaluator, settings)
    return replace(report, imports=imports, problems=_sorted(findings))


def _described(
    findings: Findings, tree: SourceTree, evaluator: FoundClass, settings: CodeSettings | None
) -> CheckReport:
    check_making(findings, evaluator)
    method = check_evaluate(findings, evaluator)
    variables: tuple[FoundVariable, ...] = ()
    takes_row = False
    if method is not None:
        variables, takes_row = find_variables(findings, method)
        check_returns(findings, method)
    parameters, places = find_parameters(findings, tree, evaluator, settings)
    if parameters:
        check_frozen(findings, evaluator)
    return CheckReport(
        class_name=evaluator.name,
        docstring=_plain(ast.get_docstring(evaluator.node) or ""),
        variables=variables,
        takes_row=takes_row,
        parameters=parameters,
        places=places,
    )


def _sorted(findings: Findings) -> tuple[Problem, ...]:
    return tuple(sorted(findings.problems, key=lambda each: (each.line, each.column)))


def _plain(text: str) -> str:
    """As files and databases can hold it."""
    return text.encode(errors="replace").decode().replace("\0", "")
