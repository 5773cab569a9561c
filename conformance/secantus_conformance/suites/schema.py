"""The versions of the unified test format that this runner supports."""

from __future__ import annotations

import re
from typing import Any

from secantus_conformance.failures import BadTest

NEWEST = (1, 28)


def check_version(file: dict[str, Any]) -> None:
    """Raise BadTest for a file whose format version this runner does not support."""
    text = file.get("schemaVersion")
    if not isinstance(text, str) or not re.fullmatch(r"\d+(\.\d+){1,2}", text):
        raise BadTest("malformed", f"schemaVersion is {text!r}, not a version.")
    version = tuple(int(part) for part in text.split("."))
    if version[0] != NEWEST[0] or version[:2] > NEWEST:
        newest = ".".join(map(str, NEWEST))
        raise BadTest("schema-version", f"The file has schema version {text}; this runner supports 1.0 to {newest}.")
