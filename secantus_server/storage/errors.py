"""What the storage engine raises, beside CommandError(14031) for a full disk or a full memory store."""

from __future__ import annotations

from secantus_server.errors import CommandError


class WriteConflict(CommandError):
    """Another transaction wrote the same key: roll back, and outside a multi-document transaction try again."""

    def __init__(self) -> None:
        super().__init__(
            112,
            "Caused by :: Write conflict during plan execution and yielding is disabled. "
            ":: Please retry your operation or multi-document transaction.",
        )


class StorageError(CommandError):
    """The store cannot be opened, or cannot go on; the message is one sentence for the user.

    Arguments:
        fatal: every later operation fails too: the server should end.
    """

    def __init__(self, message: str, code: int = 1, *, fatal: bool = False) -> None:
        super().__init__(code, message)
        self.fatal = fatal
