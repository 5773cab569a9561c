"""A collection, or a view, as the server holds it in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.catalog.document_count import DocumentCount
from secantus_server.errors import CommandError, not_supported
from secantus_server.index._index import Index
from secantus_server.system._threads import Lock


class Collection:
    """One collection or view.

    Arguments:
        db, name: its namespace.
        uuid: its identity, which a rename keeps.
        ident: its place in the table of records; 0 for a view.
        options: what `create` was given, as listCollections shows it.
        indexes: all its indexes, that on _id first.

    `identity` is how the oplog names it: a BSON document of its namespace and UUID.

    Threads: `_lock` guards the making of the counter of RecordIds, whose steps are atomic. `indexes` and `options` are replaced whole,
    while no transaction runs or in a catalog change.
    """

    def __init__(self, db: str, name: str, uuid: Binary, ident: int, options: dict[str, Any], indexes: list[Index]) -> None:
        self.db = db
        self.name = name
        self.uuid = uuid
        self.ident = ident
        self.options = options
        self.indexes = indexes
        self.identity = encode({"ns": f"{db}.{name}", "ui": uuid})
        self._lock = Lock()
        self._record_ids: Iterator[int] | None = None
        self.document_count = DocumentCount()
        self._size: tuple[int, int] | None = None

    @property
    def namespace(self) -> str:
        """`db.name`."""
        return f"{self.db}.{self.name}"

    @property
    def is_view(self) -> bool:
        """Whether it has no documents of its own."""
        return "viewOn" in self.options

    @property
    def is_capped(self) -> bool:
        """Whether old documents make room for new ones."""
        return bool(self.options.get("capped"))

    @property
    def is_clustered(self) -> bool:
        """Whether its documents are kept in the order of their `_id`s."""
        return "clusteredIndex" in self.options

    @property
    def counted_indexes(self) -> list[Index]:
        """The indexes that count as such: a clustered collection's index on `_id` is the collection itself."""
        return self.indexes[1:] if self.is_clustered else self.indexes

    @property
    def id_index(self) -> Index | None:
        """The index on _id; a view has none."""
        return self.indexes[0] if self.indexes and self.indexes[0].is_id else None

    def index_named(self, name: str) -> Index | None:
        """The index of this name, or None."""
        return next((index for index in self.indexes if index.name == name), None)

    def text_error(self) -> CommandError:
        """Return why a valid `$text` cannot run: text indexes keep their definitions only.

        Returns:
            27 IndexNotFound where there is no text index, 291 where it is hidden, else 238.
        """
        texts = [index for index in self.indexes if index.kind.serves_text]
        if not texts and not self.is_view:
            return CommandError(27, "text index required for $text query")
        if texts and texts[0].hidden:
            return CommandError(291, f"error processing query: ns={self.namespace}: the text index {texts[0].name} is hidden")
        return not_supported("$text", "use $regex, or compare words in the test itself")

    def record_ids(self, newest: Callable[[], int]) -> Iterator[int]:
        """New RecordIds; several threads may take from them.

        Arguments:
            newest: finds the newest RecordId that is stored; it is asked once in a collection's life in memory.
        """
        if self._record_ids is None:
            found = newest()
            with self._lock:
                if self._record_ids is None:
                    self._record_ids = itertools.count(found + 1)
        return self._record_ids

    def begin_record_ids(self) -> None:
        """Note that there are no documents yet: the first one gets the RecordId 1."""
        with self._lock:
            self._record_ids = itertools.count(1)

    def count(self) -> tuple[int | None, int]:
        """The number of documents, if it is known, and the version it belongs to."""
        return self.document_count.read()

    def remember_count(self, count: int, version: int) -> None:
        """Keep a count that was taken by a scan, unless something was written since that version."""
        self.document_count.remember(count, version)

    def size(self) -> tuple[int, int] | None:
        """The documents and bytes of a capped collection after its last write, if they are known."""
        return self._size

    def documents_changed(self, difference: int, size: tuple[int, int] | None = None, *, begun: bool = False) -> None:
        """Note that a commit added so many documents, or removed them.

        Arguments:
            size: the documents and bytes that a capped collection has now.
            begun: see `DocumentCount.change`.
        """
        self._size = size
        self.document_count.change(difference, begun)

    def take_count_of(self, other: Collection) -> None:
        """Share the number of documents with the collection whose place this one takes in the catalog; it has the same documents."""
        self.document_count = other.document_count
