"""The memory that a stage may use if the user forbids the disk.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-limits/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from secantus_server.errors import CommandError

MAX_STAGE_BYTES = 100 * 1024 * 1024


def within_memory(source: Iterable[bytes], stage: str) -> Iterator[bytes]:
    """The same documents, until they are more than a stage may keep.

    Arguments:
        source: the documents.
        stage: what keeps them, for the message.

    Raises:
        CommandError: 292 for more than 100 megabytes.
    """
    used = 0
    for document in source:
        used += len(document)
        if used > MAX_STAGE_BYTES:
            raise CommandError(
                292,
                f"{stage} exceeded memory limit of {MAX_STAGE_BYTES} bytes, but did not opt in to external sorting. "
                "Aborting operation. Pass allowDiskUse:true to opt in.",
            )
        yield document
