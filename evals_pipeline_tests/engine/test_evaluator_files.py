"""Files of the folder `evaluators`: which can be evaluators, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals_pipeline.engine.catalog import read_catalog
from evals_pipeline_tests.builders import (
    JUDGE,
    project_folder,
)
from evals_pipeline_tests.engine.polite import CODE, polite_folder

SETTINGS = "kind: code\nfilter: span_kind = 'LLM'\n"


FILES = {
    "no class": ({"polite.py": "x = 1\n"}, "evaluators/polite.py", "", "evals hub check evaluators/polite.py"),
    "settings of nothing": ({"polite.yaml": SETTINGS}, "evaluators/polite.yaml", "no polite.py beside it", "polite.py"),
    "both kinds": (
        {"polite.py": CODE, "polite.yaml": JUDGE},
        "evaluators/polite.yaml",
        "polite.py beside it",
        "rename",
    ),
    "a typo in the settings": (
        {"polite.py": CODE, "polite.yaml": "kind: code\nrow_secs: 1\n"},
        "evaluators/polite.yaml",
        "'row_secs'",
        "did you mean 'row_seconds'?",
    ),
    "settings without a kind": (
        {"polite.py": CODE, "polite.yaml": "row_seconds: 1\n"},
        "evaluators/polite.yaml",
        "'kind' is missing",
        "kind:",
    ),
    "a filter that is none": (
        {"polite.py": CODE, "polite.yaml": "kind: code\nfilter: nosuch = 1\n"},
        "evaluators/polite.yaml",
        "nosuch",
        "",
    ),
    "a prebuilt check": ({"exact_match.py": CODE}, "evaluators/exact_match.py", "prebuilt check", "my_exact_match.py"),
    "a prebuilt judge": ({"toxicity.py": CODE}, "evaluators/toxicity.py", "prebuilt judge", "my_toxicity.py"),
    "no name": ({"My-Check.py": CODE}, "evaluators/My-Check.py", "'My-Check' is no name", "move it elsewhere"),
    "a package": ({"__init__.py": ""}, "evaluators/__init__.py", "'__init__' is no name", "evaluators only"),
    "no text": ({"polite.py": b"\xff\xfe"}, "evaluators/polite.py", "cannot be read", ""),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_can_be_no_evaluator_is_told_once_with_its_place(tmp_path: Path, case: str) -> None:
    project_folder(tmp_path)
    (tmp_path / "evaluators").mkdir()
    files, place, message, hint = FILES[case]
    for name, text in files.items():
        (tmp_path / "evaluators" / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    (file,) = read_catalog(tmp_path).broken

    assert (file.kind, file.file) == ("evaluator", place)
    assert message in file.message
    assert hint in file.hint


def test_copies_that_editors_keep_are_no_evaluators(tmp_path: Path) -> None:
    folder = polite_folder(tmp_path)
    for name in (".#polite.py", "polite.py~", "notes.md"):
        (folder / "evaluators" / name).write_text("not for us")
    (folder / "evaluators" / "__pycache__").mkdir()

    assert read_catalog(folder).broken == ()
