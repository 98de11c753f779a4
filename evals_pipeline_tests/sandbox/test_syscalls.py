import subprocess
import sys

import pytest

from evals_pipeline_tests.test_architecture import REPOSITORY

CLOSING = """
import os, platform, resource, sys
from evals_pipeline.sandbox import syscalls

machine, number = sys.argv[1] or platform.machine(), int(sys.argv[2])
os.dup2(2, number)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
platform.machine = lambda: machine
syscalls.close_from(3)
os.fstat(2)
try:
    os.fstat(number)
except OSError:
    print("closed")
"""


@pytest.mark.parametrize(
    ("machine", "number"),
    [
        pytest.param("", 40, id="here"),
        pytest.param(
            "",
            500,
            id="above-the-limit",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="close_range is Linux's"),
        ),
        pytest.param("a machine without a column", 40, id="elsewhere"),
    ],
)
def test_descriptors_are_closed_whatever_their_limit_is(machine: str, number: int) -> None:
    command = [sys.executable, "-c", CLOSING, machine, str(number)]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout, done.stderr) == ("closed\n", "")
