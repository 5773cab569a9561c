"""A reader of TOML files that uses the standard library or, on older Python versions, its backport."""

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
    """Read a TOML file. Raise UsageError if it is malformed or unreadable."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not a readable TOML file: {error}") from error
