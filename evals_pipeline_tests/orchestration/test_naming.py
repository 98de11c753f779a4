import base64
import re

import pytest

from evals_pipeline.engine.summary import EvaluatorSummary, Summary
from evals_pipeline.orchestration import naming
from evals_pipeline.orchestration.plots import label_shares


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("support_bot", "support_bot"),
        ("Support Bot", "Support_Bot"),
        ("team-a/bot.v2", "team_a_bot_v2"),
        ("__odd__name__", "odd_name"),
        ("2024", "2024"),
    ],
)
def test_a_project_name_becomes_a_key_that_can_be_read(name: str, key: str) -> None:
    assert naming.project_key(name) == key


@pytest.mark.parametrize("name", ["客服", "…", "x" * 200])
def test_a_name_without_letters_or_too_long_becomes_a_key_of_its_own(name: str) -> None:
    key = naming.project_key(name)

    assert re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", key)
    assert len(key) <= 60
    assert key != naming.project_key(name + "?!客")


def test_the_first_of_two_names_keeps_the_key() -> None:
    assert naming.collisions(["a-b", "a b", "c"]) == {"a-b": "a b"}


@pytest.mark.parametrize(
    ("text", "owner"),
    [("ann@example.com", "ann@example.com"), ("team:quality", "team:quality"), ("Quality Squad", "team:Quality_Squad")],
)
def test_an_owner_is_an_address_or_a_team(text: str, owner: str) -> None:
    assert naming.owner(text) == owner


def drawn(**evaluators: dict[str, int]) -> str:
    """The SVG of a summary with these labels."""
    picture = label_shares(Summary({name: EvaluatorSummary(labels=labels) for name, labels in evaluators.items()}))
    return base64.b64decode(picture.partition("base64,")[2].rstrip(")")).decode() if picture else ""


def test_a_picture_shows_each_label_with_its_share() -> None:
    svg = drawn(tone={"polite": 3, "rude": 1})

    assert "polite" in svg and "75.0% (3)" in svg and "25.0% (1)" in svg


def test_a_label_is_text_in_a_picture_whatever_it_holds() -> None:
    svg = drawn(tone={"<script>&\x00": 1})

    assert "<script" not in svg
    assert "&lt;script&gt;&amp;" in svg


def test_many_labels_become_the_most_frequent_and_the_others() -> None:
    svg = drawn(tone={f"label{number}": 100 - number for number in range(50)})

    assert "label5" in svg and "label6" not in svg
    assert "other labels" in svg


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn(tone={}) == ""
