"""A collection or view as held in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.catalog.document_count import DocumentCount
from secantus_server.catalog.search_contents import SearchContents
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.index.kinds.text import TextContents, any_text, text_definition
from secantus_server.storage.lifetime import Lifetime
from secantus_server.system._threads import Lock

_NO_IMAGES: dict[str, Any] = {}


class Collection:
    """One collection or view.

    Arguments:
        db, name: its namespace.
        uuid: its UUID, which survives a rename.
        ident: its key prefix in the table of records; 0 for a view.
        options: the options of `create`, as listCollections reports them.
        indexes: all its indexes, the one on `_id` first.
        search_indexes: its search indexes, as `{id, name, type, definition}`. They hold no entries; a search reads the documents.

    `is_view`: it has no documents of its own. `is_timeseries`: it is a view over the buckets of a time-series collection. `is_capped`:
    old documents make room for new ones. `is_clustered`: documents are kept in the order of their `_id`s. `keeps_images`: the oplog
    keeps documents as they were before a change. `identity` is how the oplog names it: a BSON document of its namespace and UUID.
    `cached_plans`: the entries of the plan cache, by shape (see `query.plan_cache`).
    `lifetime`: whether it still exists.
    `expanded_indexes`: the wildcard indexes for the paths of recent queries (see `query.wildcard`).

    Threads: `_lock` guards the creation of the RecordId counter, whose increments are atomic. `indexes` and `options` are replaced whole,
    either while no transaction runs or inside a catalog change.
    """

    def __init__(
        self,
        db: str,
        name: str,
        uuid: Binary,
        ident: int,
        options: dict[str, Any],
        indexes: list[Index],
        search_indexes: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.db = db
        self.name = name
        self.uuid = uuid
        self.ident = ident
        self.options = options
        self.indexes = indexes
        self.search_indexes = search_indexes
        self.is_view = "viewOn" in options
        self.is_timeseries = self.is_view and "timeseries" in options
        self.is_capped = bool(options.get("capped"))
        self.is_clustered = "clusteredIndex" in options
        self.keeps_images = bool(options.get("changeStreamPreAndPostImages", _NO_IMAGES).get("enabled"))
        self.identity = encode({"ns": f"{db}.{name}", "ui": uuid})
        self._lock = Lock()
        self._record_ids: Iterator[int] | None = None
        self.document_count = DocumentCount()
        self.lifetime = Lifetime()
        self.cached_plans: dict[str, Any] = {}
        self.search_contents = SearchContents()
        self.expanded_indexes: dict[Any, Any] = {}

    @property
    def namespace(self) -> str:
        """The namespace, `db.name`."""
        return f"{self.db}.{self.name}"

    @property
    def holds_buckets(self) -> bool:
        """Whether its documents are the buckets of a time-series collection."""
        return not self.is_view and "timeseries" in self.options

    @property
    def counted_indexes(self) -> list[Index]:
        """The indexes that index counts include: a clustered collection has no separate index on `_id`."""
        return self.indexes[1:] if self.is_clustered else self.indexes

    @property
    def id_index(self) -> Index | None:
        """The index on `_id`, or None for a view."""
        return self.indexes[0] if self.indexes and self.indexes[0].is_id else None

    def index_named(self, name: str) -> Index | None:
        """Return the index with this name, or None."""
        return next((index for index in self.indexes if index.name == name), None)

    def text_definition(self) -> TextContents:
        """Return what the text index contains. For a view, return a placeholder: its pipeline is parsed again for its collection.

        Raises:
            CommandError: 27 IndexNotFound without a text index, 291 if it is hidden.
        """
        if self.is_view:
            return any_text()
        texts = [index for index in self.indexes if index.kind.serves_text]
        if not texts:
            raise CommandError(27, "text index required for $text query")
        if texts[0].hidden:
            raise CommandError(291, f"error processing query: ns={self.namespace}: the text index {texts[0].name} is hidden")
        return text_definition(texts[0].spec)

    def record_ids(self, newest: Callable[[], int]) -> Iterator[int]:
        """Return an iterator of new RecordIds, safe to share between threads.

        Arguments:
            newest: returns the highest stored RecordId; called once per collection object.
        """
        if self._record_ids is None:
            found = newest()
            with self._lock:
                if self._record_ids is None:
                    self._record_ids = itertools.count(found + 1)
        return self._record_ids

    def begin_record_ids(self) -> None:
        """Note that the collection is empty: the first document gets RecordId 1."""
        with self._lock:
            self._record_ids = itertools.count(1)

    def count(self) -> int | None:
        """Return the number of documents, or None if unknown."""
        return self.document_count.value

    def remember_count(self, count: int, serial: int) -> None:
        """Store a count obtained by a scan, unless the scan may have missed a commit.

        Arguments:
            serial: the serial of the scan's transaction.
        """
        self.document_count.remember(count, serial)

    def documents_changed(self, difference: int) -> None:
        """Record that the number of documents has changed."""
        self.document_count.change(difference)

    def replaced(
        self,
        *,
        options: dict[str, Any] | None = None,
        indexes: list[Index] | None = None,
        search_indexes: Sequence[dict[str, Any]] | None = None,
    ) -> Collection:
        """Return the collection with other options or indexes, for the catalog change that puts it in this one's place."""
        kept_options = self.options if options is None else options
        kept_indexes = self.indexes if indexes is None else indexes
        kept_searches = self.search_indexes if search_indexes is None else search_indexes
        collection = Collection(self.db, self.name, self.uuid, self.ident, kept_options, kept_indexes, kept_searches)
        collection.continue_from(self)
        return collection

    def continue_from(self, other: Collection) -> None:
        """Share the lifetime, document count and search contents with the version that this one replaces in the catalog."""
        self.lifetime = other.lifetime
        self.document_count = other.document_count
        self.search_contents = other.search_contents
