"""An import hook that keeps pytest from rewriting assertions in our modules.

pytest rewrites assertions in all packages of a plugin's distribution, and so in the whole server: hundreds of modules without tests. A
run that cannot write bytecode would repeat this every time, which takes longer than starting the server.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType, ModuleType
from typing import Final

import pytest

PREFIXES = ("secantus_server.", "pytest_secantus.")


# The start of a compiled file that is valid for a time and size of its source.
_TIMED: Final = MAGIC_NUMBER + bytes(4)
# A name of a module.
_ANY: Final = "any_module"
# More than the size of most compiled files.
_MOST: Final = 1 << 16


class PlainLoader(SourceFileLoader):
    """A loader that reads a module's compiled file in fewer steps than Python's loader, in two thirds of the time.

    Arguments:
        name: the module's name.
        path: the path of its source file.
        cached: the path of its compiled file.
    """

    def __init__(self, name: str, path: str, cached: str) -> None:
        super().__init__(name, path)
        self._cached = cached

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of a module."""
        return self._compiled() or super().get_code(fullname)

    def _compiled(
        self,
        stat: Callable[[str], os.stat_result] = os.stat,
        open: Callable[[str, int], int] = os.open,
        read: Callable[[int, int], bytes] = os.read,
        close: Callable[[int], None] = os.close,
    ) -> CodeType | None:
        """Return the code in the compiled file, if it is up to date. Return None in every other case, which Python's loader handles.

        The functions are bound here, because a test may replace the file system.
        """
        try:
            source = stat(self.path)
            file = open(self._cached, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        try:
            data = read(file, _MOST)
        finally:
            close(file)
        made_of = (int(source.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + (source.st_size & 0xFFFFFFFF).to_bytes(4, "little")
        if len(data) == _MOST or not data.startswith(_TIMED) or data[8:16] != made_of:
            return None
        code: CodeType = marshal.loads(memoryview(data)[16:])
        # It differs if the files were moved.
        return code if code.co_filename == self.path else None


class PlainImports(MetaPathFinder):
    """A finder that takes precedence over pytest's finder and loads our modules without assertion rewriting.

    It lists each directory once. Python's own finder reads the times of the directory and of the file for each module, and creates more
    objects, which takes a third of the time of importing a small module.
    """

    def __init__(self) -> None:
        self._listed: dict[str, frozenset[str]] = {}
        # The part of the path of compiled files before and after the module's name, by directory.
        self._cached: dict[str, list[str]] = {}

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
            return self._source_spec(fullname, place, "__init__", [place])
        for suffix in EXTENSION_SUFFIXES:
            if name + suffix in names:
                return _spec(ExtensionFileLoader(fullname, place + suffix), None)
        return self._source_spec(fullname, directory, name, None) if name + ".py" in names else None

    def _source_spec(self, fullname: str, directory: str, name: str, places: list[str] | None) -> ModuleSpec:
        """Return the spec of a module with a source file."""
        around = self._cached.get(directory)
        if around is None:
            around = self._cached[directory] = cache_from_source(f"{directory}{os.sep}{_ANY}.py").rsplit(_ANY, 1)
        cached = name.join(around)
        spec = _spec(PlainLoader(fullname, f"{directory}{os.sep}{name}.py", cached), places)
        spec.cached = cached
        return spec

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
