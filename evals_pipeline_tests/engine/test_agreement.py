"""Agreement figures held against published examples, scikit-learn and simulated truth."""

import math
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score

from evals_pipeline.core.errors import ConfigError
from evals_pipeline.engine.gold.agreement import Agreement, Estimate, agreement
from evals_pipeline.engine.gold.misgivings import misgivings

LABELS = ("factual", "hallucinated")


def of_matrix(*rows: tuple[int, ...], labels: tuple[str, ...] = LABELS) -> Agreement:
    pairs = [
        (gold, given)
        for gold, row in zip(labels, rows, strict=True)
        for given, count in zip(labels, row, strict=True)
        for _ in range(count)
    ]
    return agreement(pairs, labels)


def limits(estimate: Estimate | None) -> tuple[float, float]:
    assert estimate is not None
    return round(estimate.low, 4), round(estimate.high, 4)


def test_accuracy_has_the_score_interval_of_newcombes_table() -> None:
    found = of_matrix((41, 100), (82, 40))

    assert found.rows == 263
    assert limits(found.accuracy) == (0.2553, 0.3662)


def test_balanced_accuracy_has_the_interval_of_newcombes_hybrid_score() -> None:
    # 56/70 - 48/80 lies between 0.0524 and 0.3339; (56/70 + 32/80) / 2 is half of one more than that difference.
    found = of_matrix((56, 14), (48, 32))

    low, high = limits(found.balanced_accuracy)

    assert low == pytest.approx(1.0524 / 2, abs=1e-4)
    assert high == pytest.approx(1.3339 / 2, abs=1e-4)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60))
def test_figures_equal_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, said = zip(*pairs, strict=True)

    found = agreement(pairs, "abc")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of labels that the gold lacks, and of an undefined kappa
        wanted = (
            accuracy_score(gold, said),
            balanced_accuracy_score(gold, said),
            cohen_kappa_score(gold, said, labels=list("abc")),
        )
    for estimate, value in zip((found.accuracy, found.balanced_accuracy, found.kappa), wanted, strict=True):
        if estimate is None:
            assert math.isnan(value)
        else:
            assert estimate.value == pytest.approx(value)
            assert estimate.low <= estimate.value <= estimate.high


def test_recall_and_precision_stand_beside_each_label() -> None:
    found = of_matrix((30, 10), (5, 55))

    assert {label: share.value for label, share in found.recall.items() if share} == {
        "factual": 0.75,
        "hallucinated": pytest.approx(55 / 60),
    }
    assert found.precision["hallucinated"].value == pytest.approx(55 / 65)  # type: ignore[union-attr]
    assert found.f1("hallucinated") == pytest.approx(2 * 55 / (60 + 65))


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param([[0.48, 0.02], [0.49, 0.01]], id="nearly constant answers"),
        pytest.param([[0.495, 0.005], [0.005, 0.495]], id="nearly perfect answers"),
        pytest.param([[0.738, 0.082], [0.054, 0.126]], id="a rare label"),
    ],
)
def test_the_interval_of_kappa_holds_the_truth_in_small_samples(truth: list[list[float]]) -> None:
    shares = np.array(truth)
    by_chance = shares.sum(0) @ shares.sum(1)
    kappa = (np.trace(shares) - by_chance) / (1 - by_chance)
    tables = np.random.default_rng(7).multinomial(20, shares.ravel(), size=60).reshape(-1, 2, 2)

    found = [of_matrix(*(tuple(map(int, row)) for row in table)).kappa for table in tables]
    held = [each.low <= kappa <= each.high for each in found if each]

    assert sum(held) / len(held) >= 0.85


def test_the_same_rows_always_give_the_same_interval() -> None:
    assert of_matrix((40, 10), (12, 38)).kappa == of_matrix((40, 10), (12, 38)).kappa


def test_figures_without_rows_are_absent() -> None:
    found = agreement([], LABELS)

    assert (found.rows, found.accuracy, found.balanced_accuracy, found.kappa) == (0, None, None, None)
    assert found.f1("factual") is None
    assert misgivings(found) == ("No row was given a label: there is nothing to compare.",)


def test_one_row_has_an_accuracy_with_a_wide_interval_and_no_kappa() -> None:
    found = agreement([("factual", "factual")], LABELS)

    assert limits(found.accuracy) == (0.2065, 1.0)
    assert found.kappa is None
    assert found.recall["hallucinated"] is None


def test_a_label_that_the_gold_lacks_does_not_count_in_balanced_accuracy() -> None:
    found = of_matrix((30, 10), (0, 0))

    assert found.balanced_accuracy is not None
    assert found.balanced_accuracy.value == 0.75


def test_labels_outside_the_choices_are_refused() -> None:
    with pytest.raises(ConfigError, match="'dunno'") as refused:
        agreement([("factual", "dunno")], LABELS)

    assert "hallucinated" in str(refused.value)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        pytest.param(((50, 0), (0, 50)), (), id="nothing, of good labels"),
        pytest.param(((9, 1), (2, 8)), ("Only 20 rows",), id="few rows"),
        pytest.param(((60, 0), (0, 8)), ("Only 8 rows of gold label 'hallucinated'",), id="few of a label"),
        pytest.param(
            ((49, 1), (49, 1)),
            ("answers 'factual' to 98% of the rows; in gold 50%", "no better than chance", "98% of 'factual', but 2%"),
            id="nearly constant",
        ),
        pytest.param(((40, 10), (30, 20)), ("one-sided",), id="one-sided"),
        pytest.param(((5, 45), (45, 5)), ("worse than chance",), id="worse than chance"),
        pytest.param(((50, 0), (0, 0)), ("100% of the gold labels", "kappa is undefined"), id="one label only"),
        pytest.param(
            ((30, 0), (30, 0)),
            ("'factual' to 100%", "no better than chance", "never answers 'hallucinated'", "one-sided"),
            id="a label never given",
        ),
    ],
)
def test_what_makes_the_figures_worth_little_is_said(
    matrix: tuple[tuple[int, ...], ...], said: tuple[str, ...]
) -> None:
    found = misgivings(of_matrix(*matrix))

    assert [part for part in said if not any(part in sentence for sentence in found)] == []
    assert len(found) == len(said)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    with pytest.raises(ConfigError, match="pip install 'evals-pipeline\\[gold\\]'"):
        agreement([("factual", "factual")], LABELS)


def test_figures_of_many_labels_have_intervals_too() -> None:
    labels = [f"label_{number}" for number in range(60)]

    found = agreement([(label, label) for label in labels], labels)

    assert found.kappa is not None
    assert found.kappa.low > 0.5


def test_margins_are_those_of_the_matrix() -> None:
    found = of_matrix((30, 10), (5, 55))

    assert found.gold == {"factual": 40, "hallucinated": 60}
    assert found.given == {"factual": 35, "hallucinated": 65}
