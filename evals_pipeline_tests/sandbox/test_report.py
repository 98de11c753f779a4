"""What a report of a sandbox says in a line, and that it survives being stored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evals_pipeline.sandbox.report import SandboxReport

BEST = SandboxReport(1, False, "root", 7, True, "6.18.0", "x86_64", ("numpy",), ("because",))


@pytest.mark.parametrize(
    ("report", "summary"),
    [
        (BEST, "tier 1, namespaces root, Landlock 7, seccomp"),
        (replace(BEST, tier=2, namespaces=""), "tier 2, Landlock 7, seccomp"),
        (replace(BEST, tier=3, is_sealed=True, namespaces="", landlock=0), "tier 3, sealed, seccomp"),
        (
            replace(BEST, tier=None, namespaces="", landlock=0, seccomp=False),
            "none: custom code has the rights of the pipeline (EVALS_SANDBOX=unsafe)",
        ),
    ],
    ids=["tier 1", "tier 2", "tier 3", "unsafe"],
)
def test_a_report_says_in_a_line_what_holds(report: SandboxReport, summary: str) -> None:
    assert report.summary == summary


def test_a_report_survives_being_stored() -> None:
    assert SandboxReport.from_dict(json.loads(json.dumps(BEST.as_dict()))) == BEST
