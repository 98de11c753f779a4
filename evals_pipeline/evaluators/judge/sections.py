"""Values as a judge is shown them: readable, cut to size, each between tags that its text cannot imitate.

Values come from users, models and web pages, so they may try to pass for instructions. Three things stand against it:

- A section's tags carry a code: a 64-bit hash of all values up to this one. To write its own closing tag, a value
  would have to contain its own hash. Equal values give equal text, and questions that begin with the same values begin
  with the same text, so a provider can reuse its work on it.
- Whatever looks like such a tag, and the markers by which servers tell roles and turns apart (`<|im_start|>`,
  `[INST]`), gets a zero-width space after its first character: it reads as before, but no longer is one.
- The system message says that sections hold material to be judged (`wording`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from evals_pipeline.llm.tokens import estimated_tokens

CODE_DIGITS = 16

_CONTROLS = bytes({*range(32), 127} - {9, 10, 13})
# Control characters, halves of surrogate pairs, and the invisible twins of ASCII that only models can read.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\U000e0000-\U000e007f]+")
_MARKERS = re.compile(
    rf"""<(?=
        \s?/?\s?\w{{1,256}}-[0-9a-f]{{{CODE_DIGITS}}} # our own tags
      | [|｜][^<>\s]{{1,60}}?[|｜]>                # <|im_start|>, <|eot_id|>, <｜User｜>
      | </?SYS>>                                  # Llama 2
      | (?:start|end)_of_turn>                    # Gemma
      | /?(?:s|bos|eos|think)>                    # begin, end and thoughts in several
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_BRACKETED = re.compile(r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"


def sections(values: Mapping[str, str], names: Iterable[str], max_tokens: int) -> tuple[str, bool]:
    """The values of `names` as text, each in its section, and whether one was cut.

    Args:
        values: At least those of `names`; any text, halves of surrogate pairs included.
        names: Which values, in this order.
        max_tokens: A value of more tokens, by estimate, is cut in the middle.
    """
    code = blake2b(digest_size=CODE_DIGITS // 2)
    parts, is_cut = [], False
    for name in names:
        value = readable(values[name])
        shown = cut(value, max_tokens)
        is_cut = is_cut or shown is not value
        shown = harmless(shown)
        code.update(f"{name}\0{shown}\0".encode())
        tag = f"{name}-{code.hexdigest()}"
        parts.append(f"<{tag}>\n{shown}\n</{tag}>")
    return "\n\n".join(parts), is_cut


def readable(value: str) -> str:
    """`value` with U+FFFD for each run of what is no readable text; line breaks and tabs stay."""
    return value if _is_plain(value) else _UNREADABLE.sub("\ufffd", value)


def cut(value: str, max_tokens: int) -> str:
    """`value` itself if it has at most `max_tokens`, by estimate; else both its ends and how much is left out."""
    tokens = estimated_tokens(value)
    if tokens <= max_tokens:
        return value
    kept = len(value) * max_tokens // tokens
    while kept > 1 and _tokens_of_ends(value, kept) > max_tokens:
        kept = kept * 9 // 10
    head, tail = _ends(value, kept)
    return f"{head} {left_out(len(value) - len(head) - len(tail))} {tail}"


def left_out(characters: int) -> str:
    """The mark that stands for text that was left out."""
    return f"[… {characters:,} characters left out …]"


def harmless(value: str) -> str:
    """`value` with a zero-width space inside whatever imitates our tags or a server's markers of roles."""
    if "<" in value:
        value = _MARKERS.sub("<" + _ZERO_WIDTH_SPACE, value)
    return _BRACKETED.sub("[" + _ZERO_WIDTH_SPACE, value) if "[" in value else value


def _is_plain(value: str) -> bool:
    """Whether all of it is readable, as a look at the bytes tells; no may mean perhaps not."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        return False
    has_controls = len(data.translate(None, _CONTROLS)) < len(data)
    return not has_controls and b"\xc2" not in data and b"\xf3" not in data  # begin C1 controls and ASCII's twins


def _tokens_of_ends(value: str, kept: int) -> int:
    return sum(map(estimated_tokens, _ends(value, kept)))


def _ends(value: str, kept: int) -> tuple[str, str]:
    return value[: kept - kept // 2], value[len(value) - kept // 2 :]
