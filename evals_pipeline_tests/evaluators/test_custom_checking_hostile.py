"""The static check and sources that nobody would write: a report always comes, and places lie inside the text."""

import ast
import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals_pipeline.evaluators.custom.checking import CheckReport, check_source
from evals_pipeline.evaluators.custom.problem_codes import PROBLEM_CODES
from evals_pipeline_tests.evaluators.test_custom_checking import CASES, marked
from evals_pipeline_tests.evaluators.test_custom_checking_agreement import HELPERS, IMPORTS, ORDINARY

SOURCES = [*ORDINARY, *(IMPORTS + each for each in HELPERS), *(marked(source)[0] for _, source in CASES)]
ODD = [
    *("(", ")", "[", "]", "{", "}", "'", '"', '"""', "'''", "\\", "\\\n", "\n", "\r", "\r\n", "\t", "\x0c", "\x1a"),
    *("\0", "\ud800", "\udfff", "\ufeff", "é", "日", "😀", "\u2028", "\x85", "\x0b", "_", "٣", "𝔵", "f'", 'f"{'),
    *("#", ":", "=", ":=", "*", "**", "@", "->", "...", ";", "$", "?", "`", "0x", "1e999", "1" * 5_000, "-" * 100),
    *("self.x", "self.x()", "self.__dict__", "setattr(self, 'y', 1)", "getattr(self, 'z', [1])", "getattr(self)"),
    *("lambda: 0", "yield", "await x", "return", "break", "nonlocal x", "global x", "del self.x", "import"),
    *("class Y(X): pass\n", "class X(X, X): pass\n", "class Z(X[0](), metaclass=f()): pass\n"),
    *("@property\n", "@x.y(z)\n", "    def evaluate(self): 1\n", "    evaluate = 3\n", "    x: float = 'a'\n"),
    *("match x:\n    case {'a': b, **c}: pass\n", "try:\n  pass\nexcept* E as e:\n  pass\n", "with a as b, c: pass\n"),
    *("if 1:\n elif 2:\n", "{x!r}", "from . import", "async def evaluate(): 1\n", "    x: int\n"),
    *( "x: list[str] = ['\\ud800']\n", "type A[T] = T\n", "def f[T: int](x: T): pass\n"),
]  # fmt: skip


def assert_is_sound(source: str, report: CheckReport) -> None:
    """What holds for every report."""
    lines = re.split(r"\r\n|\r|\n", source)
    for problem in report.problems:
        assert problem.code in PROBLEM_CODES
        assert problem.message
        assert 1 <= problem.line <= problem.end_line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert 1 <= problem.end_column <= len(lines[problem.end_line - 1]) + 1
        assert (problem.line, problem.column) <= (problem.end_line, problem.end_column)
    if report.is_ok:
        assert report.class_name
        compile(source, "evaluator", "exec")


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A source with some stretches cut, doubled, or something odd put in."""
    source = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(source)))
        end = min(at + draw(st.integers(0, 30)), len(source))
        match draw(st.sampled_from(["insert", "cut", "truncate", "repeat", "swap"])):
            case "insert":
                source = source[:at] + draw(st.sampled_from(ODD)) + source[at:]
            case "cut":
                source = source[:at] + source[end:]
            case "truncate":
                source = source[:at]
            case "repeat":
                source = source[:end] + source[at:end] * draw(st.integers(1, 50)) + source[end:]
            case _:
                source = source[:at] + draw(st.sampled_from(SOURCES))[at:]
    return source


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mutated_source_always_gets_a_sound_report(source: str) -> None:
    assert_is_sound(source, check_source(source))


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=100, deadline=None)
@given(st.text() | st.text(alphabet=st.sampled_from("()[]{}'\"\\#\n\r\t :=.,*@-~n f\ufeffé\0")))
def test_any_text_gets_a_sound_report(source: str) -> None:
    assert_is_sound(source, check_source(source))


DEEP = {
    "brackets": "(" * 30_000,
    "closed brackets": "x = " + "(" * 30_000 + ")" * 30_000,
    "signs": "x = " + "-" * 60_000 + "1",
    "signs apart": "x = " + "- " * 30_000 + "1",
    "nots": "x = " + "not " * 16_000 + "1",
    "sums": "x = " + "1+" * 30_000 + "1",
    "products of texts": "x = " + "'a'*9+" * 10_000 + "''",
    "powers": "x = " + "2**" * 20_000 + "1",
    "attributes": "x = a" + ".b" * 30_000,
    "calls": "x = a" + "()" * 30_000,
    "lambdas": "x = " + "lambda:" * 9_000 + "1",
    "choices": "x = " + "1 if 1 else " * 5_000 + "1",
    "comparisons": "x = " + "1<" * 30_000 + "1",
    "elifs": "def f(x):\n if x: return 1\n" + " elif x: return 1\n" * 3_000,
    "few elifs": "def evaluate(x):\n if x: return 1\n" + " elif x: return 1\n" * 700,
    "blocks": "".join(" " * depth + "if 1:\n" for depth in range(300)),
    "classes": "class C0: pass\n" + "".join(f"class C{at}(C{at - 1}): pass\n" for at in range(1, 2_000)),
    "bases": "".join(f"class C{at}: pass\n" for at in range(2_000))
    + "".join(f"class D{of}({', '.join(f'C{at}' for at in range(2_000))}): pass\n" for of in range(2)),
    "decorators": "@a\n" * 20_000 + "def f(): pass",
    "f-strings": "x = " + "f'{" * 10_000,
    "unclosed texts": "x = '''" + "\\'''" * 15_000,
    "quotes": '"' * 65_000,
    "backslashes": "\\" * 65_000,
    "one line": "x = [" + "1, " * 20_000 + "]",
    "names": "x = [" + ", ".join(f"a{at}" for at in range(9_000)) + "]",
    "blanks between signs": ("-" + " " * 999) * 65,
}


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP.keys())
def test_a_deep_or_long_source_gets_a_sound_report_soon(source: str) -> None:
    report = check_source(source[:65_536])

    assert_is_sound(source[:65_536], report)
    assert not report.is_ok


def test_no_depth_of_nesting_ends_the_process_on_a_small_stack() -> None:
    """Threads of a server have less stack than the main thread."""
    script = (
        "import sys, threading\n"
        "from evals_pipeline_tests.evaluators.test_custom_checking_hostile import DEEP\n"
        "from evals_pipeline.evaluators.custom.checking import check_source\n"
        "threading.stack_size(2 * 1024 * 1024)\n"
        "def check():\n"
        "    for source in DEEP.values():\n"
        "        check_source(source[:65_536])\n"
        "    print('all')\n"
        "thread = threading.Thread(target=check)\n"
        "thread.start()\n"
        "thread.join()\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (0, "all\n"), ran.stderr[-2_000:]


def test_a_report_takes_no_reference_to_the_tree_along() -> None:
    import gc

    source = SOURCES[0]
    check_source(source)
    gc.collect()
    before = sum(isinstance(each, ast.AST) for each in gc.get_objects())

    reports = [check_source(source) for _ in range(3)]

    assert sum(isinstance(each, ast.AST) for each in gc.get_objects()) <= before, reports[0]


def test_checks_in_many_threads_at_once_leave_warnings_and_collector_as_they_were() -> None:
    import gc
    import threading
    import warnings

    filters, shown = list(warnings.filters), warnings.showwarning
    sources = random.Random(7).sample(SOURCES, 20)
    threads = [threading.Thread(target=lambda: [check_source(each) for each in sources]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (list(warnings.filters), warnings.showwarning, gc.isenabled()) == (filters, shown, True)
