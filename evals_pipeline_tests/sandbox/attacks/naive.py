"""The control: evaluators in a plain child process, as one builds it in an afternoon. Every attack must work here.

Run as a script with an attack as JSON on standard input, it answers with what came of it as JSON. It is two processes:
a pipeline, which holds the secret in its environment and believes what it unpickles, and its worker, which runs one
evaluator after the other.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import Any


def main() -> None:
    job = json.load(sys.stdin)
    here, there = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryFile() as log:
        worker = multiprocessing.get_context("fork").Process(target=work, args=(job, there, log.fileno()))
        worker.start()
        there.close()
        answers = list(receive(here, len(job["sources"]), job["patience"]))
        worker.join(0.5)
        is_hanging = worker.is_alive()
        worker.kill()
        log.seek(0)
        text = log.read(32 * 2**20).decode("utf-8", "replace")
    json.dump({"answers": answers, "log": text, "is_hanging": is_hanging}, sys.stdout)


def receive(connection: Connection, most: int, patience: float) -> Any:
    while most and connection.poll(patience):
        try:
            answer = connection.recv()
        except EOFError:
            return
        if isinstance(answer, list):
            yield answer
            most -= 1


def work(job: dict[str, Any], results: Connection, log: int) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)
    if results.fileno() != 3:
        os.dup2(results.fileno(), 3)
        results = Connection(3, readable=False)
    for source in job["sources"]:
        module: dict[str, Any] = {"__name__": "evaluator"}
        exec(compile(source, "evaluator.py", "exec"), module)
        evaluator = module["Attacker"]()
        evaluator.target = job["target"]
        results.send([row(evaluator, text) for text in job["rows"]])


def row(evaluator: Any, text: str) -> list[Any]:
    try:
        result = evaluator.evaluate(text=text)
    except Exception as error:  # noqa: BLE001  # whatever an evaluator raises is its row's
        return [None, None, None, type(error).__name__, str(error), None]
    return [result.label, result.score, result.explanation, None, None, result.metadata]


if __name__ == "__main__":
    main()
