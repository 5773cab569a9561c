"""Reads real files even while a test replaces the file system, as pyfakefs and `mock.patch("builtins.open")` do.

The functions that read are default arguments or belong to the interpreter's import system, and such tools replace neither.
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
        OSError: the file cannot be read.
    """
    with opener(path) as opened:
        return opened.readall()


def list_directory(path: str, listdir: Callable[[str], list[str]] = os.listdir) -> list[str]:
    """Return the names in a directory.

    Raises:
        OSError: the directory cannot be read.
    """
    return listdir(path)


def package_data(package: str, name: str) -> bytes:
    """Return the contents of a file that belongs to an imported package, even if the package is not a directory, for example in a zip
    file.

    Arguments:
        name: the file's path within the package, with `/`.

    Raises:
        OSError: the file cannot be read.
    """
    module = sys.modules[package]
    loader: Any = module.__spec__ and module.__spec__.loader
    found: bytes = loader.get_data(f"{parent(module.__file__ or '')}{os.sep}{name.replace('/', os.sep)}")
    return found


def parent(path: str) -> str:
    """Return the parent directory of a path. Do not use `os.path`, because a test may have replaced it."""
    return path.rpartition(os.sep)[0]


class Unpatched:
    """The system calls for temporary files. They are class attributes, which tools that replace the file system do not patch."""

    pread = staticmethod(os.pread)
    pwrite = staticmethod(os.pwrite)
    ftruncate = staticmethod(os.ftruncate)
    close = staticmethod(os.close)
    remove_directory = staticmethod(os.rmdir)
    _open = staticmethod(os.open)
    _unlink = staticmethod(os.unlink)
    _mkdir = staticmethod(os.mkdir)
    _random = staticmethod(os.urandom)

    def make_directory(self, path: str) -> None:
        """Create a directory for this user only, unless it exists.

        Raises:
            OSError: the directory cannot be created.
        """
        try:
            self._mkdir(path, 0o700)
        except FileExistsError:
            return

    def open_unlinked(self, directory: str) -> int:
        """Return the descriptor of a new file that has no name any more.

        Raises:
            OSError: the file cannot be created.
        """
        path = f"{directory}{os.sep}secantus-{self._random(8).hex()}"
        descriptor = self._open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._unlink(path)
        return descriptor


UNPATCHED = Unpatched()
