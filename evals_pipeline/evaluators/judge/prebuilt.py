"""The prebuilt judges: one YAML file each in `evaluators/templates`, written as users write theirs.

Add one by adding its file; the tests in `evals_pipeline_tests/evaluators/test_judge_prebuilt.py` say what it must have.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from evals_pipeline.core.errors import UnknownNameError
from evals_pipeline.core.judge import JudgeSpec

_FOLDER = Path(__file__).parent.parent / "templates"


@cache
def prebuilt_judge_names() -> tuple[str, ...]:
    """The names of all prebuilt judges, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def prebuilt_judge(name: str) -> JudgeSpec:
    """The judge `name`, which still needs a model; raises UnknownNameError."""
    import yaml

    if name not in prebuilt_judge_names():
        raise UnknownNameError.of("prebuilt judge", name, prebuilt_judge_names())
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # missing where PyYAML was built without it
    document = yaml.load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=loader)
    return JudgeSpec.model_validate({**document, "name": name})
