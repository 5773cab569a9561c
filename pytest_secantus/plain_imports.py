"""Keep pytest from rewriting the server's assertions.

pytest rewrites the assertions of all packages that come with a plugin, and so of the whole server: hundreds of modules that hold no
test. A run that may not keep bytecode would do so each time, for longer than the server needs to start.
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
    """Finds the server's modules as Python does, before pytest's finder is asked."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where a module is, or None for one that is not the server's."""
        return PathFinder.find_spec(fullname, path, target) if fullname.startswith(PREFIX) else None


def import_plainly(config: pytest.Config) -> None:
    """Import the server's modules as they are until the run ends."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))
