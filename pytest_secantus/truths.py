"""The words for yes and no in ini files."""

from __future__ import annotations

from typing import Final

TRUTHS: Final = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
