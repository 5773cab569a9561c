"""Apply the patches of `vendor/patches` to a source tree exactly, so that the build does not need a `patch` program."""

from __future__ import annotations

import re
from pathlib import Path

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class PatchError(Exception):
    """A patch does not match the source."""


def apply_patch(patch: str, root: Path) -> list[Path]:
    """Apply a unified diff (paths below `a/` and `b/`) to the tree under `root`.

    Arguments:
        patch: the diff's text; lines before the first `---` are an explanation.
        root: the directory that the paths are relative to.

    Returns the changed files. Raises PatchError if a context line or a removed line differs.
    """
    changed = []
    sections = re.split(r"^--- a/(.+)\n\+\+\+ b/.+\n", patch, flags=re.MULTILINE)
    for name, hunks in zip(sections[1::2], sections[2::2], strict=True):
        path = root / name
        old = path.read_text(encoding="utf-8").split("\n")
        path.write_text("\n".join(_apply_hunks(name, old, hunks.rstrip("\n").split("\n"))), encoding="utf-8")
        changed.append(path)
    return changed


def _apply_hunks(name: str, old: list[str], hunks: list[str]) -> list[str]:
    """Return the lines of a file with its hunks applied."""
    new: list[str] = []
    at = 0
    for line in hunks:
        header = _HUNK.match(line)
        if header:
            start = int(header.group(1)) - 1
            new += old[at:start]
            at = start
        elif line[:1] == "+":
            new.append(line[1:])
        else:
            if at >= len(old) or old[at] != line[1:]:
                raise PatchError(f"{name}, line {at + 1}: the patch expects {line[1:]!r}")
            if line[:1] != "-":
                new.append(old[at])
            at += 1
    return new + old[at:]
