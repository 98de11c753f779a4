"""Output without measure, and objects that are not what they say."""

from __future__ import annotations

import os
import sys
import time

from evals_pipeline.sandbox.program import Limits
from evals_pipeline_tests.sandbox.attacks.attack import attack

SHORT = Limits(row_seconds=0.4, load_seconds=20.0, memory_mb=256)
LARGE = Limits(row_seconds=20.0, load_seconds=20.0, memory_mb=512)
REFUSED = ("InvalidResult", "ValueError", "TypeError", "WorkerCrashed", "MemoryError", "ProtocolError", "OverflowError")


@attack()
def prints_without_measure(notes, aim):
    """The host keeps the head of it at most."""
    block = b"x" * 1_000_000
    for _ in range(8):
        os.write(1, block)
        os.write(2, block)
    print("y" * 1_000_000, file=sys.stderr)
    notes.see("written", "17 MB")


@attack(limits=LARGE, ends=REFUSED)
def returns_an_enormous_label(notes, aim):
    notes.end("label")
    return EvaluationResult(label="x" * 40_000_000)  # noqa: F821  # the evaluator imports it


@attack(limits=LARGE)
def returns_an_enormous_explanation(notes, aim):
    notes.end("explanation")
    return EvaluationResult(label="long", explanation="x" * 40_000_000)  # noqa: F821


@attack(limits=LARGE, ends=("", *REFUSED))
def returns_enormous_metadata(notes, aim):
    notes.end("metadata")
    nested = {}
    for _ in range(5_000):
        nested = {"a": nested}
    nested["wide"] = {str(number): "x" * 10 for number in range(100_000)}
    return EvaluationResult(label="wide", metadata=nested)  # noqa: F821


@attack(ends=("", *REFUSED, "RecursionError"))
def returns_what_contains_itself(notes, aim):
    notes.end("metadata")
    itself = {}
    itself["again"] = itself
    return EvaluationResult(label="round", metadata=itself)  # noqa: F821


@attack(ends=("", *REFUSED, "RuntimeError", "ZeroDivisionError"))
def returns_lying_objects(notes, aim):
    """Subclasses of text and number that change while they are looked at."""

    class Text(str):
        __slots__ = ()

        def __len__(self):
            return 3

        def encode(self, *arguments):
            raise RuntimeError("no bytes")

        def __str__(self):
            return self

    class Number(float):
        def __float__(self):
            raise ZeroDivisionError

        def __eq__(self, other):
            return True

        __hash__ = None

    notes.end("objects")
    made = EvaluationResult(label="x")  # noqa: F821
    for name, value in {
        "label": Text("x" * 5_000),
        "score": Number("inf"),
        "explanation": Text("\ud800" * 20_000),
    }.items():
        object.__setattr__(made, name, value)
    return made


@attack(ends=("", *REFUSED))
def returns_half_characters(notes, aim):
    notes.end("surrogates")
    return EvaluationResult(label="\ud800\x00\x1b[31m", explanation="\udfff\x00" * 100)  # noqa: F821


@attack(ends=("Evil", "Exception", *REFUSED))
def raises_a_hostile_error(notes, aim):
    class Evil(Exception):  # noqa: N818
        def __str__(self):
            raise SystemExit(self)

        __repr__ = __str__

        @property
        def __traceback__(self):
            raise Evil

    notes.end("error")
    raise Evil("x" * 50_000_000)


@attack(ends=("TimeoutError", "Slow", "WorkerCrashed"), limits=SHORT)
def raises_an_error_that_never_tells(notes, aim):
    class Slow(Exception):  # noqa: N818
        def __str__(self):
            while True:
                time.sleep(1)

    notes.end("error")
    raise Slow


@attack(ends=("", "Impostor", "TypeError", *REFUSED), control="whether it passes for a result harms nobody")
def returns_no_result_but_its_likeness(notes, aim):
    class Impostor:
        label = "x"
        score = 1.0
        explanation = None
        metadata = {}
        __class__ = EvaluationResult  # noqa: F821

    notes.end("likeness")
    return Impostor()


@attack(ends=("", *REFUSED))
def returns_numbers_that_are_none(notes, aim):
    notes.end("score")
    made = EvaluationResult(label="x", score=1.0)  # noqa: F821
    object.__setattr__(made, "score", float("nan"))
    return made


@attack(ends=("", *REFUSED))
def returns_a_number_of_a_million_digits(notes, aim):
    notes.end("score")
    made = EvaluationResult(label="x", score=1.0)  # noqa: F821
    object.__setattr__(made, "score", 10**1_000_000)
    return made
