"""Names as Dagster wants them: asset keys, groups, pools, owners.

What becomes an asset's name, a group or a tag is decided here and nowhere else. What a project or task may be called is
`core.task`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

import dagster as dg

_KEY_LENGTH = 60  # Dagster's tags hold 63 characters
_REFUSED = re.compile(r"[^A-Za-z0-9]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

PROJECT_TAG = "evals/project"
TASK_TAG = "evals/task"
CADENCE_TAG = "evals/cadence"
BROKEN_TAG = "evals/broken"
KIND_TAG = "evals/kind"
BROKEN_GROUP = "broken_files"
JOB = "evaluate"
"""The name of the one job, which holds every asset."""


def safe(text: str, *, otherwise: str) -> str:
    """`text` in letters, digits and single underscores; a text with none of them becomes `otherwise` and a hash."""
    kept = _REFUSED.sub("_", text).strip("_")
    if not kept or len(kept) > _KEY_LENGTH:
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{kept[: _KEY_LENGTH - 9] or otherwise}_{digest}"
    return kept


def project_key(project: str) -> str:
    """The project's name as the first part of its asset keys, its group and its tag."""
    return safe(project, otherwise="project")


def collisions(projects: Iterable[str]) -> Mapping[str, str]:
    """Project -> the earlier project whose key it would share; the earlier one keeps it."""
    first: dict[str, str] = {}
    return {name: first[key] for name in sorted(projects) if first.setdefault(key := project_key(name), name) != name}


def spans_asset(project: str) -> dg.AssetKey:
    """Key of the project's spans."""
    return dg.AssetKey([project_key(project), "spans"])


def inputs_asset(project: str, task: str) -> dg.AssetKey:
    """Key of what a task shows its evaluators."""
    return dg.AssetKey([project_key(project), f"{task}_inputs"])


def results_asset(project: str, task: str) -> dg.AssetKey:
    """Key of a task's results."""
    return dg.AssetKey([project_key(project), f"{task}_results"])


def annotations_asset(project: str, task: str) -> dg.AssetKey:
    """Key of a task's results as they are attached to their units."""
    return dg.AssetKey([project_key(project), f"{task}_annotations"])


def task_assets(project: str, task: str) -> tuple[dg.AssetKey, dg.AssetKey, dg.AssetKey]:
    """Keys of a task's three assets, in the order in which they are made."""
    return inputs_asset(project, task), results_asset(project, task), annotations_asset(project, task)


def broken_asset(kind: str, name: str) -> dg.AssetKey:
    """Key under which a file that cannot be used is shown."""
    return dg.AssetKey([BROKEN_GROUP, kind if name == kind else f"{kind}_{safe(name, otherwise='file')}"])


def spans_pool(project: str) -> str:
    """The pool that lets one run at a time collect the project's spans."""
    return f"{project_key(project)}/spans"


def task_pool(project: str, task: str) -> str:
    """The pool that lets one run at a time work on the task."""
    return f"{project_key(project)}/{task}"


def owner(text: str) -> str:
    """An owner as Dagster takes it: an e-mail address as it stands, anything else as a team."""
    if _EMAIL.fullmatch(text):
        return text
    return f"team:{safe(text.removeprefix('team:'), otherwise='team')}"
