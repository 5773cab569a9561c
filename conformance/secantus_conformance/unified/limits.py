"""The tests that cannot run although their requirements are met, each with the reason. The list is in `limits.toml`."""

from __future__ import annotations

import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from secantus_conformance.failures import SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.toml import read_toml

_PATH = Path(__file__).with_name("limits.toml")


@cache
def _limits() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_toml(_PATH)["limit"]
    return found


def check_limits(name: str) -> None:
    """Raise SkipTest if the list contains the test."""
    for limit in _limits():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in limit["tests"]):
            raise SkipTest(Skip(limit["kind"]), limit["reason"])
