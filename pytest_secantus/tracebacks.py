"""The frames that a traceback leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _pytest._code import ExceptionInfo


def hidden_for(kind: type[Exception]) -> Callable[[ExceptionInfo[Any]], bool]:
    """Return a value of `__tracebackhide__` that hides the frames of errors of one kind.

    A module whose methods tests call sets it as a global for its errors about wrong arguments. pytest reads the global for each frame of
    the module, so the traceback ends at the test's line. All other errors are ours, and their tracebacks remain complete.
    """
    return lambda error: error.errisinstance(kind)
