"""The in-memory representation of collections and views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from secantus_server.catalog._collection_state import CollectionState
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.modules import import_late

if TYPE_CHECKING:
    from secantus_server.index.kinds.text import TextContents


class Collection(CollectionState):
    """One version of a collection or view in the catalog.

    Arguments:
        db, name: the namespace.
        uuid: the UUID, which a rename does not change.
        ident: the prefix of the documents' keys in the table of records; 0 for a view.
        options: the options of `create`, in the form that listCollections reports.
        indexes: all indexes; the index on `_id` is the first.
        search_indexes: the search indexes, as `{id, name, type, definition}`. They have no stored entries, because a search reads the
            documents.

    Attributes:
        is_view: whether this is a view.
        is_timeseries: whether this is the view over the buckets of a time-series collection.
        is_capped: whether the oldest documents are removed when the size limit is exceeded.
        is_clustered: whether documents are stored in the order of their `_id`s.
        keeps_images: whether the oplog stores the version of a document before each change.
        identity: a BSON document of the namespace and the UUID, by which oplog entries refer to the collection.
        cached_plans: the entries of the plan cache, by query shape (see `query.plan_cache`).
        lifetime: the object that records whether the collection was dropped.
        expanded_indexes: a cache of wildcard indexes expanded for the paths of recent queries (see `query.wildcard`).
        sole_indexes: a cache of the only index that could serve an equality or a range, by path (see `query.sole_index`).

    Threads: `indexes` and `options` are replaced as a whole, either while no transaction runs or as part of a catalog change.
    """

    @property
    def namespace(self) -> str:
        """Return the namespace in the form `db.name`."""
        return f"{self.db}.{self.name}"

    @property
    def holds_buckets(self) -> bool:
        """Return whether this is the buckets collection of a time-series collection."""
        return not self.is_view and "timeseries" in self.options

    @property
    def counted_indexes(self) -> list[Index]:
        """Return the indexes to include in index counts. As in MongoDB, the `_id` index of a clustered collection is not included."""
        return self.indexes[1:] if self.is_clustered else self.indexes

    @property
    def id_index(self) -> Index | None:
        """Return the index on `_id`, or None for a view."""
        return self.indexes[0] if self.indexes and self.indexes[0].is_id else None

    def index_named(self, name: str) -> Index | None:
        """Return the index with this name, or None."""
        return next((index for index in self.indexes if index.name == name), None)

    def text_definition(self) -> TextContents:
        """Return the definition of the text index.

        For a view, return a placeholder that is never used, because the pipeline is parsed again for the underlying collection.

        Raises:
            CommandError: 27 IndexNotFound if the collection has no text index, 291 if the text index is hidden.
        """
        kind = import_late("secantus_server.index.kinds.text")
        if self.is_view:
            return kind.any_text()  # type: ignore[no-any-return]
        texts = [index for index in self.indexes if index.kind.serves_text]
        if not texts:
            raise CommandError(27, "text index required for $text query")
        if texts[0].hidden:
            raise CommandError(291, f"error processing query: ns={self.namespace}: the text index {texts[0].name} is hidden")
        return kind.text_definition(texts[0].spec)  # type: ignore[no-any-return]

    def count(self) -> int | None:
        """Return the number of documents, or None if it is unknown because the documents have not been counted yet."""
        return self.document_count.value

    def remember_count(self, count: int, serial: int) -> None:
        """Store the number of documents that a scan has counted, unless the scan may have missed a commit.

        Arguments:
            serial: the `RecoveryUnit.serial` of the scan's transaction.
        """
        self.document_count.remember(count, serial)

    def documents_changed(self, difference: int) -> None:
        """Add `difference` to the number of documents, if the number is known."""
        self.document_count.change(difference)

    def replaced(
        self,
        *,
        options: dict[str, Any] | None = None,
        indexes: list[Index] | None = None,
        search_indexes: Sequence[dict[str, Any]] | None = None,
    ) -> Collection:
        """Return a copy of the collection with different options or indexes. A catalog change then replaces this version with the copy."""
        kept_options = self.options if options is None else options
        kept_indexes = self.indexes if indexes is None else indexes
        kept_searches = self.search_indexes if search_indexes is None else search_indexes
        collection = Collection(self.db, self.name, self.uuid, self.ident, kept_options, kept_indexes, kept_searches)
        collection.continue_from(self)
        return collection

    def continue_from(self, other: Collection) -> None:
        """Share the lifetime, RecordIds, document count and search contents with `other`, the version that this one replaces."""
        self.lifetime = other.lifetime
        self.record_ids = other.record_ids
        self.document_count = other.document_count
        self.search_contents = other.search_contents
