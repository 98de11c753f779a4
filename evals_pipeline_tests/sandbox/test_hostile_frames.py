"""What an evaluator can write to descriptor 3 in place of the worker, and what becomes of it."""

import pytest

from evals_pipeline.sandbox.parent import Sandbox
from evals_pipeline.sandbox.program import Limits
from evals_pipeline_tests.sandbox.programs import batch, errors, judging, labels, written

_TOOLS = """
import os, struct
from evals_pipeline import CodeEvaluator, EvaluationResult
from evals_pipeline.sandbox.results import Failure, NOTHING, pack

def frame(kind, payload=b"", number=1, length=None):
    return struct.pack("<BIQ", kind, len(payload) if length is None else length, number) + payload

def send(data):
    while data:
        data = data[os.write(3, data):]

class Sample(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        if output == "bad":
            {attack}
        return EvaluationResult(label=output)
"""


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        pytest.param("send(b'garbage that is long enough for a header')", "a frame of kind 103", id="garbage"),
        pytest.param("send(frame(2))", "a frame of kind 2", id="a-frame-of-the-pipeline"),
        pytest.param("send(frame(5, length=2**32 - 1))", "a frame of 4,294,967,295 bytes", id="huge-length"),
        pytest.param("send(frame(6))", "out of turn", id="done-too-early"),
        pytest.param("send(frame(1))", "out of turn", id="locked-again"),
        pytest.param("send(frame(3))", "out of turn", id="loaded-again"),
        pytest.param(
            "send(frame(5, pack([('x', None, None, '{\"a\":' + '[' * 900 + ']' * 900 + '}', False)], [])))",
            "metadata that is no JSON object",
            id="metadata-too-deep-to-be-read-later",
        ),
        pytest.param("send(frame(5, pack([('x', None, None, None, False)], []), number=2))", "not asked", id="ahead"),
        pytest.param("send(frame(5, pack([('x', None, None, None, False)], []), number=0))", "not asked", id="behind"),
        pytest.param("send(frame(5, pack([('x', None, None, None, False)] * 9, [])))", "9 results", id="too-many"),
        pytest.param("send(frame(5))", "without its counts", id="empty"),
        pytest.param("send(frame(5, bytes(32)))", "0 results", id="no-rows"),
        pytest.param("send(frame(5, struct.pack('<8I', 3, 0, 9, 0, 0, 0, 0, 0)))", "add up", id="counts"),
        pytest.param("send(frame(5, pack([(None, float('nan'), None, None, False)], [])))", "neither", id="nan"),
        pytest.param("send(frame(5, pack([(None, float('inf'), None, None, False)], [])))", "finite", id="infinity"),
        pytest.param("send(frame(5, pack([('x' * 2**24, None, None, None, False)], [])))", "too long", id="long"),
        pytest.param("send(frame(5, pack([('x', None, None, '[' * 9_999, False)], [])))", "JSON", id="json-bomb"),
        pytest.param("send(frame(5, pack([NOTHING], [Failure(7, 'E', 'm')])))", "neither", id="error-elsewhere"),
        pytest.param(
            "import pickle; send(frame(5, pickle.dumps(type('X', (), {'__reduce__': lambda s: (exec, ('1/0',))})())))",
            "results",
            id="pickle",
        ),
        pytest.param("os.close(3); all(iter(lambda: 1, 0))", "closed its pipes", id="closes-its-pipe"),
    ],
)
def test_a_forged_frame_ends_the_worker_and_harms_nobody(unsafe: Sandbox, attack: str, said: str) -> None:
    program = written(_TOOLS.format(attack=attack), variables={"output": "attributes.output.value"})

    with unsafe.session(program, Limits(row_seconds=5)) as session:
        table = session.evaluate(batch("a", "bad", "b"))
        later = session.evaluate(batch("c"))

    assert set(labels(table)) | set(labels(later)) == {"ProtocolError"}
    assert said in (errors(table)[0] or "")
    with unsafe.session(judging("return EvaluationResult(label=output)")) as session:
        assert labels(session.evaluate(batch("honest"))) == ["honest"]


def test_results_that_were_sent_before_stay(unsafe: Sandbox) -> None:
    program = judging("import os; output == 'bad' and os.write(3, b'x' * 100); return EvaluationResult(label=output)")

    with unsafe.session(program, Limits(row_seconds=5)) as session:
        table = session.evaluate(batch(*["a"] * 4_096, "bad", *["b"] * 10))

    assert labels(table) == ["a"] * 4_096 + ["ProtocolError"] * 11


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("send(frame(3) + frame(3))", id="loaded-twice"),
        pytest.param("send(frame(3, b'\\xff'))", id="an-error-that-is-no-text"),
        pytest.param("send(frame(3, b'x' * 100_000))", id="an-error-that-is-too-long"),
        pytest.param("send(frame(5, bytes(100), number=0))", id="results-before-rows"),
    ],
)
def test_a_frame_forged_while_loading_ends_the_worker(unsafe: Sandbox, attack: str) -> None:
    start, _, end = _TOOLS.format(attack="pass").partition("class Sample")
    program = written(f"{start}{attack}\nclass Sample{end}", variables={"output": "attributes.output.value"})

    with unsafe.session(program, Limits(row_seconds=5)) as session:
        table = session.evaluate(batch("a", "b"))

    assert labels(table) == ["ProtocolError"] * 2


def test_a_worker_that_reads_ahead_gets_only_its_own_rows(unsafe: Sandbox) -> None:
    program = judging("import os; os.read(0, 1); return EvaluationResult(label=output)")

    with unsafe.session(program, Limits(row_seconds=0.3)) as session:
        table = session.evaluate(batch("a"))

    assert labels(table) == ["TimeoutError"]


def test_a_worker_cannot_buy_time_by_counting_rows_that_it_does_not_have(unsafe: Sandbox) -> None:
    program = judging(
        """
        import gc, mmap
        page = next(each for each in gc.get_objects() if isinstance(each, memoryview) and each.format == "Q")
        count = 1
        while True:
            page[0] = count = count + 1
        """
    )

    with unsafe.session(program, Limits(row_seconds=0.3)) as session:
        table = session.evaluate(batch("a"))

    assert labels(table) == ["TimeoutError"]
