"""Listing of files whose names consist of a prefix and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def numbered_files(directory: Path, prefix: str) -> dict[int, Path]:
    """Return the files of a directory whose names consist of the prefix and a number, keyed by the number."""
    found = ((path.name.removeprefix(prefix), path) for path in directory.glob(f"{prefix}*"))
    return {int(number): path for number, path in found if number.isdigit()}
