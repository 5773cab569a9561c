"""Reads of real files while a test replaces the file system, as pyfakefs and `mock.patch("builtins.open")` do.

The reading functions are default arguments or belong to the interpreter's import system. Such tools do not replace either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import FileIO
from typing import Any


def read_file(path: str, opener: Callable[[str], FileIO] = FileIO) -> bytes:
    """Return the contents of a file.

    Raises:
        OSError: it cannot be read.
    """
    with opener(path) as opened:
        return opened.readall()


def list_directory(path: str, listdir: Callable[[str], list[str]] = os.listdir) -> list[str]:
    """Return the names in a directory.

    Raises:
        OSError: it cannot be read.
    """
    return listdir(path)


def package_data(package: str, name: str) -> bytes:
    """Return the contents of a file of an imported package, from wherever the package was imported.

    Arguments:
        name: the file's path within the package, with `/`.

    Raises:
        OSError: it cannot be read.
    """
    module = sys.modules[package]
    loader: Any = module.__spec__ and module.__spec__.loader
    found: bytes = loader.get_data(f"{parent(module.__file__ or '')}{os.sep}{name.replace('/', os.sep)}")
    return found


def parent(path: str) -> str:
    """Return the directory of a path. `os.path` is not used, because a test may have replaced it."""
    return path.rpartition(os.sep)[0]
