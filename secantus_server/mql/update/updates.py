"""Parsed updates, which convert the old version of a document to the new version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode, validate, values_equal
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element
from secantus_server.mql.update._apply import MAX_DOCUMENT_SIZE, id_element, without_id
from secantus_server.mql.update._diff import smallest_entry


class Update(Protocol):
    """A parsed update of any form: update operators, a replacement document or a pipeline.

    Attributes:
        is_replacement: whether the update replaces whole documents.
        modified_paths: the paths that the update may change, truncated at array indexes and positional operators; None if it may change
            any path.
        needs_array_index: whether a path of the update contains the positional `$`.
    """

    is_replacement: bool
    modified_paths: frozenset[str] | None
    needs_array_index: bool

    def apply(self, doc: bytes, *, array_index: int | None = None, inserting: bool = False) -> bytes:
        """Apply the update to a document, and return the new document. If nothing changes, return the same object.

        Arguments:
            doc: the document.
            array_index: the index of the array element that the query matched, for the positional `$`.
            inserting: whether an upsert is creating the document.

        Raises:
            CommandError: if the update cannot be applied to this document.
        """
        ...

    def entry(self, old: bytes, new: bytes) -> bytes:
        """Return the field `o` of the update's oplog entry, which is a diff or the whole new document.

        Arguments:
            old: the document to which the update was last applied.
            new: the document after the update.
        """
        ...


# If an empty timestamp is replaced with this value, it stays empty.
EMPTY = Timestamp(0, 0)


class ReplacementUpdate:
    """An update that replaces a whole document except for its `_id`.

    Arguments:
        document: the replacement document.
        now: the timestamp that replaces empty timestamps at the top level.
    """

    is_replacement = True
    modified_paths: frozenset[str] | None = None
    needs_array_index = False

    def __init__(self, document: dict[str, Any], now: Timestamp) -> None:
        self._document = encode({name: _filled(name, value, now) for name, value in document.items()})

    def apply(self, doc: bytes, **_: Any) -> bytes:
        """Apply the update to a document; see `Update.apply`. The array index and `inserting` have no effect."""
        # A document counts as unchanged only if the replacement is identical to it, including `_id`. As in MongoDB, a replacement without
        # `_id` counts as a modification.
        return doc if doc == self._document else keep_id(doc, self._document)

    def entry(self, old: bytes, new: bytes) -> bytes:
        """Return the field `o` of the update's oplog entry; see `Update.entry`."""
        return new


class PipelineUpdate:
    """An update in the form of a pipeline, such as `[{$set: ...}, ...]`."""

    is_replacement = False
    modified_paths: frozenset[str] | None = None
    needs_array_index = False

    def __init__(self, stages: Sequence[Callable[[bytes], bytes]]) -> None:
        self._stages = stages

    def apply(self, doc: bytes, **_: Any) -> bytes:
        """Apply the update to a document; see `Update.apply`. The array index and `inserting` have no effect."""
        result = doc
        for stage in self._stages:
            result = stage(result)
        if result is doc:
            return doc
        validate(result)
        result = keep_id(doc, result)
        return doc if result == doc else result

    def entry(self, old: bytes, new: bytes) -> bytes:
        """Return the field `o` of the update's oplog entry; see `Update.entry`."""
        return smallest_entry(old, new)


def keep_id(old: bytes, new: bytes) -> bytes:
    """Return the new document with the old document's `_id` as its first field.

    Raises:
        CommandError: 66 if the new document has a different `_id`, 17419 if it is too large.
    """
    old_id, new_id = id_element(old), id_element(new)
    if old_id and new_id and old_id != new_id:
        _check_same_id(old, new)
    body = (new_id or old_id) + without_id(new)
    result = (len(body) + 5).to_bytes(4, "little") + body + b"\0"
    if len(result) > MAX_DOCUMENT_SIZE:
        raise CommandError(17419, f"Resulting document after update is larger than {MAX_DOCUMENT_SIZE}")
    return result


def _check_same_id(old: bytes, new: bytes) -> None:
    new_id = decode(new)["_id"]
    if not values_equal(decode(old)["_id"], new_id):
        shown = describe_element("_id", new_id)
        raise CommandError(66, f"After applying the update, the (immutable) field '_id' was found to have been altered to {shown}")


def _filled(name: str, value: Any, now: Timestamp) -> Any:
    return now if type(value) is Timestamp and value.time == 0 and value.inc == 0 and name != "_id" else value
