import os
import stat

from evals_pipeline.sandbox.pipes import Pipes


def test_nobody_can_open_the_ends_of_a_worker_again_by_a_path() -> None:
    pipes = Pipes()

    modes = {stat.S_IMODE(os.fstat(each).st_mode) for each in pipes.for_worker}
    pipes.close()

    assert modes == {0}
