"""A version as plain JSON, for those who look it up."""

from __future__ import annotations

from typing import Any

from evals_pipeline.core.version import Version
from evals_pipeline.hub.contents import SHOWN_DIGITS


def summary(version: Version) -> dict[str, Any]:
    """Everything but the texts; times in UTC."""
    draft = version.draft
    return {
        "name": draft.name,
        "number": version.number,
        "kind": str(draft.content.kind),
        "message": draft.message,
        "author": draft.author,
        "pushed_at": version.pushed_at,
        "content_hash": draft.content_hash[:SHOWN_DIGITS],
        "granularity": draft.granularity,
        "filter": draft.filter,
        "variables": [{"name": each.name, "is_required": each.is_required} for each in draft.variables],
        "parameters": [
            {"name": each.name, "type": each.type, "is_required": each.is_required, "default": each.default}
            for each in draft.parameters
        ],
    }
