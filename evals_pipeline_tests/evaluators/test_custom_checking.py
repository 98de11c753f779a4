"""What the static check says of a source: every problem with its place, which each case marks with « and »."""

import re
import subprocess
import sys

import pytest

from evals_pipeline.core.code import CodeSettings, ParameterSpec
from evals_pipeline.core.evaluator import Parameter, ParameterType
from evals_pipeline.evaluators.custom.checking import CheckReport, check_source
from evals_pipeline.evaluators.custom.problem_codes import PROBLEM_CODES

IMPORTS = "from evals_pipeline import CodeEvaluator, EvaluationResult\n"
GOOD = "return EvaluationResult(score=1)"
HEAD = "def evaluate(self, *, output=None, **kwargs):"
MARKS = re.compile("«(.*?)»", re.DOTALL)


def body(*lines: str, head: str = HEAD, before: str = "", bases: str = "(CodeEvaluator)") -> str:
    """An evaluator whose evaluate() has these lines."""
    inside = "".join(f"        {line}\n" for line in lines or (GOOD,))
    return f"{IMPORTS}{before}class X{bases}:\n    {head}\n{inside}"


def members(*lines: str, **parts: str) -> str:
    """An evaluator with these lines in the class beside a good evaluate()."""
    return body(**parts) + "".join(f"    {line}\n" for line in lines)


def marked(source: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """The source without marks, and the place that they enclose."""
    found = MARKS.search(source)
    if found is None:
        return source, None
    lines = re.split(r"\r\n|\r|\n", source[: found.start()])
    inside = re.split(r"\r\n|\r|\n", found[1])
    line, column = len(lines), len(lines[-1]) + 1
    end = (line + len(inside) - 1, len(inside[-1]) + (column if len(inside) == 1 else 1))
    return MARKS.sub(r"\1", source), (line, column, *end)


def codes(report: CheckReport) -> list[str]:
    return [problem.code for problem in report.problems]


CASES: list[tuple[str, str]] = [
    # the text
    ("null-character", "x = 1\ny = '«\0»'"),
    ("byte-order-mark", "«\ufeff»import re"),
    ("encoding", "x = 1\nyé = '«\ud800»'"),
    ("too-deep", "x = " + "[" * 80 + "«[»" + "]" * 81),
    ("too-deep", "x = '(' + " + "(" * 80 + "«(»" + ")" * 81),
    ("too-deep", "x = «-»" + "-" * 90 + "1"),
    ("too-deep", "x = «n»ot " + "not " * 90 + "1"),
    # the syntax
    ("syntax", "class X:«:»"),
    ("syntax", "é = 'é'; x = «$» 1"),
    ("syntax", "def f():\n«return» 1"),
    ("syntax", "é = 'ä'; «return 1»"),
    ("syntax", "def f(ü, a, «a»): pass"),
    ("syntax", "x = «(»1,\n\n"),
    ("syntax", "x = «'»abc"),
    ("syntax", "def f():\n\treturn 1\n« »       return 2"),
    ("syntax-warning", body("x = output is 1»", GOOD).replace("        x", "«        x")),
    # imports
    ("unavailable-module", "import «requests»\n" + body()),
    ("unavailable-module", "import re, «torch.nn as m»\n" + body()),
    ("unavailable-module", "«from anthropic import Anthropic»\n" + body()),
    ("unavailable-module", body("import «httpx»", GOOD)),
    ("unavailable-module", "import «winreg»\n" + body()),
    ("unavailable-module", "«from arize.pandas.logger import Client»\n" + body()),
    ("unavailable-module", "«from phoenix.experiments.evaluators import CodeEvaluator as C»\n" + body()),
    ("optional-module", "try:\n    import «ujson as json»\nexcept ImportError:\n    import json\n" + body()),
    ("unavailable-name", "from arize.experiments.evaluators.base import «Experiment»\n" + body()),
    ("unavailable-name", "from evals_pipeline import «evaluator»\n" + body()),
    ("relative-import", "«from .words import RUDE»\n" + body()),
    ("no-effect", "import «socket»\n" + body()),
    ("no-effect", "from concurrent.futures import «ThreadPoolExecutor»\n" + body()),
    # names
    ("undefined-name", body("return «EvaluationResut»(score=1)")),
    ("undefined-name", body("é = len('é') if «outptu» else 0", GOOD)),
    ("undefined-name", "from arize.experiments.evaluators.base import *\n" + body("return «Evaluated»(score=1)")),
    ("undefined-name", body(head="def evaluate(self, *, output: «Any» = None, **kwargs):")),
    # the class
    ("no-class", "«»x = 1"),
    ("no-evaluator", "class «X»:\n    pass"),
    ("no-evaluator", IMPORTS + "class «X»(CodeEvaluator, is_abstract=True):\n    pass"),
    ("many-evaluators", body() + "class «Y»(CodeEvaluator):\n    " + HEAD + "\n        " + GOOD),
    ("no-base", body(bases="").replace("class X", "class «X»").replace("CodeEvaluator, ", "")),
    ("class-bases", "from abc import ABC\n" + body(bases="(ABC, CodeEvaluator)").replace("class X", "class «X»")),
    ("class-keyword", body(bases="(CodeEvaluator, «strict=True»)")),
    ("needs-arguments", members("def «__init__»(self, limit): self.limit = limit")),
    (
        "needs-arguments",
        "from dataclasses import dataclass\n"
        + body().replace("class X", "@dataclass\nclass X").replace("    def ", "    «limit: int»\n    def "),
    ),
    (
        "abstract-method",
        "from abc import abstractmethod\n"
        + IMPORTS
        + f"class Base(CodeEvaluator):\n    {HEAD}\n        return self.verdict()\n"
        + "    @abstractmethod\n    def verdict(self): ...\nclass «X»(Base):\n    pass",
    ),
    (
        "frozen-class",
        members("limit: int = 1", "def other(self): return self.limit", before="from dataclasses import dataclass\n")
        .replace("class X", "@«dataclass(frozen=True)»\nclass X"),
    ),
    # evaluate()
    ("no-evaluate", body(bases="").replace("class X", "class «X»(CodeEvaluator)").replace("evaluate(", "judge(")),
    ("no-method", IMPORTS + "class X(CodeEvaluator):\n    «evaluate = lambda self, **kwargs: EvaluationResult(1)»"),
    ("async", body(head=f"async {HEAD}").replace(" evaluate(", " «evaluate»(")),
    ("async", body(head=f"async {HEAD}").replace(" evaluate(", " «async_evaluate»(")),
    ("generator", body("«yield EvaluationResult(score=1)»")),
    ("not-of-objects", body(head=f"@«staticmethod»\n    {HEAD}")),
    ("not-of-objects", body(head=f"@«classmethod»\n    {HEAD}").replace("self", "cls")),
    ("decorated", body(head=f"@«cached»\n    {HEAD}", before="from functools import cache as cached\n")),
    ("no-self", body(head="def «evaluate»(*, output=None, **kwargs):")),
    ("no-self", body(head="def evaluate(«this», *, output=None, **kwargs):")),
    ("var-positional", body(head="def evaluate(self, *«args», output=None, **kwargs):")),
    ("positional-only", body(head="def evaluate(self, «output»=None, /, **kwargs):")),
    ("not-keyword-only", body(head="def evaluate(self, «output»=None, **kwargs):")),
    ("no-kwargs", body(head="def «evaluate»(self, *, output=None):")),
    ("no-default", body(head="def evaluate(self, *, output=None, «text», **kwargs):")),
    ("no-default", body(head="def evaluate(\n        self,\n        *,\n        «größe»,\n        **kwargs,\n    ):")),
    ("private-variable", body(head="def evaluate(self, *, «__output»=None, **kwargs):")),
    ("no-variables", body(head="def «evaluate»(self, **kwargs):")),
    # results
    ("no-result", body("pass", head=HEAD.replace("evaluate", "«evaluate»"))),
    ("no-result", body("def inner(): return 1", "inner()", head=HEAD.replace("evaluate", "«evaluate»"))),
    ("may-return-nothing", body(f"if output: {GOOD}", head=HEAD.replace("evaluate", "«evaluate»"))),
    ("may-return-nothing", body("if output:", "    «return»", GOOD)),
    ("may-return-nothing", body("return EvaluationResult(score=1) if output else «None»")),
    ("not-a-result", body("if output: return «True»", GOOD)),
    ("not-a-result", body("if output: return «{'score': 1}»", GOOD)),
    ("wrong-result", body("return EvaluationResult(«value=1»)")),
    ("wrong-result", body("return «EvaluationResult(explanation='why')»")),
    ("wrong-result", body("return EvaluationResult(1, 'a', 'b', {}, «5»)")),
    # static parameters
    ("unknown-method", body("return «self.verdict»(output)")),
    ("unset-attribute", body("return EvaluationResult(score=«self._limit»)")),
    ("unset-attribute", body("return EvaluationResult(score=«self.LIMIT»)")),
    ("undeclared-parameter", members("score = 1", "def other(self): return «self.scoore»")),
    ("parameter-default", members("«limit: float = 'a'»", "def other(self): return self.limit")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "source"), CASES, ids=[f"{code}-{at}" for at, (code, _) in enumerate(CASES)])
def test_a_problem_is_reported_with_its_code_and_place(code: str, source: str) -> None:
    text, place = marked(source)

    report = check_source(text)

    assert codes(report) == [code], report.problems
    problem = report.problems[0]
    assert (problem.line, problem.column, problem.end_line, problem.end_column) == place
    assert report.is_ok == (PROBLEM_CODES[code].severity == "warning")
    assert problem.severity == PROBLEM_CODES[code].severity


def test_a_source_may_have_64_kib_and_no_more() -> None:
    longest = body() + "#" * (65_536 - len(body()))

    assert check_source(longest).is_ok
    assert codes(check_source(longest + "#")) == ["too-long"]
    assert codes(check_source(longest[:-1] + "é")) == ["too-long"]


def test_every_code_is_documented_in_a_sentence_and_met_by_a_case() -> None:
    declared = {"unread-parameter", "assigned-parameter", "parameter-type", "too-long"}

    assert all(each.meaning.endswith(".") for each in PROBLEM_CODES.values())
    assert {code for code, _ in CASES} | declared == set(PROBLEM_CODES)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("code", ["unavailable-module", "undefined-name", "no-default"])
def test_places_are_right_whatever_ends_a_line(end: str, code: str) -> None:
    for each, source in CASES:
        if each == code:
            text, place = marked(source.replace("\n", end))
            problem = check_source(text).problems[0]
            assert (problem.line, problem.column, problem.end_line, problem.end_column) == place


@pytest.mark.parametrize(
    "line",
    [
        "        x =\t«undefined_»",
        "        x = 'äöü😀' + «undefined_»",
        "        x = '\u2028\x0b\x1c'; y = «undefined_»",
        "        x = 1;\x0c y =\x0c«undefined_»",
        "        x = f'é {«undefined_»}'",
        "        x = (\n'日本',\n   «undefined_»)",
    ],
    ids=["tab", "wide", "line separators", "form feed", "f-string", "several lines"],
)
def test_columns_are_counted_in_characters(line: str) -> None:
    source = IMPORTS + f"class X(CodeEvaluator):\n    {HEAD}\n{line}\n"
    text, place = marked(f"{source}        {GOOD}\n")

    problem = check_source(text).problems[0]

    assert (problem.code, problem.line, problem.column, problem.end_line, problem.end_column) == (
        "undefined-name",
        *(place or ()),
    )


def test_variables_are_the_named_parameters_with_their_defaults_and_places() -> None:
    head = (
        "def evaluate(self, *, dataset_row, input: str, ä='é', größe: int | None = None, **kwargs) -> EvaluationResult:"
    )

    report = check_source(body(head=head))

    assert report.is_ok
    assert report.takes_row
    found = [(each.name, each.is_required, each.default, each.annotation) for each in report.variables]
    assert found == [
        ("input", True, None, "str"),
        ("ä", False, "'é'", ""),
        ("größe", False, "None", "int | None"),
    ]
    places = [(each.line, each.column, each.end_column) for each in report.variables]
    assert places == [(3, 40, 45), (3, 52, 53), (3, 59, 64)]


def test_the_evaluator_is_the_class_that_no_other_builds_on() -> None:
    source = IMPORTS + (
        "class Base(CodeEvaluator):\n"
        "    limit: float = 0.5\n"
        "    def evaluate(self, *, output=None, extra=1, **kwargs):\n"
        "        return self.verdict(output)\n"
        "class Polite(Base):\n"
        "    '''Is it polite?'''\n"
        "    limit: int = 3\n"
        "    def verdict(self, text):\n"
        "        return EvaluationResult(score=len(text) > self.limit)\n"
    )

    report = check_source(source)

    assert (codes(report), report.class_name, report.docstring) == ([], "Polite", "Is it polite?")
    assert [each.name for each in report.variables] == ["output", "extra"]
    assert report.parameters == (Parameter("limit", "number", "", default=3),)


@pytest.mark.parametrize(
    "source",
    [
        "from arize.experimental.datasets.experiments.evaluators.base import CodeEvaluator as CE, EvaluationResult\n"
        + body(bases="(CE)").replace(IMPORTS, ""),
        "from arize.experimental.datasets.experiments.evaluators import base\n"
        + body("return base.EvaluationResult(1)", bases="(base.CodeEvaluator)").replace(IMPORTS, ""),
        "import arize.experiments.evaluators.base\n" + body(bases="(arize.experiments.evaluators.base.CodeEvaluator)"),
        "from arize.experiments.evaluators.base import *\n" + body().replace(IMPORTS, ""),
        "from arize.experimental.datasets.experiments.types import JSONSerializable, EvaluationResult\n" + body(),
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n" + body(head=HEAD.replace("output=", "output: torch.Tensor = ")),
        "from typing import Generic, TypeVar\nT = TypeVar('T')\n" + body(bases="(CodeEvaluator, Generic[T])"),
        "from typing_extensions import override\n" + body(head=f"@override\n    {HEAD}"),
        body(before="class _Part(CodeEvaluator):\n    " + HEAD + "\n        " + GOOD + "\n"),
        body() + "if __name__ == '__main__':\n    import requests\n    print(X().evaluate(output='a'))\n",
        "try:\n    unicode\nexcept NameError:\n    pass\n" + body(),
        body("try:", f"    {GOOD}", "except ValueError as error:", "    raise RuntimeError(str(error))"),
        body("match output:", "    case [first, *rest]:", "        return rest[first]", f"    case _: {GOOD}"),
        body("while True:", f"    {GOOD}"),
        body("with open('x') as file:", "    return EvaluationResult(label=file.name)"),
        body("limit = [n for n in range(3) if (m := n)]", "return EvaluationResult(score=limit[0] + m)"),
        "x = ('(', '[', '{', ':-(') * 3  # ((((\n" + "y = '(((((((((((((((((((((((((((((((((((((((('\n" * 3 + body(),
        "import numpy as np, pandas as pd, scipy.stats, pydantic, jellyfish, dateutil.parser\n" + body(),
    ],
)  # fmt: skip
def test_ordinary_sources_have_no_problems(source: str) -> None:
    report = check_source(source)

    assert (codes(report), report.class_name, report.is_ok) == ([], "X", True)


def test_the_operator_may_add_packages() -> None:
    source = "import yaml\nfrom sklearn.metrics import f1_score\n" + body()

    assert codes(check_source(source, packages=("sklearn", "yaml"))) == []
    assert check_source(source).imports == ("yaml", "sklearn.metrics", "evals_pipeline")


def spec(kind: ParameterType, default: object = None, description: str = "") -> ParameterSpec:
    return ParameterSpec.model_validate({"type": kind, "default": default, "description": description})


def settings(**parameters: ParameterSpec) -> CodeSettings:
    return CodeSettings(name="x", kind="code", parameters=parameters)


def test_parameters_are_what_the_class_reads_and_does_not_set() -> None:
    source = members(
        "limit: float = 0.5",
        "words: list[str] = ['a', 'b']",
        "strict: bool = False",
        "model: 'str | None' = None",
        "exact: int",
        "LIMIT: int = 3",
        "_cache: int = 0",
        "fixed = 1",
        "def __init__(self): self.made = 2",
        "def other(self):",
        "    self.counted: int = 0",
        "    getattr(self, 'optional', 7)",
        "    return (self.limit, self.words, self.strict, self.model, self.exact, self.LIMIT, self._cache, self.fixed,",
        "            self.made, self.counted, self.pattern, self.name, self.__class__, self.other, self.limit)",
    )

    report = check_source(source)

    assert codes(report) == []
    assert report.parameters == (
        Parameter("optional", "number", "", default=7),
        Parameter("limit", "number", "", default=0.5),
        Parameter("words", "string_array", "", default=("a", "b")),
        Parameter("strict", "boolean", "", default=False),
        Parameter("model", "string", ""),
        Parameter("exact", "number", "", is_required=True),
        Parameter("pattern", None, "", is_required=True),
    )
    assert report.places["pattern"].line == 18


def test_the_yaml_beside_the_source_says_types_defaults_and_descriptions() -> None:
    source = body("return EvaluationResult(label=self.pattern + self.words[0])")
    beside = settings(pattern=spec("regex", "a+", "What to look for."), words=spec("string_array"))

    report = check_source(source, settings=beside)

    assert codes(report) == []
    assert report.parameters == (
        Parameter("pattern", "regex", "What to look for.", default="a+"),
        Parameter("words", "string_array", "", is_required=True),
    )


@pytest.mark.parametrize(
    ("code", "beside", "source"),
    [
        ("unread-parameter", settings(limit=spec("number")), body()),
        ("undeclared-parameter", settings(limit=spec("number")), body("return EvaluationResult(self.rate)")),
        ("assigned-parameter", settings(limit=spec("number")), members("def other(self): self.limit = self.limit")),
        ("parameter-type", settings(limit=spec("string")), members("limit: float = 1", "def other(self): self.limit")),
        ("parameter-default", settings(limit=spec("number", "x")), body("return EvaluationResult(self.limit)")),
        ("parameter-default", settings(limit=spec("regex", "(")), body("return EvaluationResult(self.limit)")),
        ("parameter-default", settings(limit=spec("boolean", 1)), body("return EvaluationResult(self.limit)")),
    ],
)  # fmt: skip
def test_declared_parameters_are_compared_with_those_that_are_read(
    code: str, beside: CodeSettings, source: str
) -> None:
    found = codes(check_source(source, settings=beside))

    assert code in found


def test_a_parameter_may_be_read_and_given_a_default_while_the_object_is_made() -> None:
    source = members("def __init__(self):", "    self.limit = 3", "    self.found = self.pattern * self.limit")

    report = check_source(source, settings=settings(limit=spec("number", 4), pattern=spec("string")))

    assert codes(report) == []
    assert [each.name for each in report.parameters] == ["pattern", "limit"]


def test_a_misspelled_parameter_is_told_apart_with_a_hint() -> None:
    report = check_source(
        body("return EvaluationResult(self.treshold)"), settings=settings(threshold=spec("number", 1))
    )

    assert {problem.code: "threshold" in problem.message for problem in report.problems} == {
        "undeclared-parameter": True,
        "unread-parameter": True,
    }


def test_what_may_be_set_elsewhere_is_no_parameter() -> None:
    dynamic = members(
        "def __init__(self):", "    for name in ('a', 'b'): setattr(self, name, 1)", "def c(self): self.a"
    )
    inherited = "from collections import UserDict\n" + body(
        "return EvaluationResult(self.data['a'])", bases="(CodeEvaluator, UserDict)"
    )

    assert [check_source(source).parameters for source in (dynamic, inherited)] == [(), ()]


def test_the_check_neither_runs_nor_imports_anything_of_the_source(tmp_path: object) -> None:
    source = "import antigravity\nprint('ran')\nopen('ran', 'w')\nraise SystemExit\n" + body()
    script = (
        "import sys\n"
        "from evals_pipeline.evaluators.custom.checking import check_source\n"
        "before = set(sys.modules)\n"
        f"check_source({source!r})\n"
        "print(sorted(set(sys.modules) - before))\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'pyarrow', 'duckdb', 'sqlalchemy', 'dagster', 'jellyfish'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], cwd=str(tmp_path), capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n[]\n"
