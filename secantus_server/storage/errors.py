"""What the storage engine raises, beside CommandError(14031) for a full disk or a full memory store."""

from __future__ import annotations

from secantus_server.errors import CommandError

_CONFLICT = (
    "Caused by :: Write conflict during plan execution and yielding is disabled. "
    ":: Please retry your operation or multi-document transaction."
)


class WriteConflict(CommandError):
    """Another transaction wrote the same key: roll back, and outside a multi-document transaction try again."""

    def __init__(self, code: int = 112, message: str = _CONFLICT) -> None:
        super().__init__(code, message)


class CacheTooSmall(WriteConflict):
    """The cache cannot hold what the running transactions changed, and this one had to give way.

    It may do better when it is tried again, since others end; but not if it alone is too large.
    """

    def __init__(self) -> None:
        super().__init__(
            388,
            "The command changes more at once than the storage engine's cache can hold; raise the cache size, "
            "or change fewer documents with one command.",
        )


class DamagedData(CommandError):
    """A part of a data file cannot be read: its checksum is wrong. The rest of the store can be used.

    Arguments:
        file: the data file.
        subject: what was being read, "the collection a.b" for instance; empty where that is not known.
    """

    def __init__(self, file: str, subject: str) -> None:
        what = f"A part of {subject} cannot be read" if subject else "A part of the data cannot be read"
        super().__init__(
            301,
            f"{what}: the data file {file} is damaged. Save what can be read with mongodump, and put the storage directory back "
            "from a copy, or drop what is damaged.",
        )


class StorageError(CommandError):
    """The store cannot be opened, or cannot go on; the message is one sentence for the user.

    Arguments:
        fatal: every later operation fails too: the server should end.
    """

    def __init__(self, message: str, code: int = 1, *, fatal: bool = False) -> None:
        super().__init__(code, message)
        self.fatal = fatal
