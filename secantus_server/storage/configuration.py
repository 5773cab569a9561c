"""The settings that WiredTiger is opened with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from secantus_server.storage.tables import INDEX_ENTRIES, NAMES, RECORDS

#: The path that stands for a store in memory.
MEMORY_PATH: Final = ":memory:"
MEGABYTE: Final = 1 << 20
#: Recovery units in use at one time: one for each command that runs, one for each open transaction.
MAX_SESSIONS: Final = 5000
_COMMON: Final = f"create,session_max={MAX_SESSIONS},use_environment=false,config_base=false"
_TABLE: Final = b"key_format=u,value_format=u,leaf_page_max=32KB,memory_page_max=5MB"
_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_memory_mb() -> int:
    """The memory that this process may use, in megabytes: the machine's, or its container's if that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _CGROUP_LIMITS:
        try:
            total = min(total, int(limit.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return max(64, total // MEGABYTE)


def memory_size_mb(cache_size_mb: int | None) -> int:
    """What a store in memory may hold: half of the machine unless told otherwise, taken as it is needed."""
    return cache_size_mb or machine_memory_mb() // 2


def memory_config(size_mb: int) -> bytes:
    """Settings of a store in memory."""
    return f"{_COMMON},in_memory=true,{cache_config(size_mb)},eviction=(threads_min=1,threads_max=1),log=(enabled=false)".encode()


def cache_config(size_mb: int) -> str:
    """The setting for the size of the cache, which in memory is the store's."""
    return f"cache_size={size_mb}MB"


def path_size_mb(cache_size_mb: int | None) -> int:
    """The cache of a store in a directory: a quarter of the machine, within bounds, unless told otherwise."""
    return cache_size_mb or min(1024, max(256, machine_memory_mb() // 4))


def change_limit(cache_size_mb: int | None) -> int:
    """The most bytes that one transaction of a store in a directory may write: what is not committed stays in the cache."""
    return path_size_mb(cache_size_mb) * MEGABYTE // 2


def path_config(cache_size_mb: int | None) -> bytes:
    """Settings of a store in a directory: each commit hands its log record to the operating system before it returns.

    What a running transaction has changed cannot be evicted. With WiredTiger's own triggers (updates a tenth of the cache, dirty pages
    a fifth) it would roll back one of some hundred thousand documents; here it may have most of the cache.
    """
    size = cache_size_mb or min(1024, max(256, machine_memory_mb() // 4))
    return (
        f"{_COMMON},{cache_config(size)},eviction_updates_trigger=80,eviction_dirty_trigger=85,"
        "log=(enabled=true,file_max=32MB,prealloc=false,remove=true),transaction_sync=(enabled=true,method=none)"
    ).encode()


def table_configs(in_memory: bool) -> list[bytes]:
    """Settings of each table.

    In a full store in memory documents and index entries are refused, but nothing else is: a removal writes to the other tables.
    """
    limited = {RECORDS, INDEX_ENTRIES} if in_memory else range(len(NAMES))
    return [_TABLE if table in limited else _TABLE + b",ignore_in_memory_cache_size=true" for table in range(len(NAMES))]
