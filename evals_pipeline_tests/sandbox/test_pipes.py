import os
import stat

import pytest

from evals_pipeline.sandbox.pipes import Pipes
from evals_pipeline_tests.sandbox.processes import few_descriptors


def test_nobody_can_open_the_ends_of_a_worker_again_by_a_path() -> None:
    pipes = Pipes()

    modes = {stat.S_IMODE(os.fstat(each).st_mode) for each in pipes.for_worker}
    pipes.close()

    assert modes == {0}


@pytest.mark.parametrize("spare", range(7))
def test_where_pipes_cannot_be_made_none_is_left_open(spare: int) -> None:
    with few_descriptors(spare), pytest.raises(OSError, match="Too many open files"):
        Pipes()
