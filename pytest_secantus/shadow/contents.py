"""The copying of our server's contents to the shadow, at the beginning of a test and after each restore within the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from bson.raw_bson import RawBSONDocument

from secantus_server.bson import encode

if TYPE_CHECKING:
    from pytest_secantus.shadow.client import ShadowClient
    from pytest_secantus.shadow.rewriting import Names
    from secantus_server.dispatch.harness import DumpedCollection

#: The maximum number of documents, and the approximate number of bytes, in a batch of an insert.
_BATCH: Final = 1000
_BATCH_BYTES: Final = 8 * 1024 * 1024


class NotLoaded(Exception):
    """The error if the shadow refuses one of our collections, indexes or documents."""


class Contents:
    """Makes the collections on the shadow identical to those on our server.

    Arguments:
        client: the client of the shadow.
        names: maps our database names to the names on the shadow.
        note_database: called with the name of each database before it is created.
    """

    def __init__(self, client: ShadowClient, names: Names, note_database: Any) -> None:
        self._client = client
        self._names = names
        self._note_database = note_database
        self._loaded: dict[str, list[DumpedCollection]] = {}
        # The databases that exist on the shadow, and those that commands may have changed since they were loaded; by our names.
        self._known: set[str] = set()
        self._touched: set[str] = set()

    def touch(self, db: str) -> None:
        """Record that a command may change a database, so that the next `load` loads the database again."""
        self._know(db)
        self._touched.add(db)

    def documents(self) -> Iterator[bytes]:
        """Yield the documents that were loaded into the shadow."""
        for collections in self._loaded.values():
            for one in collections:
                yield from one.documents

    def load(self, collections: list[DumpedCollection]) -> None:
        """Make the shadow contain exactly these collections. Databases that already contain them are not loaded again.

        Raises:
            NotLoaded: the shadow refuses a collection, an index or a document.
        """
        wanted: dict[str, list[DumpedCollection]] = {}
        for one in collections:
            wanted.setdefault(one.db, []).append(one)
        for db in sorted(self._known - wanted.keys() | self._touched):
            self._client.drop(self._names.of(db))
            self._loaded.pop(db, None)
        self._known &= wanted.keys()
        self._touched.clear()
        for db, parts in wanted.items():
            if self._loaded.get(db) == parts:
                continue
            if self._loaded.pop(db, None) is not None:
                self._client.drop(self._names.of(db))
            self._know(db)
            # A view may precede its collection in the list, so views are created last.
            for one in sorted(parts, key=lambda part: part.is_view):
                self._create(one)
            self._loaded[db] = parts

    def drop_all(self) -> None:
        """Drop all databases that were created on the shadow."""
        for db in sorted(self._known):
            self._client.drop(self._names.of(db))
        self._known.clear()
        self._loaded.clear()

    def _know(self, db: str) -> None:
        if db not in self._known:
            self._note_database(self._names.of(db))
            self._known.add(db)

    def _create(self, one: DumpedCollection) -> None:
        self._run(one, {"create": one.name, **decode_options(one.options)})
        for batch in batches(one.documents):
            documents = list(map(RawBSONDocument, batch))
            self._run(one, {"insert": one.name, "documents": documents, "ordered": True, "bypassDocumentValidation": True})
        indexes = [{key: value for key, value in index.items() if key != "ns"} for index in one.indexes]
        own = [RawBSONDocument(encode(index)) for index in indexes if index["key"] != {"_id": 1} and not index.get("clustered")]
        if own:
            self._run(one, {"createIndexes": one.name, "indexes": own})

    def _run(self, one: DumpedCollection, command: dict[str, Any]) -> None:
        reply = self._client.ask(self._names.of(one.db), command)
        errors = reply.get("writeErrors", ())
        if not reply["ok"] or errors:
            reason = errors[0]["errmsg"] if errors else reply.get("errmsg")
            raise NotLoaded(f"{one.db}.{one.name} could not be copied to the shadow ({next(iter(command))}): {reason}")


def decode_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a collection, converted to the driver's types."""
    plain: dict[str, Any] = dict(RawBSONDocument(encode(options)))
    plain.pop("uuid", None)
    return plain


def batches(documents: list[bytes]) -> Iterator[list[bytes]]:
    """Split documents into batches, each of which fits into one message."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        if batch and (len(batch) == _BATCH or size + len(document) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document)
    if batch:
        yield batch
