from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals_pipeline.llm.tokens import estimated_tokens, most_tokens


def test_english_has_about_four_characters_a_token_and_other_scripts_fewer() -> None:
    assert estimated_tokens("word " * 80) == 100
    assert 250 <= estimated_tokens("слово" * 100) <= 350
    assert 90 <= estimated_tokens("日" * 100) <= 100
    assert estimated_tokens("") == 0


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_longer_text_is_never_estimated_shorter(text: str, more: str) -> None:
    assert estimated_tokens(text) <= estimated_tokens(text + more)


@given(st.text(st.characters(), max_size=50))
def test_the_bound_is_a_token_for_each_byte_and_more_than_the_estimate(text: str) -> None:
    most = most_tokens([{"role": "user", "content": text}], 0)

    assert most > len(text.encode("utf-8", "surrogatepass"))
    assert most > estimated_tokens(text)
