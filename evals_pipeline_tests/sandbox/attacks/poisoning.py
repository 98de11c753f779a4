"""Leaving something behind for the next evaluator, or taking what the one before left.

In the control the next evaluator runs in the same process, as in a pool of workers that are used again.
"""

from __future__ import annotations

# ruff: noqa: PTH118, PTH123, SIM115
import ctypes
import json
import os
import sys

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native, read


def meets_an_honest_world(notes, aim):
    """The next evaluator, which only believes what everybody believes."""
    import json
    import math

    from evals_pipeline.core.evaluator import EvaluationResult

    truths = {
        "len": len("abc") == 3,
        "json": json.loads("[1]") == [1],
        "math": math.sqrt(4) == 2.0,
        "result": EvaluationResult(label="good").label == "good",
        "sorted": sorted([2, 1]) == [1, 2],
    }
    for name, is_true in truths.items():
        if not is_true:
            notes.add(name, "worked", "poisoned")


@attack(successor=meets_an_honest_world, others=False)
def poisons_functions_and_modules(notes, aim):
    import builtins
    import json
    import math

    from evals_pipeline.core.evaluator import EvaluationResult

    math.sqrt = lambda number: -1.0
    json.loads = lambda text: ["poisoned"]
    builtins.sorted = lambda values, **options: list(values)
    EvaluationResult.__post_init__ = lambda self: object.__setattr__(self, "label", "poisoned")
    notes.see("done", "all four")


@attack(successor=meets_an_honest_world, others=False)
def poisons_the_memory_of_the_interpreter(notes, aim):
    """A constant that all code shares, by its address."""
    digit_of_four = ctypes.c_uint32.from_address(id(4) + 24)
    notes.see("four", digit_of_four.value)
    json.loads.__code__ = (lambda text, **options: ["poisoned"]).__code__
    notes.see("done", "code exchanged")


def looks_for_mail(notes, aim):
    """In every place that the one before may have reached."""
    for place in aim.files.places:
        path = os.path.join(place, aim.files.mark)
        try:
            notes.add(place, "worked", read(path))
        except OSError as error:
            notes.see(place, error)
    if "EVALS_MAIL" in os.environ:
        notes.add("environment", "worked", os.environ["EVALS_MAIL"])
    if hasattr(sys, "mail"):
        notes.add("module", "worked", sys.mail)


@attack(successor=looks_for_mail)
def leaves_mail_for_the_next(notes, aim):
    for place in aim.files.places:
        path = os.path.join(place, aim.files.mark)
        notes.attempt(place, lambda path=path: open(path, "w").write("mail"))
    os.environ["EVALS_MAIL"] = "mail"
    sys.mail = "mail"
    key = int(aim.files.mark[-6:], 16)
    # What would stay on the host is taken back at once, and its name is set to what it is: the control runs for real.
    segment = notes.attempt("shared memory", native, "shmget", key, 4096, 0o1666)
    if segment is not None:
        native("shmctl", segment, 0, None)
    queue = notes.attempt("queue", native, "msgget", key, 0o1666)
    if queue is not None:
        native("msgctl", queue, 0, None)
    notes.attempt("abstract socket", call, "socket", 1, 1, 0)
    name = os.uname().nodename.encode()
    notes.attempt("name of the host", native, "sethostname", name, len(name))
    notes.attempt("name of the server", lambda: open(f"/proc/{os.getppid()}/comm", "w").write("mail"))


@attack(successor=meets_an_honest_world, others=False)
def replaces_the_classes_of_the_contract(notes, aim):
    """So that whoever comes next inherits from the attacker."""
    import evals_pipeline.core.code_evaluator as contract
    import evals_pipeline.core.evaluator as results

    class Greedy(results.EvaluationResult):
        def __post_init__(self):
            object.__setattr__(self, "label", "poisoned")

    contract.EvaluationResult = results.EvaluationResult = Greedy
    notes.see("done", "replaced")


@attack(control="the control's rows come from a list, not from a descriptor")
def reads_ahead(notes, aim):
    """Standard input is the channel of its own rows: what it takes there, it takes from itself."""
    import fcntl
    import select

    notes.see("input", fcntl.fcntl(0, fcntl.F_GETFL))
    ready = select.select([0], [], [], 0.05)[0]
    notes.see("ahead", os.read(0, 4096) if ready else "nothing")


@attack(control="there is no such process to look at")
def finds_its_forerunner(notes, aim):
    """Numbers of processes, times and names that a session before it may have left."""
    import fcntl
    import resource
    import time

    notes.see("own number", os.getpid())
    notes.see("processor time", resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)
    notes.see("clock", time.process_time())
    for descriptor in range(3):
        notes.see(f"descriptor {descriptor}", fcntl.fcntl(descriptor, fcntl.F_GETFL))
