"""The configuration strings with which WiredTiger is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from secantus_server.storage.tables import INDEX_ENTRIES, NAMES, RECORDS

#: The path of an in-memory store.
MEMORY_PATH: Final = ":memory:"
MEGABYTE: Final = 1 << 20
#: A checkpoint is due after this number of bytes has been written to a directory. This bounds the log that a restart reads.
CHECKPOINT_AFTER: Final = 64 * MEGABYTE
#: Default of the maximum number of recovery units. Each running command and each open transaction uses one.
SESSION_MAX: Final = 5000
_COMMON: Final = "create,use_environment=false,config_base=false"
_TABLE: Final = b"key_format=u,value_format=u,leaf_page_max=32KB,memory_page_max=5MB"
_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_memory_mb() -> int:
    """Return the memory available to this process in megabytes: the machine's memory, or the container's limit if lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _CGROUP_LIMITS:
        try:
            total = min(total, int(limit.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return max(64, total // MEGABYTE)


def memory_size_mb(cache_size_mb: int | None) -> int:
    """Return the capacity of an in-memory store in megabytes. The default is half of the machine's memory, which is allocated only as
    needed.
    """
    return cache_size_mb or machine_memory_mb() // 2


def memory_config(size_mb: int, session_max: int = SESSION_MAX) -> bytes:
    """Return the configuration of an in-memory store."""
    return (
        f"{_COMMON},session_max={session_max},in_memory=true,{cache_config(size_mb)},eviction=(threads_min=1,threads_max=1),"
        "log=(enabled=false)"
    ).encode()


def cache_config(size_mb: int) -> str:
    """Return the setting of the cache size. For an in-memory store, the cache size is the capacity."""
    return f"cache_size={size_mb}MB"


def path_size_mb(cache_size_mb: int | None) -> int:
    """Return the cache size in megabytes of a store in a directory. The default is a quarter of the machine's memory, between 256 and
    1024 MB.
    """
    return cache_size_mb or min(1024, max(256, machine_memory_mb() // 4))


def change_limit(cache_size_mb: int | None) -> int:
    """Return the maximum number of bytes that one transaction of a store in a directory may write. They must fit into the cache until the
    commit.
    """
    return path_size_mb(cache_size_mb) * MEGABYTE // 2


def path_config(cache_size_mb: int | None, session_max: int = SESSION_MAX) -> bytes:
    """Return the configuration of a store in a directory. Each commit passes its log record to the operating system before it returns.

    WiredTiger cannot evict changes of a running transaction from the cache. Its default triggers limit updates to a tenth of the cache
    and dirty pages to a fifth. A transaction of a few hundred thousand documents would therefore be rolled back. The triggers in this
    configuration allow most of the cache.
    """
    size = cache_size_mb or min(1024, max(256, machine_memory_mb() // 4))
    return (
        f"{_COMMON},session_max={session_max},{cache_config(size)},eviction_updates_trigger=80,eviction_dirty_trigger=85,"
        "log=(enabled=true,file_max=32MB,prealloc=false,remove=true),transaction_sync=(enabled=true,method=none)"
    ).encode()


def table_configs(in_memory: bool) -> list[bytes]:
    """Return the configuration of each table.

    A full in-memory store refuses only documents and index entries. The other tables have no limit, because removals also write to them.
    """
    limited = {RECORDS, INDEX_ENTRIES} if in_memory else range(len(NAMES))
    return [_TABLE if table in limited else _TABLE + b",ignore_in_memory_cache_size=true" for table in range(len(NAMES))]
