from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from evals_pipeline.llm.collecting import spared


class Knot:
    """Refers to itself, so that only the collector can end it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_lives_already_is_spared_and_what_comes_later_is_collected() -> None:
    with spared():
        frozen = gc.get_freeze_count()
        late = weakref.ref(Knot())
        gc.collect()

        assert frozen > 0
        assert late() is None

    assert gc.get_freeze_count() == 0


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(OSError), spared():
        raise OSError

    assert gc.get_freeze_count() == 0


def test_what_somebody_else_has_frozen_stays_frozen() -> None:
    gc.freeze()

    with spared():
        pass

    assert gc.get_freeze_count() > 0
