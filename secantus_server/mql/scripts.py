"""Helpers for operators whose arguments contain JavaScript code."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import JavaScript
from secantus_server.errors import CommandError
from secantus_server.javascript import Engine
from secantus_server.mql.context import ParseContext


def script_engine(name: str, ctx: ParseContext) -> Engine:
    """Return the command's JavaScript engine.

    Arguments:
        name: the operator that needs the engine.

    Raises:
        CommandError: 4660800 where JavaScript is not allowed, such as in a validator. 238 if the engine's package is not installed. If
            JavaScript is disabled, the error that MongoDB raises in this case.
    """
    if ctx.scripts is None:
        raise CommandError(4660800, f"{name} is not allowed in this context")
    return ctx.scripts(name)


def source_of(value: Any) -> str | None:
    """Return the source code in an operator's argument, or None if the argument is not code. Code is a string or a code value without a
    scope.
    """
    if type(value) is JavaScript and value.scope is None:
        return value.code
    return value if type(value) is str else None
