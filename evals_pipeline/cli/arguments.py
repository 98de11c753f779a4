"""Commands whose `--help` says what their arguments are."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand
from typer.models import ArgumentInfo
from typer.utils import get_params_from_function


class Command(TyperCommand):
    """A command that keeps the help of its arguments.

    From click 8.4 on an argument has a `help` of its own, which is empty, and which replaces that of typer below 0.26.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.callback is None:
            return
        given = {name: found.default for name, found in get_params_from_function(self.callback).items()}
        for parameter in self.params:
            info = given.get(parameter.name or "")
            if isinstance(parameter, TyperArgument) and isinstance(info, ArgumentInfo):
                parameter.help = info.help
