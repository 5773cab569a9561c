"""The check whether the packages of the optional dependency group `[console]` are installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGES: Final = ("starlette", "uvicorn", "jinja2")
INSTALL: Final = 'The console needs packages that are not installed: run pip install "pytest-secantus[console]".'


def is_installed() -> bool:
    """Return whether the packages of the group `[console]` are installed."""
    return all(find_spec(name) is not None for name in PACKAGES)
