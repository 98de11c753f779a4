"""The versions that the ledger holds, as tasks need them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.core.version import Pin, Version
from evals_pipeline.engine.hub.files import EVALUATORS
from evals_pipeline.engine.settings import Settings
from evals_pipeline.evaluators.prebuilt.registry import prebuilt_names
from evals_pipeline.hub.contents import SHOWN_DIGITS

_DIGITS = 10
"""Too many for a number that the ledger could hold."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What the hub has of the evaluators of a project folder.

    Attributes:
        latest: Name -> its newest version; names that were deleted are not here.
        pinned: Versions that were asked for by number.
        problem: Why nothing is known; empty when the ledger could be read, or there is none yet.
    """

    latest: Mapping[str, Version] = field(default_factory=dict)
    pinned: Mapping[Pin, Version] = field(default_factory=dict)
    problem: str = ""

    def refuse_unknown(self) -> None:
        """Raises LedgerError where the versions could not be read."""
        if self.problem:
            raise LedgerError(self.problem)

    def called(self, name: str, version: str) -> tuple[str, ...]:
        """What results call `version` of an evaluator: that, and the hash of its file from before it was pushed."""
        latest = self.latest.get(name)
        known = {str(number): pushed for (pinned, number), pushed in self.pinned.items() if pinned == name}
        known |= {str(latest.number): latest} if latest is not None else {}
        pushed = known.get(version)
        return (version,) if pushed is None else (version, pushed.draft.content_hash[:SHOWN_DIGITS])


def read_versions_for(folder: Path, spelled: Collection[str]) -> Versions:
    """What tasks that name evaluators so (`polite`, `polite@3`) need; the ledger is left alone where nothing does."""
    if not (folder / EVALUATORS).is_dir() and all(name in prebuilt_names() for name in spelled):
        return Versions()
    return read_versions(folder, pins_of(spelled))


def pins_of(spelled: Iterable[str]) -> set[Pin]:
    """The versions that are asked for by number; whatever else is written is left out."""
    parted = (name.partition("@") for name in spelled)
    return {(name, int(digits)) for name, _, digits in parted if is_number(digits)}


def is_number(digits: str) -> bool:
    """Whether a version's number is written so, in `polite@3`."""
    return digits.isascii() and digits.isdecimal() and not digits.startswith("0") and len(digits) < _DIGITS


def read_versions(folder: Path, pins: Collection[Pin] = ()) -> Versions:
    """The newest version of each evaluator, and those of `pins` that there are; no ledger is made.

    A ledger that cannot be read hides no task that does without it: the problem is kept instead of raised.
    """
    settings = Settings.of(folder)
    if settings.ledger_is_missing:
        return Versions()
    from evals_pipeline.ledger.database import Database  # brings SQLAlchemy, which most commands can do without
    from evals_pipeline.ledger.evaluator_versions import EvaluatorVersions

    try:
        database = Database(settings.database)
        try:
            latest, pinned = EvaluatorVersions(database).chosen(pins)
        finally:
            database.close()
    except LedgerError as error:
        return Versions(problem=str(error))
    return Versions(latest, pinned)
