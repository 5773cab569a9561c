"""The checkout of a driver's repository, whose path the user gives. It is needed if the driver's packages do not contain its suite."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.failures import UsageError

_COPIED = ".copied"


@dataclass(frozen=True)
class Checkout:
    """A repository whose checkout contains a test suite.

    Arguments:
        proof: a file that identifies a checkout and contains the version.
        version: a regular expression for the version. Its first group is the version, or the beginning of it.
        parts: the files and folders that the suite needs; all if empty.
    """

    repository: str
    tag: str
    proof: str
    version: str
    parts: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The version of the driver in the checkout."""
        return self.tag.lstrip("vr")

    def folder(self, cache: Path, name: str) -> Path:
        """Return the folder in the cache that contains the copy of the checkout."""
        return cache / f"{name}-{self.number}"

    def is_copied(self, cache: Path, name: str) -> bool:
        """Return whether the cache contains a complete copy of the checkout."""
        return (self.folder(cache, name) / _COPIED).exists()

    def copy(self, source: Path | None, cache: Path, name: str) -> Path:
        """Copy a checkout into the cache, unless the cache already contains a copy, and return the copy. The suite is built and run in
        the copy.

        Raise UsageError if no source is given, or if it is not a checkout of the repository at the expected version.
        """
        folder = self.folder(cache, name)
        if (folder / _COPIED).exists():
            return folder
        if source is None:
            raise UsageError(f"The suite of {name} needs --source DIR, a checkout of {self.repository} at {self.tag}.")
        found = self._version_of(source)
        if found is None or not f"{self.number}.".startswith(f"{found}."):
            raise UsageError(f"{source} is not a checkout of {self.repository} at {self.tag}: it has version {found or 'none'}.")
        shutil.rmtree(folder, ignore_errors=True)
        for part in self.parts or tuple(sorted(each.name for each in source.iterdir() if each.name != ".git")):
            if (source / part).is_dir():
                shutil.copytree(source / part, folder / part, symlinks=True)
            elif (source / part).exists():
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / part, folder / part)
        (folder / _COPIED).touch()
        return folder

    def _version_of(self, source: Path) -> str | None:
        try:
            text = (source / self.proof).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        match = re.search(self.version, text)
        return match[1] if match else None


def refuse_source(name: str, source: Path | None) -> None:
    """Raise UsageError if the user gives a checkout for a suite that is downloaded."""
    if source is not None:
        raise UsageError(f"The suite of {name} is downloaded; it takes no --source.")
