r"""A judge's template: which variables it has, and the instructions that a model gets from it.

Where the values go. They are not put into the template. The instructions are sent as the system message, with
`[input]` where the template says `{input}`; the values follow as sections of their own in the user's message (see
`sections`). Why:

- What the model must obey and what it must judge are apart, in messages of different standing. A value cannot come to
  stand between two of the user's sentences, where its words would read as theirs.
- All that is the same for every unit comes first, so providers and local servers can reuse their work on that prefix,
  wherever in the template the variables stand.
- Nothing is rendered into the user's text, so nothing can be rendered twice.

A template reads on as it was written: `Question: {input}` becomes `Question: [input]`, and text after the last
variable stays in its place, before the data.

What braces mean. `{name}` is a variable, wherever it stands; inside JSON, too. All other braces stand as they are:
`{"a": 1}`, `{ x }`, `{}`, `{1}`. A word in braces that is no variable is written `\{word}` and reaches the model as
`{word}`. `{{name}}` and `{a.b}` are refused, since they would be variables elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evals_pipeline.core.errors import ConfigError

_PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}|\\(\{[^\W\d][\w.]*\})")
_DOUBLE = re.compile(r"(?<!\\)\{\{\{?\s*[#^/>&!]?\s*([^\W\d][\w.]*)\s*\}?\}\}")
_DOTTED = re.compile(r"(?<!\\)\{([^\W\d]\w*)((?:\.\w+)+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it was read.

    Attributes:
        variables: Their names in the order in which they first appear, which is the order of the sections.
        instructions: The text with `[name]` for every `{name}`; white space at both ends is gone.
    """

    variables: tuple[str, ...]
    instructions: str


def read_template(text: str, *, field: str = "template") -> Template:
    """What `text` asks for.

    Raises:
        ConfigError: It has no variable, or one in a spelling that is not ours; `field` says where it stands.
    """
    _refuse_other_spellings(text, field)
    found = [name for name, _ in _PLACEHOLDER.findall(text) if name]
    if not found:
        raise ConfigError(
            "the template has no variable, so every unit would get the same question",
            field=field,
            hint="write the name of a value in braces where it is meant, for example {input}",
        )
    names = tuple(dict.fromkeys(found))
    if len({name.casefold() for name in names}) < len(names):
        raise ConfigError(
            f"names of variables must not differ by case only: {', '.join(names)}",
            field=field,
            hint="spell them alike, or give one of them another name",
        )
    return Template(names, _PLACEHOLDER.sub(_reference, text).strip())


def _reference(match: re.Match[str]) -> str:
    name, literal = match.groups()
    return literal or f"[{name}]"


def _refuse_other_spellings(text: str, field: str) -> None:
    if double := _DOUBLE.search(text):
        name = double[1]
        raise ConfigError(
            f"{double[0]!r} is no variable here: single braces are",
            field=field,
            hint=f"write {{{name.split('.')[0]}}}; if the model is to read double braces, write {{\\{{{name}}}}}",
        )
    if dotted := _DOTTED.search(text):
        name = dotted[2].rpartition(".")[2] if dotted[1] == "attributes" else dotted[1]
        raise ConfigError(
            f"{dotted[0]!r} is no variable: a name has no dots",
            field=field,
            hint=f"write {{{name}}} and map it in the task, `{name}: {dotted[1]}{dotted[2]}`; "
            f"if it is meant literally, write \\{dotted[0]}",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError("the template holds half of a surrogate pair, which is no text", field=field) from error
