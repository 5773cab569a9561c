"""Checks that files and directories can be written, before any test runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def check_file(path: Path, option: str) -> None:
    """Raise pytest.UsageError, with the option's name in its message, unless a file can be written."""
    existed = path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise pytest.UsageError(f"{option}: {path} cannot be written: {error.strerror}") from error
    if not existed:
        path.unlink()


def probe(directory: Path) -> None:
    """Write a file to an existing directory, and remove it. (For some file systems, `os.access` reports rights that do not exist.)

    Raises:
        OSError: the directory cannot be written.
    """
    file = directory / f".secantus-{os.getpid()}"
    file.touch()
    file.unlink()
