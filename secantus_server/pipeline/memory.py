"""The memory that a stage may use if the user forbids the disk.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-limits/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from secantus_server.errors import CommandError

# A correlated `$lookup` keeps no more of the documents that it may see again.
MAX_STAGE_BYTES = 100 * 1024 * 1024


def within_memory(source: Iterable[bytes], max_bytes: int | None, error: Callable[[int, int], CommandError]) -> Iterable[bytes]:
    """Return the same documents, which end in an error when they are more than a stage may keep.

    Arguments:
        source: the documents.
        max_bytes: what the stage may keep; None is no limit.
        error: makes the error of the bytes that there are and the limit.
    """
    return source if max_bytes is None else _counted(source, max_bytes, error)


def _counted(source: Iterable[bytes], max_bytes: int, error: Callable[[int, int], CommandError]) -> Iterator[bytes]:
    used = 0
    for document in source:
        used += len(document)
        if used > max_bytes:
            raise error(used, max_bytes)
        yield document
