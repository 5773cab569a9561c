"""An import hook that keeps pytest from rewriting assertions in our modules.

pytest rewrites assertions in all packages of a plugin's distribution, and so in the whole server: hundreds of modules without tests. A
run that cannot write bytecode would repeat this every time, which takes longer than starting the server.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

PREFIXES = ("secantus_server.", "pytest_secantus.")


class PlainImports(MetaPathFinder):
    """A finder that takes precedence over pytest's finder and loads our modules without assertion rewriting."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of one of our modules, or None for any other module."""
        return PathFinder.find_spec(fullname, path, target) if fullname.startswith(PREFIXES) else None


def import_plainly(config: pytest.Config) -> None:
    """Disable assertion rewriting for our modules until the test run ends."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))
