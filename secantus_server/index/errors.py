"""The exception for a duplicate key in a unique index."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError


class DuplicateKey(Exception):
    """Raised when a write would create a duplicate key in a unique index.

    Arguments:
        index: the index's name.
        pattern: the index's key pattern.
        values: the rejected document's values of the indexed fields, in the pattern's order. If the index has a collation, each string is
            replaced by its sort key in hexadecimal digits.
        collation: the index's complete collation, or None.
        key: the duplicate key string.
    """

    def __init__(
        self, index: str, pattern: dict[str, Any], values: list[Any], collation: dict[str, Any] | None = None, key: bytes = b""
    ) -> None:
        super().__init__(index)
        self.index = index
        self.pattern = pattern
        self.values = values
        self.collation = collation
        self.key = key

    def as_command_error(self, namespace: str) -> CommandError:
        """Return the corresponding command error, 11000 DuplicateKey.

        Arguments:
            namespace: the collection's full name.
        """
        values = dict(zip(self.pattern, self.values, strict=True))
        info: dict[str, Any] = {"keyPattern": self.pattern, "keyValue": values}
        text = f"E11000 duplicate key error collection: {namespace} index: {self.index}"
        if self.collation is not None:
            text += f" collation: {document_text(self.collation)}"
            info["collation"] = self.collation
        return CommandError(11000, f"{text} dup key: {document_text(values)}", info=info)
