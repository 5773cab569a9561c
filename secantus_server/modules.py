"""Imports every module of a package, so that each one registers its entries.

`pkgutil` does the same with several times the work, which would noticeably slow down a server's start.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module


def import_modules(package: str, paths: Iterable[str]) -> None:
    """Import the modules and packages below a package, except those whose names begin with `_`; these are imported by their neighbours.

    Arguments:
        package: the package's dotted name.
        paths: the package's `__path__`.
    """
    for path in paths:
        with os.scandir(path) as entries:
            found = [(entry.name, entry.path, entry.is_dir()) for entry in entries]
        for name, place, is_package in sorted(found):
            if name.startswith(("_", ".")):
                continue
            if is_package:
                if os.path.exists(os.path.join(place, "__init__.py")):
                    import_module(f"{package}.{name}")
                    import_modules(f"{package}.{name}", [place])
            elif name.endswith(".py"):
                import_module(f"{package}.{name[:-3]}")
