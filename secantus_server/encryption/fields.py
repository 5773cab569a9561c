"""The encrypted fields of a collection, and the tags of its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bson.binary import Binary

from secantus_server.encryption.payloads import InsertPayload, contains_payload, is_payload, parse_insert, stored_tags
from secantus_server.errors import CommandError

#: The field of a document that has the tags of all its encrypted fields.
SAFE_CONTENT = "__safeContent__"

#: Returns the value to store instead of the payload of the field with the given path.
StorePayload = Callable[[str, InsertPayload], Binary]


class EncryptedFields:
    """The encrypted fields of a collection.

    Arguments:
        config: the collection's option `encryptedFields`.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._paths = [field["path"].split(".") for field in config["fields"]]
        self._indexed = frozenset(field["path"] for field in config["fields"] if field.get("queries"))

    def check_indexed(self, path: str) -> None:
        """Raise if queries of the field are not possible.

        Raises:
            CommandError: 2 BadValue.
        """
        if path not in self._indexed:
            raise CommandError(2, f"An encrypted value was sent for the field '{path}', which is not an encrypted field with queries")

    def store(self, value: Any, path: str, store: StorePayload) -> Any:
        """Return a value in which each payload is replaced with the value to store.

        Arguments:
            path: the path of the value; empty for a whole document.

        Raises:
            CommandError: 2 BadValue for a payload in another field or in an array; the errors of `parse_insert`.
        """
        if type(value) is dict:
            return {name: self.store(item, f"{path}.{name}" if path else name, store) for name, item in value.items()}
        if is_payload(value):
            self.check_indexed(path)
            return store(path, parse_insert(value))
        if type(value) is list and contains_payload(value):
            raise CommandError(2, f"An encrypted value cannot be in an array: {path}")
        return value

    def store_document(self, document: dict[str, Any], store: StorePayload) -> dict[str, Any]:
        """Return a client's document with its values to store and its tags.

        Raises:
            CommandError: see `store`; 2 BadValue if the document has its own tags.
        """
        if SAFE_CONTENT in document:
            raise safe_content_error()
        stored: dict[str, Any] = self.store(document, "", store)
        tags = list(self.tags(stored))
        return {**stored, SAFE_CONTENT: tags} if tags else stored

    def tags(self, document: dict[str, Any]) -> Iterator[Binary]:
        """Yield the tags of a document's encrypted fields."""
        for path in self._paths:
            value: Any = document
            for name in path:
                value = value.get(name) if type(value) is dict else None
            for tag in stored_tags(value):
                yield Binary(tag)


def safe_content_error() -> CommandError:
    """Return the error of a write to the field with the tags."""
    return CommandError(2, f"The field {SAFE_CONTENT} of an encrypted collection cannot be written")
