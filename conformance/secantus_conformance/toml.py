"""Reads TOML with the standard library, or with its backport where Python is too old to have it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from secantus_conformance.failures import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """A file's table. Raises UsageError if it is broken or cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not a readable TOML file: {error}") from error
