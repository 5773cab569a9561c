"""The exceptions for user errors. Each contains the fields of the error reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secantus_server.error_codes import code_name
from secantus_server.version import Difference, Release

#: The error code for a command that the client is not authorized to run.
UNAUTHORIZED = 13


class CommandError(Exception):
    """The error of a failed command. The connection converts it to an `ok: 0` reply.

    Arguments:
        code: MongoDB's error code.
        message: a sentence for the user (`errmsg`). Invalid UTF-8 that came from the client is replaced, because drivers cannot decode
            it.
        labels: error labels such as `TransientTransactionError`.
        info: additional fields of the reply or write error (`keyPattern`, `errInfo`, ...).
    """

    def __init__(self, code: int, message: str, labels: tuple[str, ...] = (), info: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message if message.isascii() else message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.labels = labels
        self.info = dict(info) if info else {}

    @property
    def code_name(self) -> str:
        """Return the symbolic name of the error code."""
        return code_name(self.code)

    def of(self, _release: Release) -> CommandError:
        """Return the variant of this error that a release of MongoDB raises. Only a `ChangedError` has different variants."""
        return self

    def with_message(self, message: str) -> CommandError:
        """Return a copy of the error with a different message. Callers use it to add context."""
        return CommandError(self.code, message, self.labels, self.info)


class ChangedError(CommandError):
    """An error that differs between MongoDB releases. The code that raises it need not check which release the server emulates.

    Arguments:
        code, message, info: the error of the releases before the change.
        difference: the difference between releases that changes the error.
        later: the error of the releases with the change.
    """

    def __init__(self, code: int, message: str, difference: Difference, later: CommandError, info: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, message, info=info)
        self._difference = difference
        self._later = later

    def of(self, release: Release) -> CommandError:
        """Return the variant of this error that a release of MongoDB raises."""
        return self._later if release.has(self._difference) else self

    def with_message(self, message: str) -> CommandError:
        """Return a copy of the error with a different message, which is used both before and after the change."""
        return ChangedError(self.code, message, self._difference, self._later.with_message(message), self.info)


class CloseConnection(Exception):
    """Raised if a fail point requests that the client's connection is closed without a reply."""


def not_supported(what: str, instead: str) -> CommandError:
    """Return the error for a MongoDB feature that this server does not support yet.

    Arguments:
        what: the missing feature, in the user's spelling.
        instead: what the user can do instead, as a sentence without its final full stop.
    """
    return CommandError(238, f"{what} is not supported by Secantus yet: {instead}.")
