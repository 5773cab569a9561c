"""The MongoDB version that the server reports."""

from __future__ import annotations

VERSION = "8.2.4"
VERSION_ARRAY = [*map(int, VERSION.split(".")), 0]
FEATURE_COMPATIBILITY = "8.2"
