"""The memory limit of stages that may not use the disk.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-limits/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from secantus_server.errors import CommandError

# The maximum bytes of documents that a correlated `$lookup` caches for its independent first stages.
MAX_STAGE_BYTES = 100 * 1024 * 1024


def within_memory(source: Iterable[bytes], max_bytes: int | None, error: Callable[[int, int], CommandError]) -> Iterable[bytes]:
    """Return an iterator over the documents that raises an error when their total size exceeds the stage's memory limit.

    Arguments:
        source: the documents.
        max_bytes: the stage's limit; None means no limit.
        error: a function that builds the error from the bytes used and the limit.
    """
    return source if max_bytes is None else _counted(source, max_bytes, error)


def _counted(source: Iterable[bytes], max_bytes: int, error: Callable[[int, int], CommandError]) -> Iterator[bytes]:
    used = 0
    for document in source:
        used += len(document)
        if used > max_bytes:
            raise error(used, max_bytes)
        yield document
