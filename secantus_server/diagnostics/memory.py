"""The memory size and the page size of the machine."""

from __future__ import annotations

import os


def page_size() -> int:
    """Return the size of a memory page in bytes."""
    return os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_bytes() -> int:
    """Return the size of the machine's memory in bytes, or 0 if it is unknown."""
    return os.sysconf("SC_PHYS_PAGES") * page_size() if hasattr(os, "sysconf") else 0
