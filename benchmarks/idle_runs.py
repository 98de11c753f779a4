"""A continuous run that finds nothing new, beside a bare Dagster run of four empty assets."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.meter import run_child, show
from benchmarks.spans import DAY, fill_lake, make_project
from evals_pipeline.engine.installation import opened

ROUNDS = 5


def main(spans: int = 5_000_000) -> None:
    """Print the wall time that an idle run costs over a bare one, for a small and a large day."""
    os.environ["EVALS_FIRST_DAY"] = DAY.isoformat()
    for count in (spans // 50, spans):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "project"
            make_project(folder)
            with opened(folder) as here:
                fill_lake(here, count)
            _run("idle", folder)  # the first run evaluates everything
            pairs = [(_run("bare", folder), _run("idle", folder)) for _ in range(ROUNDS)]
        bare, idle = (median(walls) for walls in zip(*pairs, strict=True))
        over = median(mine - theirs for theirs, mine in pairs)
        show(f"{count:,} spans", bare_run_s=bare, idle_run_s=idle, over_s=over, limit_s=3)


def _run(what: str, folder: Path) -> float:
    return run_child("-m", "benchmarks.idle_runs", what, str(folder)).wall


def bare(folder: Path) -> None:
    """Materialize four assets that do nothing, in this process, in the project's own instance."""
    import dagster as dg

    from evals_pipeline.orchestration.instance import project_instance

    daily = dg.DailyPartitionsDefinition(DAY.isoformat(), end_offset=1)
    names = ["spans", "inputs", "results", "annotations"]
    assets = [_empty(name, names[number - 1 : number] if number else [], daily) for number, name in enumerate(names)]
    job = dg.Definitions(assets, jobs=[dg.define_asset_job("bare")], executor=dg.in_process_executor).resolve_job_def(
        "bare"
    )
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with project_instance(folder) as instance:
        job.execute_in_process(instance=instance, partition_key=DAY.isoformat(), run_config=quiet)
    print("{}")


def _empty(name: str, upstream: list[str], daily: object) -> object:
    import dagster as dg

    def body() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": 0})

    body.__annotations__.clear()  # Dagster would look for `dg` at module level, where it would slow the meter down
    decorate: Callable[..., object] = dg.asset(name=name, deps=upstream, partitions_def=daily)  # type: ignore[call-overload]
    return decorate(body)


def idle(folder: Path) -> None:
    """Launch the task on its day, as `evals run` does."""
    from evals_pipeline.engine.plan import Overrides
    from evals_pipeline.orchestration.launching import launch

    launched = launch(folder, "checks", [DAY], Overrides(), kind="run")
    if not launched.is_success:
        raise SystemExit("\n".join(launched.failures))
    print("{}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["bare", "idle"])
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    {"bare": bare, "idle": idle}[asked.what](asked.folder)
