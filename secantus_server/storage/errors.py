"""The exceptions of the storage engine. A full disk or a full in-memory store raises CommandError(14031) instead."""

from __future__ import annotations

import errno
from typing import Final

from secantus_server.errors import CommandError

#: The code of the error about a full disk or a full in-memory store.
OUT_OF_SPACE: Final = 14031
#: The code of an error about damaged or missing files.
DAMAGED: Final = 301
#: The codes for requests that the operating system refuses: input/output, and memory.
REFUSED: Final = (39, 146)
#: The operating system's error numbers for a full disk.
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_CONFLICT = (
    "Caused by :: Write conflict during plan execution and yielding is disabled. "
    ":: Please retry your operation or multi-document transaction."
)


class WriteConflict(CommandError):
    """The error for a write of a key that another transaction has written.

    Roll back and, outside a multi-document transaction, retry.
    """

    def __init__(self, code: int = 112, message: str = _CONFLICT) -> None:
        super().__init__(code, message)


class CacheTooSmall(WriteConflict):
    """The error for a transaction that was rolled back because the cache cannot hold the changes of all running transactions.

    A retry may succeed after other transactions have ended, unless this transaction alone is too large for the cache.
    """

    def __init__(self) -> None:
        super().__init__(
            388,
            "The command changes more data in one transaction than the storage engine's cache can hold; increase the cache size, "
            "or change fewer documents per command.",
        )


class DamagedData(CommandError):
    """The error for a block of a data file with a wrong checksum. The rest of the store remains usable.

    Arguments:
        file: the data file.
        subject: the collection or index that was read, such as "the collection a.b"; empty if unknown.
    """

    def __init__(self, file: str, subject: str) -> None:
        what = f"Part of {subject} cannot be read" if subject else "Part of the data cannot be read"
        super().__init__(
            DAMAGED,
            f"{what}: the data file {file} is damaged. Save the readable data with mongodump, then restore the storage directory "
            "from a backup or drop the damaged collection or index.",
        )


class StorageError(CommandError):
    """The error for a store that cannot be opened or cannot continue. The message is one sentence for the user.

    Arguments:
        fatal: whether all later operations will fail, too, so that the server should stop.
    """

    def __init__(self, message: str, code: int = 1, *, fatal: bool = False) -> None:
        super().__init__(code, message)
        self.fatal = fatal


def concerns_store(error: CommandError) -> bool:
    """Return whether an error comes from the store, so that the unit of work must handle it.

    Errors about a single document or about the operation do not come from the store.
    """
    return isinstance(error, StorageError | WriteConflict) or error.code == OUT_OF_SPACE


def disk_full() -> CommandError:
    """Return the error 14031 OutOfDiskSpace for a full disk."""
    return CommandError(OUT_OF_SPACE, "The disk is full: the storage directory cannot take more data.")


class CheckpointRefused(StorageError):
    """The error for a checkpoint during which the operating system refused a request. WiredTiger is then abandoned without a final
    checkpoint.

    Arguments:
        error: the error that WiredTiger reported.
    """

    def __init__(self, error: StorageError) -> None:
        super().__init__(f"{error.message} No checkpoint was written: restart the server.", error.code, fatal=True)
