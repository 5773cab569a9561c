"""Keep pytest from rewriting the server's assertions.

pytest rewrites assertions in all packages of a plugin's distribution, and so in the whole server: hundreds of modules without
tests. A run that cannot write bytecode would repeat this every time, which takes longer than starting the server.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

PREFIX = "secantus_server."


class PlainImports(MetaPathFinder):
    """A finder that takes precedence over pytest's and loads the server's modules without rewriting."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of one of the server's modules; None for any other module."""
        return PathFinder.find_spec(fullname, path, target) if fullname.startswith(PREFIX) else None


def import_plainly(config: pytest.Config) -> None:
    """Import the server's modules without assertion rewriting until the run ends."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))
