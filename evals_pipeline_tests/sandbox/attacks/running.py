"""Runs an attack, in a sandbox or in the control, and says what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox.program import Limits, Program
from evals_pipeline_tests.sandbox.attacks import naive, poisoning
from evals_pipeline_tests.sandbox.attacks.attack import ROWS, Attack, source_of
from evals_pipeline_tests.sandbox.attacks.targets import REPOSITORY, SECRET, Target, as_text
from evals_pipeline_tests.sandbox.attacks.verdict import Aftermath, Row, doubts, harm

if TYPE_CHECKING:
    from evals_pipeline.sandbox.parent import Sandbox

CONTROL_SECONDS = 20.0
PATIENCE, SHORT_PATIENCE = 10.0, 2.0
"""Seconds that the control waits for an answer; the short one is for attacks that are not to give any."""
LEAVING_TRACES = ("poisoning", "forging", "floods", "internals")
"""Kinds of attacks after which an honest evaluator is run, that of the attack or this one:"""

HONEST = source_of(poisoning.meets_an_honest_world)


@dataclass(frozen=True)
class Verdict:
    """What an attack achieved, and why it may prove nothing."""

    harm: Sequence[str]
    doubts: Sequence[str]


def in_control(attack: Attack) -> Verdict:
    """Run it in an ordinary child process of an ordinary pipeline."""
    with _targets(attack, None, is_control=True) as targets:
        job = {
            "sources": [attack.source, attack.successor or HONEST],
            "rows": ROWS,
            "target": as_text(targets),
            "patience": SHORT_PATIENCE if "TimeoutError" in attack.ends else PATIENCE,
        }
        after = _naively(json.dumps(job))
        found = harm(attack, after, targets, is_confined=False)
        if attack.successor:
            found += _dishonest(after.next_rows)
        return Verdict(found, doubts(attack, after, is_confined=False))


def _naively(job: str) -> Aftermath:
    pipeline = subprocess.Popen(
        [sys.executable, str(Path(naive.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)]),
            "PIPELINE_API_KEY": SECRET,
        },
        close_fds=False,
        start_new_session=True,
        text=True,
    )
    try:
        answered, _ = pipeline.communicate(job, timeout=CONTROL_SECONDS)
        came = json.loads(answered)
    except subprocess.TimeoutExpired:
        return Aftermath((), (), "", trouble=["the pipeline hangs"])
    except ValueError:
        return Aftermath((), (), "", trouble=[f"the pipeline ended with {pipeline.returncode}"])
    finally:
        _end_session(pipeline)
    rows, next_rows = ([Row(*row[:5]) for row in rows] for rows in [*came["answers"], [], []][:2])
    return Aftermath(rows, next_rows, came["log"], trouble=["the worker hangs"] if came["is_hanging"] else [])


def _end_session(pipeline: subprocess.Popen[str]) -> None:
    try:
        os.killpg(pipeline.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nobody is left
    pipeline.communicate()


def confined(attack: Attack, sandbox: Sandbox, owner: int | None) -> Verdict:
    """Run it in a sandbox, whose workers have the rights of `owner` outside."""
    with _targets(attack, owner, is_control=False) as targets:
        rows, log, trouble = _run(sandbox, attack.source, attack.limits, targets)
        next_rows: list[Row] = []
        next_log, found = "", []
        if attack.successor or attack.kind in LEAVING_TRACES:
            next_rows, next_log, more = _run(sandbox, attack.successor or HONEST, Limits(row_seconds=20.0), targets)
            found = [*more, *_dishonest(next_rows)]
        after = Aftermath(rows, next_rows, log, next_log, trouble)
        return Verdict(
            [*harm(attack, after, targets, is_confined=True), *found], doubts(attack, after, is_confined=True)
        )


def _dishonest(rows: Sequence[Row]) -> Iterator[str]:
    labels = [row.label for row in rows]
    if labels != ["honest", "attacked", "honest"]:
        yield f"the next evaluator did not work: {str(list(rows))[:400]}"


def _run(sandbox: Sandbox, source: str, limits: Limits, targets: list[Target]) -> tuple[list[Row], str, list[str]]:
    import pyarrow as pa

    program = Program(
        source=source,
        file="evaluators/attacker.py",
        class_name="Attacker",
        parameters={"target": as_text(targets)},
        variables={"text": "attributes.output.value"},
    )
    try:
        with closing(sandbox.session(program, limits)) as session:
            table = session.evaluate(pa.RecordBatch.from_pydict({"attributes.output.value": list(ROWS)}))
    except SandboxError as error:
        return [], "", [f"the sandbox gave up: {error}"]
    names = ("label", "score", "explanation", "error_type", "error_message")
    rows = [Row(**{name: row[name] for name in names}) for row in table.to_pylist()]
    return rows, session.log, []


@contextmanager
def _targets(attack: Attack, owner: int | None, *, is_control: bool) -> Iterator[list[Target]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(need(owner, is_control=is_control))) for need in attack.needs]
