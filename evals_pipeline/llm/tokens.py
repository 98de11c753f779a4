"""How many tokens a text comes to, before a provider has counted them: a bound to reserve by, and a likely number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CALL_OVERHEAD = 256
"""Tokens that chat templates, tool preambles and default system prompts may add to a call."""

MESSAGE_OVERHEAD = 16
"""Tokens that chat templates add around one message: its role and its delimiters."""

_CHARACTERS_A_TOKEN = 4
_TOKENS_A_CONTINUATION_BYTE = 0.35


def estimated_tokens(text: str) -> int:
    """A likely number of tokens, never less for a longer text.

    Four characters of English a token is OpenAI's own rule of thumb ("What are tokens and how to count them?"). Other
    scripts take more (Petrov et al. 2023, arXiv 2305.15425), which their extra bytes in UTF-8 tell: with 0.35 token
    for each, Cyrillic comes to about 0.6 token a character, Chinese and Japanese to about 1.
    """
    if text.isascii():
        return -(-len(text) // _CHARACTERS_A_TOKEN)
    extra = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return -int(-(len(text) / _CHARACTERS_A_TOKEN + extra * _TOKENS_A_CONTINUATION_BYTE) // 1)


def most_tokens(messages: Sequence[Mapping[str, str]], form_bytes: int) -> int:
    """More prompt tokens than `messages` and `form_bytes` of schema or instruction can come to.

    Tokenizers of byte-pairs make at most one token of a byte; what templates add is covered by fixed allowances.
    """
    told = sum(len(part.encode("utf-8", "surrogatepass")) for message in messages for part in message.values())
    return told + form_bytes + MESSAGE_OVERHEAD * len(messages) + CALL_OVERHEAD


def likely_tokens(messages: Sequence[Mapping[str, str]], form_characters: int) -> int:
    """A likely number of prompt tokens."""
    told = sum(estimated_tokens(message["content"]) + 4 for message in messages)
    return told + form_characters // _CHARACTERS_A_TOKEN
