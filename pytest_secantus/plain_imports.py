"""An import hook that keeps pytest from rewriting assertions in our modules.

pytest rewrites assertions in all packages of a plugin's distribution, and so in the whole server: hundreds of modules without tests. A
run that cannot write bytecode would repeat this every time, which takes longer than starting the server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

import pytest

PREFIXES = ("secantus_server.", "pytest_secantus.")


class PlainImports(MetaPathFinder):
    """A finder that takes precedence over pytest's finder and loads our modules without assertion rewriting.

    It lists each directory once. Python's own finder reads the times of the directory and of the file for each module, and creates more
    objects, which takes a third of the time of importing a small module.
    """

    def __init__(self) -> None:
        self._listed: dict[str, frozenset[str]] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of one of our modules, or None for any other module."""
        if not fullname.startswith(PREFIXES):
            return None
        # A name that is not found here may be that of a new file.
        spec = self._listed_spec(fullname, path[0]) if path is not None and len(path) == 1 else None
        return spec or PathFinder.find_spec(fullname, path, target)

    def _listed_spec(self, fullname: str, directory: str) -> ModuleSpec | None:
        """Return the spec of a module in a directory, in the order of Python's finder: a package, an extension module, a source file."""
        name = fullname.rpartition(".")[2]
        names = self._names_in(directory)
        place = f"{directory}{os.sep}{name}"
        if name in names and "__init__.py" in self._names_in(place):
            return _spec(SourceFileLoader(fullname, f"{place}{os.sep}__init__.py"), [place])
        for suffix in EXTENSION_SUFFIXES:
            if name + suffix in names:
                return _spec(ExtensionFileLoader(fullname, place + suffix), None)
        return _spec(SourceFileLoader(fullname, place + ".py"), None) if name + ".py" in names else None

    def _names_in(self, directory: str, listdir: Callable[[str], list[str]] = os.listdir) -> frozenset[str]:
        """Return the names in a directory. `listdir` is bound here, because a test may replace the file system."""
        names = self._listed.get(directory)
        if names is None:
            try:
                names = frozenset(listdir(directory))
            except OSError:
                names = frozenset()
            self._listed[directory] = names
        return names


def _spec(loader: SourceFileLoader | ExtensionFileLoader, places: list[str] | None) -> ModuleSpec:
    """Return the spec of the module of a loader. `places` are the directories of a package's modules."""
    spec = ModuleSpec(loader.name, loader, origin=loader.path)
    spec.submodule_search_locations = places
    spec.has_location = True
    return spec


def import_plainly(config: pytest.Config) -> None:
    """Disable assertion rewriting for our modules until the test run ends."""
    finder = PlainImports()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))
