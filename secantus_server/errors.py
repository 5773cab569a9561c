"""The one exception that stands for a user's error, with what a reply says about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secantus_server.error_codes import code_name


class CommandError(Exception):
    """A command cannot do what was asked; the connection turns this into an `ok: 0` reply.

    Arguments:
        code: MongoDB's error number.
        message: a sentence for the user (`errmsg`). Bytes of the client that are not UTF-8 are replaced: drivers decode it strictly.
        labels: error labels such as `TransientTransactionError`.
        info: further fields of the reply or write error (`keyPattern`, `errInfo`, ...).
    """

    def __init__(self, code: int, message: str, labels: tuple[str, ...] = (), info: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message if message.isascii() else message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.labels = labels
        self.info = dict(info) if info else {}

    @property
    def code_name(self) -> str:
        """The symbolic name of the code."""
        return code_name(self.code)

    def with_message(self, message: str) -> CommandError:
        """The same error under another text, for a caller that adds where it happened."""
        return CommandError(self.code, message, self.labels, self.info)


def not_supported(what: str, instead: str) -> CommandError:
    """The answer for what MongoDB has and Secantus does not have yet.

    Arguments:
        what: the thing that is missing, as the user wrote it.
        instead: what the user can do now, as a sentence without its final stop.
    """
    return CommandError(238, f"{what} is not supported by Secantus yet: {instead}.")
