"""Lying to the pipeline: on the descriptor of the results, on the log, and about how far it has come.

An evaluator may say of its own rows whatever it likes. It must not say anything of others, nor hang, exhaust or run
code in the process that listens.
"""

from __future__ import annotations

import os
import struct
import sys
import time

from evals_pipeline.sandbox.program import Limits
from evals_pipeline_tests.sandbox.attacks.attack import attack

SHORT = Limits(row_seconds=0.4, load_seconds=20.0, memory_mb=128)
OWN_FRAMES = "it speaks the language of our own workers, which the control does not know"
OUT_OF_TURN = ("ProtocolError",)


@attack(ends=("ProtocolError", "TimeoutError"), others=False, limits=SHORT)
def sends_pickles(notes, aim):
    """Code for whoever unpickles what comes, in five framings."""
    import pathlib
    import pickle

    class Payload:
        def __reduce__(self):
            return pathlib.Path.touch, (pathlib.Path(aim.files.folder) / "run by the pipeline",)

    notes.end("pickles")
    code = pickle.dumps(Payload())
    for start in (
        struct.pack("!i", len(code)),
        struct.pack("<I", len(code)),
        struct.pack("<Q", len(code)),
        b"",
        b"\x80\x05",
    ):
        os.write(3, start + code)


@attack(ends=OUT_OF_TURN, others=False)
def sends_garbage(notes, aim):
    notes.end("garbage")
    for _ in range(20):
        os.write(3, os.urandom(4_096))


@attack(ends=("ProtocolError", "TimeoutError"), others=False, limits=SHORT)
def announces_more_than_it_sends(notes, aim):
    """A length for which the pipeline had better not take memory, then nothing."""
    notes.end("length")
    os.write(3, struct.pack("<BIQ", 5, 2**32 - 1, 1))
    os.write(3, b"\x7f\xff\xff\xff" * 4)
    time.sleep(60)


@attack(ends=("TimeoutError",), limits=SHORT, control=OWN_FRAMES, others=False)
def drips(notes, aim):
    """A byte now and then, as a sign of life; it must buy no time."""
    notes.end("drops")
    os.write(3, struct.pack("<BIQ", 5, 30_000_000, 1))
    while True:
        os.write(3, b"x")
        time.sleep(0.02)


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def answers_for_rows_it_was_not_given(notes, aim):
    from evals_pipeline.sandbox import frames, results

    notes.end("rows")
    forged = results.pack([("forged", 1.0, None, None, False)] * 5_000, [])
    frames.write(3, frames.Kind.RESULTS, 1, forged)


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def answers_the_next_batch_before_it_comes(notes, aim):
    from evals_pipeline.sandbox import frames, results

    notes.end("batch")
    for number in range(2, 50):
        frames.write(3, frames.Kind.RESULTS, number, results.pack([("forged", 1.0, None, None, False)], []))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def says_that_all_is_done(notes, aim):
    from evals_pipeline.sandbox import frames

    notes.end("done")
    for kind in (frames.Kind.DONE, frames.Kind.LOADED, frames.Kind.LOCKED):
        frames.write(3, kind, 1)


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_scores_that_are_none(notes, aim):
    from evals_pipeline.sandbox import frames, results

    notes.end("score")
    frames.write(3, frames.Kind.RESULTS, 1, results.pack([("x", float("-inf"), None, None, False)], []))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_labels_that_are_too_long(notes, aim):
    from evals_pipeline.sandbox import frames, results

    notes.end("label")
    frames.write(3, frames.Kind.RESULTS, 1, results.pack([("x" * 20_000_000, None, None, None, False)], []))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_text_that_is_none(notes, aim):
    """Bytes that are no UTF-8 crash who trusts them."""
    from evals_pipeline.sandbox import frames, results

    notes.end("text")
    good = results.pack([("abcdef", None, None, None, False)], [])
    frames.write(3, frames.Kind.RESULTS, 1, good.replace(b"abcdef", b"\xff\xfe\xed\xa0\x80\x80"))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_half_characters(notes, aim):
    """Surrogates are well-formed in the eyes of some decoders and crash others."""
    from evals_pipeline.sandbox import frames, results

    notes.end("text")
    good = results.pack([("abc", None, None, None, False)], [])
    frames.write(3, frames.Kind.RESULTS, 1, good.replace(b"abc", b"\xed\xa0\x80"))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_lengths_that_overflow(notes, aim):
    """Their sum is right, modulo 2 to the 32nd."""
    from evals_pipeline.sandbox import frames, results

    notes.end("lengths")
    good = results.pack([("ab", None, None, None, False), ("cd", None, None, None, False)], [])
    two = struct.pack("<ii", 2, 2)
    frames.write(3, frames.Kind.RESULTS, 1, good.replace(two, struct.pack("<ii", 2**31 - 1, -(2**31) + 5), 1))


@attack(ends=OUT_OF_TURN, others=False, control=OWN_FRAMES)
def sends_metadata_that_is_too_deep(notes, aim):
    from evals_pipeline.sandbox import frames, results

    notes.end("metadata")
    deep = '{"a":' * 1_900 + "1" + "}" * 1_900
    frames.write(3, frames.Kind.RESULTS, 1, results.pack([("x", None, None, deep, False)], []))


@attack(ends=("TimeoutError",), others=False, limits=SHORT, control=OWN_FRAMES)
def lies_about_its_progress(notes, aim):
    """The page in which it says which row it has begun is its own to write."""
    notes.end("progress")
    frame = sys._getframe()
    while "begun" not in frame.f_locals:
        frame = frame.f_back
    claims = [0, 1, 2**63, 3, 2, 1, 0, 2**64 - 1, 1_000_000]
    while True:
        for claim in claims:
            frame.f_locals["begun"][0] = claim
            time.sleep(0.01)


@attack(ends=("ProtocolError", "WorkerCrashed", "TimeoutError"), others=False, limits=SHORT, control=OWN_FRAMES)
def replaces_the_workers_own_functions(notes, aim):
    from evals_pipeline.sandbox import frames, results, worker

    worker.settled = lambda said: ("x" * 101, float("nan"), 7, b"", 300)
    results.pack = worker.pack = lambda rows, failures: b"\xff" * 1_000
    frames.header = lambda kind, length, number: bytes(13)
    notes.end("functions")


@attack(
    ends=("ProtocolError", "WorkerCrashed"), others=False, limits=SHORT, control="the control's worker dies of it alone"
)
def closes_the_channel(notes, aim):
    notes.end("closed")
    os.close(3)


@attack(control="no pipeline of ours or of the control's ever read results from what is printed")
def prints_what_looks_like_results(notes, aim):
    """As for those who take results from standard output."""
    for text in (
        "----BEGIN RESULT----\n",
        '{"label": "forged", "score": 1.0}\n',
        "----END RESULT----\n",
        "\x1b]0;owned\x07\x1b[2J\n",
    ):
        os.write(1, text.encode())
        print(text, file=sys.stderr)
    notes.see("printed", "four lines")
