"""The number of CPU cores available to this process."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the number of cores in this process's CPU affinity mask. If the system does not report the mask, return the number of all
    cores.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
