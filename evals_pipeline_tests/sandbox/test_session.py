import threading
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pyarrow as pa
import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.core.evaluator import EXPLANATION_LENGTH
from evals_pipeline.sandbox import session as session_module
from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits, Program, result_schema
from evals_pipeline.sandbox.session import PART_BYTES
from evals_pipeline_tests.sandbox.programs import COLUMN, FILE, FIRST_LINE, batch, errors, judging, labels, written

SHORT = Limits(row_seconds=0.3, load_seconds=5)

ON_A_BUSY_MACHINE = 15  # seconds; alone it takes one

ECHO = "return EvaluationResult(label=output)"


def evaluated(sandbox: Sandbox, program: Program, rows: pa.RecordBatch, limits: Limits = SHORT) -> pa.Table:
    with sandbox.session(program, limits) as session:
        return session.evaluate(rows)


def test_rows_have_their_results_in_their_order(sandbox: Sandbox) -> None:
    program = judging(
        "return EvaluationResult(score=len(output), label=output[:3], explanation=output, metadata={'a': 1})"
    )
    outputs = [f"{number} naïve" for number in range(10_000)]

    table = evaluated(sandbox, program, batch(*outputs))

    table.validate(full=True)
    assert table.schema == result_schema()
    assert table["explanation"].to_pylist() == outputs
    assert table["score"].to_pylist() == [float(len(each)) for each in outputs]
    assert table["metadata"].to_pylist() == ['{"a":1}'] * 10_000


def test_a_session_takes_batch_after_batch_in_one_worker(unsafe: Sandbox) -> None:
    program = judging("self.seen = getattr(self, 'seen', 0) + 1; return EvaluationResult(score=self.seen)")

    with unsafe.session(program) as session:
        scores = [session.evaluate(batch("a", "b"))["score"].to_pylist() for _ in range(3)]

    assert scores == [[1, 2], [3, 4], [5, 6]]


def test_no_rows_have_no_results(unsafe: Sandbox) -> None:
    assert evaluated(unsafe, judging(ECHO), batch()).num_rows == 0


def test_a_class_pasted_from_arize_runs_unchanged(sandbox: Sandbox) -> None:
    program = written(
        """
        from typing import Any, Mapping, Optional
        from arize.experimental.datasets.experiments.evaluators.base import (
            EvaluationResult,
            CodeEvaluator,
        )
        from arize.experiments.evaluators.base import CodeEvaluator as OfVersion8

        class Sample(CodeEvaluator):
            def evaluate(self, *, dataset_row: Optional[Mapping[str, Any]] = None, output=None, **kwargs):
                assert OfVersion8 is CodeEvaluator
                return EvaluationResult(score=1.0, label=output, explanation=self.name + str(sorted(dataset_row)))
        """,
        variables={"output": COLUMN},
        row_columns=(COLUMN,),
    )

    table = evaluated(sandbox, program, batch("fine"))

    assert table.to_pylist()[0]["label"] == "fine"
    assert table.to_pylist()[0]["explanation"] == "Sample['attributes.output.value']"


def test_parameters_are_attributes_and_values_have_their_types(sandbox: Sandbox) -> None:
    program = judging(
        "return EvaluationResult(label=f'{self.limit} {self.words} {when.isoformat()} {data} {count + 1}')",
        parameters={"limit": 0.5, "words": ["a", "b"]},
        variables={"when": "start_time", "data": "attributes.metadata", "count": "tokens"},
        json_columns=frozenset({"attributes.metadata"}),
    )
    program = Program(
        **{
            **{name: getattr(program, name) for name in Program.__slots__},
            "source": program.source.replace("output=None", "when=None, data=None, count=None"),
        }
    )
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array([datetime(2025, 3, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            pa.array(['{"a": [1]}']),
            pa.array([41]),
        ],
        ["start_time", "attributes.metadata", "tokens"],
    )

    table = evaluated(sandbox, program, rows)

    assert labels(table) == ["0.5 ['a', 'b'] 2025-03-01T00:00:00+00:00 {'a': [1]} 42"]


def test_a_constructor_sees_the_parameters_and_does_not_overwrite_them(unsafe: Sandbox) -> None:
    program = written(
        """
        import re
        from evals_pipeline import CodeEvaluator, EvaluationResult

        class Sample(CodeEvaluator):
            def __init__(self):
                self.compiled = re.compile(self.pattern)
                self.pattern = "default"

            def evaluate(self, *, output=None, **kwargs):
                return EvaluationResult(label=f"{self.pattern} {bool(self.compiled.match(output))}")
        """,
        parameters={"pattern": "a+"},
        variables={"output": COLUMN},
    )

    assert labels(evaluated(unsafe, program, batch("aa", "b"))) == ["a+ True", "a+ False"]


def test_a_row_that_raises_is_an_error_with_class_message_and_line(sandbox: Sandbox) -> None:
    program = judging(
        """
        if output == "bad":
            return EvaluationResult(score=1 / 0)
        return EvaluationResult(label=output)
        """
    )

    table = evaluated(sandbox, program, batch("a", "bad", "b"))

    assert labels(table) == ["a", "ZeroDivisionError", "b"]
    assert errors(table)[1] == f"division by zero ({FILE}, line {FIRST_LINE + 1})"
    assert table["score"].to_pylist() == [None] * 3


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param("return None", "InvalidResult", id="nothing"),
        pytest.param("return EvaluationResult(score=float('nan'))", "ValueError", id="nan"),
        pytest.param("return EvaluationResult(score='0.5')", "TypeError", id="text-as-score"),
        pytest.param("return EvaluationResult(explanation='because')", "ValueError", id="explanation-alone"),
        pytest.param("return EvaluationResult(label='x' * 101)", "InvalidResult", id="long-label"),
        pytest.param("return EvaluationResult(label='x' * 2**27)", "InvalidResult", id="label-of-128-mb"),
        pytest.param("raise SystemExit(3)", "SystemExit", id="system-exit"),
        pytest.param("import sys; sys.exit()", "SystemExit", id="sys-exit"),
        pytest.param("raise KeyboardInterrupt", "KeyboardInterrupt", id="interrupt"),
        pytest.param("raise GeneratorExit", "GeneratorExit", id="generator-exit"),
        pytest.param("self.evaluate(output=output)", "RecursionError", id="recursion"),
        pytest.param("return 'x' * 2**34", "MemoryError", id="memory"),
        pytest.param("input()", "EOFError", id="input"),
    ],
)
def test_whatever_a_row_does_it_is_alone_in_it(unsafe: Sandbox, body: str, error: str) -> None:
    program = judging(f"if output == 'bad':\n    {body}\nelse:\n    {ECHO}")

    table = evaluated(unsafe, program, batch("a", "bad", "b"))

    assert labels(table) == ["a", error, "b"]


def test_an_exception_that_will_not_be_printed_is_an_error_like_others(unsafe: Sandbox) -> None:
    program = judging(
        """
        class Mute(Exception):
            def __str__(self):
                raise MemoryError
        raise Mute
        """
    )

    table = evaluated(unsafe, program, batch("a"))

    assert labels(table) == ["Mute"]
    assert errors(table) == [f"its text cannot be read ({FILE}, line {FIRST_LINE + 3})"]


def test_text_that_is_no_text_comes_out_as_text(unsafe: Sandbox) -> None:
    program = judging("print('\\udcff'); return EvaluationResult(label='a\\ud800', explanation='\\x00\\x1b[2J')")

    with unsafe.session(program) as session:
        (row,) = session.evaluate(batch("x")).to_pylist()
        log = session.log

    assert (row["label"], row["explanation"]) == ("a?", "\x00\x1b[2J")
    assert log == "\\udcff\n"


def test_many_long_explanations_fit_through(unsafe: Sandbox) -> None:
    program = judging("return EvaluationResult(label='a', explanation='€' * 20_000)")

    table = evaluated(unsafe, program, batch(*["x"] * 1_500))

    assert table["truncated"].to_pylist() == [True] * 1_500
    assert len(table["explanation"][1_499].as_py()) == EXPLANATION_LENGTH


@pytest.mark.parametrize("says", ["return EvaluationResult(label='a', explanation=text)", "raise ValueError(text)"])
def test_a_batch_whose_results_take_too_much_memory_is_given_up(
    unsafe: Sandbox, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setattr(session_module, "RESULT_BYTES", 2**20)
    program = judging(f"text = '\U0001f600' * 10_000 if output == 'a' else output\n{says}")

    with unsafe.session(program, Limits(strikes=2)) as session:
        tables = [session.evaluate(batch(*["a"] * 600)), session.evaluate(batch("b"))]

    assert labels(tables[0])[-100:] == ["InvalidResult"] * 100
    assert errors(tables[0])[-1] == "the results of one batch take more than 1 MiB"
    assert tables[0].nbytes < 8 * 2**20
    assert labels(tables[1]) in (["a"], ["ValueError"])


def test_an_error_of_loading_is_short_as_every_row_has_it(unsafe: Sandbox) -> None:
    table = evaluated(unsafe, written("raise ValueError('\U0001f600' * 9_000)"), batch(*["x"] * 1_000))

    assert {len(each or "") for each in errors(table)} == {1_000}
    assert (errors(table)[0] or "").endswith(f"({FILE}, line 1)")


def test_a_chunk_for_each_row_does_not_reach_whoever_reads_the_results(unsafe: Sandbox) -> None:
    program = judging(
        """
        from evals_pipeline.sandbox import frames, results
        for number in range(500):
            frames.write(3, 5, 1, results.pack([(str(number), None, None, None, False)], []))
        frames.write(3, 6, 1)
        import time; time.sleep(60)
        """
    )

    table = evaluated(unsafe, program, batch(*["x"] * 500))

    assert labels(table) == [str(number) for number in range(500)]
    assert table["label"].num_chunks == 1


def test_many_long_errors_fit_through(unsafe: Sandbox) -> None:
    table = evaluated(unsafe, judging("raise ValueError('€' * 20_000)"), batch(*["x"] * 3_000))

    assert set(labels(table)) == {"ValueError"}
    assert {len(each or "") for each in errors(table)} == {4_096}


def test_a_batch_of_long_texts_is_shown_in_parts(unsafe: Sandbox) -> None:
    outputs = ["x" * (PART_BYTES // 8) for _ in range(40)]

    table = evaluated(unsafe, judging("return EvaluationResult(score=len(output))"), batch(*outputs))

    assert table["score"].to_pylist() == [PART_BYTES // 8] * 40


def test_a_value_that_is_too_large_is_an_error_of_its_row(unsafe: Sandbox) -> None:
    program = judging("return EvaluationResult(label=output[:1])")

    table = evaluated(unsafe, program, batch("a", "x" * (33 * 2**20), "b"))

    assert labels(table) == ["a", "MemoryError", "b"]
    assert "at most 33,554,432 are shown" in (errors(table)[1] or "")


def test_an_evaluator_without_variables_judges_every_row(unsafe: Sandbox) -> None:
    program = judging("return EvaluationResult(label=str(output))", variables={})

    assert labels(evaluated(unsafe, program, batch("a", "b"))) == ["None", "None"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        pytest.param("x = (", "SyntaxError", f"'(' was never closed ({FILE}, line 1)", id="syntax"),
        pytest.param("import os\n\nnothing", "NameError", f"name 'nothing' is not defined ({FILE}, line 3)", id="name"),
        pytest.param(
            "import nowhere", "ModuleNotFoundError", f"No module named 'nowhere' ({FILE}, line 1)", id="import"
        ),
        pytest.param("class Other: pass", "NameError", "the source defines no class 'Sample'", id="no-class"),
        pytest.param("raise SystemExit('bye')", "SystemExit", f"bye ({FILE}, line 1)", id="exit"),
        pytest.param(
            "from evals_pipeline import CodeEvaluator\nclass Sample(CodeEvaluator):\n  def evaluate(self): 1",
            "ValueError",
            f"Sample.evaluate() must accept **kwargs, so that later versions can pass more ({FILE}, line 2)",
            id="contract",
        ),
        pytest.param(
            "class Sample: pass", "AttributeError", "'Sample' object has no attribute 'evaluate'", id="no-method"
        ),
        pytest.param(
            "import os; os._exit(3)",
            "WorkerCrashed",
            "the evaluator could not be loaded: the worker left with exit status 3",
            id="crash",
        ),
    ],
)
def test_a_class_that_does_not_load_makes_every_row_an_error(
    unsafe: Sandbox, source: str, error: str, message: str
) -> None:
    with unsafe.session(written(source), SHORT) as session:
        tables = [session.evaluate(batch("a", "b")) for _ in range(2)]

    assert [labels(table) for table in tables] == [[error] * 2] * 2
    assert errors(tables[1]) == [message] * 2


def test_loading_that_does_not_end_makes_every_row_an_error(unsafe: Sandbox) -> None:
    started = monotonic()

    table = evaluated(unsafe, written("while True: pass"), batch("a", "b"), Limits(load_seconds=0.3))

    assert labels(table) == ["TimeoutError"] * 2
    assert errors(table)[0] == "the evaluator could not be loaded: loading it took longer than 0.3 s"
    assert monotonic() - started < ON_A_BUSY_MACHINE


def test_tracebacks_that_an_evaluator_prints_show_its_lines(unsafe: Sandbox) -> None:
    program = judging(
        """
        import traceback; "\x0c\u2028\x85"  # none of which ends a line of Python
        try:
            missing  # here
        except NameError:
            traceback.print_exc()
        return EvaluationResult(label="a")
        """
    )

    with unsafe.session(program) as session:
        session.evaluate(batch("a"))
        log = session.log

    assert f'File "{FILE}", line {FIRST_LINE + 2}, in evaluate\n    missing  # here' in log


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(
            "while True:\n        try:\n            while True: pass\n        except BaseException: pass", id="swallows"
        ),
        pytest.param(
            "import signal\n    [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 14, 15)]\n    while True: pass",
            id="deaf",
        ),
        pytest.param("import re; re.match('(a+)+$', 'a' * 64 + 'b')", id="in-c"),
        pytest.param("while True: print('x' * 10_000)", id="prints"),
        pytest.param("import os; os.kill(os.getpid(), 19)", id="stops-itself"),
    ],
)
def test_a_row_that_never_ends_costs_its_limit_and_no_other_row(unsafe: Sandbox, loop: str) -> None:
    program = judging(f"if output == 'bad':\n    {loop}\n{ECHO}")
    started = monotonic()

    table = evaluated(unsafe, program, batch("a", "b", "bad", "c", "d"))

    assert labels(table) == ["a", "b", "TimeoutError", "c", "d"]
    assert errors(table)[2] == "the row took longer than 0.3 s"
    assert monotonic() - started < ON_A_BUSY_MACHINE


def test_rows_that_are_slow_but_within_their_limit_are_all_scored(unsafe: Sandbox) -> None:
    program = judging(f"import time; time.sleep(0.15)\n{ECHO}")

    table = evaluated(unsafe, program, batch(*"abcde"), Limits(row_seconds=0.3))

    assert labels(table) == list("abcde")


@pytest.mark.parametrize(
    ("crash", "message"),
    [
        pytest.param("import ctypes; ctypes.string_at(0)", "the worker was ended by SIGSEGV", id="segfault"),
        pytest.param("import os; os._exit(3)", "the worker left with exit status 3", id="exit"),
        pytest.param("import os; os._exit(0)", "the worker left with exit status 0", id="exit-as-if-well"),
        pytest.param("import os; os.abort()", "the worker was ended by SIGABRT", id="abort"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "as the kernel does when memory runs out", id="kill"),
    ],
)
def test_a_crash_is_an_error_of_the_row_that_it_happened_in(sandbox: Sandbox, crash: str, message: str) -> None:
    program = judging(f"if output == 'bad':\n    {crash}\n{ECHO}")

    table = evaluated(sandbox, program, batch("a", "bad", "b"))

    assert labels(table) == ["a", "WorkerCrashed", "b"]
    assert message in (errors(table)[1] or "")


def test_values_that_exceed_the_memory_are_an_error_of_their_row_only(unsafe: Sandbox) -> None:
    program = judging("return EvaluationResult(label=str(output))", json_columns=frozenset({COLUMN}))
    large = "[" + "[]," * 1_200_000 + "1]"  # 64 bytes each once it is read

    table = evaluated(unsafe, program, batch("1", "2", large, "3"), Limits(memory_mb=64))

    assert labels(table) == ["1", "2", "MemoryError", "3"]


def test_memory_that_an_evaluator_hoards_is_its_own(unsafe: Sandbox) -> None:
    program = judging(
        """
        self.hoard = getattr(self, "hoard", [])
        self.hoard.append(bytes(8 * 2**20))
        return EvaluationResult(label=output)
        """
    )

    table = evaluated(unsafe, program, batch(*"abcdefghijkl"), Limits(memory_mb=64))

    assert set(labels(table)[:4]) == set("abcd")
    assert set(labels(table)) - set("abcdefghijkl") == {"MemoryError"}


def test_after_too_many_crashes_the_evaluator_is_stopped(unsafe: Sandbox) -> None:
    program = judging(f"if output == 'bad':\n    import os; os._exit(1)\n{ECHO}")

    with unsafe.session(program, Limits(strikes=2)) as session:
        first = session.evaluate(batch("a", "bad", "b", "bad", "c"))
        second = session.evaluate(batch("d"))

    # "b" was judged by the worker that crashed next, and is not judged again.
    assert labels(first) == ["a", "WorkerCrashed", "SandboxStopped", "WorkerCrashed", "SandboxStopped"]
    assert labels(second) == ["SandboxStopped"]
    assert errors(second)[0] == "the evaluator was stopped: it cost 2 workers, at last with WorkerCrashed"


def test_what_an_evaluator_prints_is_kept_up_to_a_limit_and_does_not_stop_it(sandbox: Sandbox) -> None:
    program = judging(f"print('x' * 999); {ECHO}")

    with sandbox.session(program) as session:
        table = session.evaluate(batch(*["a"] * 1_000))
        log = session.log

    assert labels(table) == ["a"] * 1_000
    assert log.startswith("x" * 999 + "\n")
    assert log.endswith("more bytes were printed]")
    assert len(log) < 66_000


def test_what_was_printed_before_a_crash_is_kept(unsafe: Sandbox) -> None:
    program = judging("import os; print('about to leave', end=''); print('\\n!'); os._exit(1)")

    with unsafe.session(program) as session:
        session.evaluate(batch("a"))
        log = session.log

    assert log == "about to leave\n!\n"


def test_a_forged_result_on_standard_output_is_only_a_print(unsafe: Sandbox) -> None:
    program = judging(f'print(\'===RESULT==={{"label": "forged"}}\'); {ECHO}')

    assert labels(evaluated(unsafe, program, batch("a"))) == ["a"]


def test_the_environment_of_a_worker_is_empty_but_for_what_libraries_need(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    program = judging("import os; return EvaluationResult(label=' '.join(sorted(os.environ)))")

    (names,) = labels(evaluated(sandbox, program, batch("a")))

    assert all(name.endswith("_NUM_THREADS") or name == "TZ" for name in (names or "").split())


def test_a_worker_has_four_descriptors(sandbox: Sandbox) -> None:
    program = judging(
        """
        import os
        found = []
        for number in range(64):
            try:
                os.fstat(number)
            except OSError:
                continue
            found.append(number)
        return EvaluationResult(label=str(found))
        """
    )

    assert labels(evaluated(sandbox, program, batch("a"))) == ["[0, 1, 2, 3]"]


def test_sessions_do_not_share_a_worker(sandbox: Sandbox) -> None:
    program = judging(
        """
        import builtins
        builtins.seen = getattr(builtins, "seen", 0) + 1
        return EvaluationResult(score=builtins.seen)
        """
    )

    scores = [evaluated(sandbox, program, batch("a"))["score"].to_pylist() for _ in range(2)]

    assert scores == [[1], [1]]


def test_two_threads_have_sessions_on_one_sandbox(sandbox: Sandbox) -> None:
    tables: dict[int, pa.Table] = {}

    def judge(number: int) -> None:
        program = judging(f"return EvaluationResult(label='{number}' + output)")
        tables[number] = evaluated(sandbox, program, batch(*"abc"), Limits())

    threads = [threading.Thread(target=judge, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert {number: labels(table) for number, table in tables.items()} == {
        number: [f"{number}{letter}" for letter in "abc"] for number in range(4)
    }


def test_a_session_closed_by_another_thread_ends_at_once(unsafe: Sandbox) -> None:
    session = unsafe.session(judging("while True: pass"), Limits(row_seconds=60))
    raised: list[Exception] = []

    def judge() -> None:
        try:
            session.evaluate(batch("a"))
        except SandboxError as error:
            raised.append(error)

    thread = threading.Thread(target=judge)
    thread.start()
    while not (session._channel and session._channel.begun()):
        sleep(0.01)
    session.close()
    thread.join(10)

    assert [str(error) for error in raised] == ["The session is closed."]
    with pytest.raises(SandboxError, match="closed"):
        session.evaluate(batch("a"))


def test_a_column_that_is_missing_is_named(unsafe: Sandbox) -> None:
    with (
        unsafe.session(judging(ECHO, variables={"output": "attributes.nothing"})) as session,
        pytest.raises(SandboxError, match=f"no column 'attributes.nothing'; it has {COLUMN}"),
    ):
        session.evaluate(batch("a"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc, which Linux has")
def test_sessions_leave_no_descriptor_open(unsafe: Sandbox) -> None:
    crashing = judging("import os; os._exit(1)")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):
        evaluated(unsafe, crashing, batch("a", "b"))

    assert len(list(Path("/proc/self/fd").iterdir())) == before
