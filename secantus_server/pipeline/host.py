"""The server as seen by stages: other collections, writes, statistics.

Stages do not depend on the catalog, planner or storage engine. They call `ctx.host`, which `work.pipeline_host` implements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.exec._point import PointFinder
    from secantus_server.mql.context import Collation
    from secantus_server.mql.text.definition import TextDefinition
    from secantus_server.mql.vectors.query import QueryVector

T = TypeVar("T")


@dataclass(slots=True)
class Resolved:
    """A resolved namespace.

    Arguments:
        collection: the underlying collection.
        pipeline: the view's stages, to run before the reader's; empty for a collection.
    """

    collection: str
    pipeline: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class TargetInfo:
    """Properties of the collection that `$out` or `$merge` writes to.

    Arguments:
        kind: `collection`, `view` or `timeseries`.
        capped: whether the collection is capped.
        timeseries: the options of a time-series collection.
    """

    kind: str = "collection"
    capped: bool = False
    timeseries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UniqueIndex:
    """The unique index by which `$merge` finds the document to change.

    Arguments:
        sparse: the index omits documents without its fields.
    """

    sparse: bool = False


Found = tuple[int, bytes]  # RecordId, document


class WriteTarget(Protocol):
    """The collection that `$merge` writes to. A failed write changes nothing and does not affect the next one."""

    def find(self, values: dict[str, Any]) -> Found | None:
        """Return the document with these values at these paths, or None."""
        ...

    def insert(self, document: bytes) -> None:
        """Insert a document that has an `_id`, creating the collection if needed.

        Raises:
            CommandError: 11000 or 121.
        """
        ...

    def replace(self, found: Found, new: bytes, entry: bytes) -> None:
        """Replace a found document with one that has the same `_id`; the oplog records `entry`. Raise 11000 or 121."""
        ...


@dataclass(frozen=True)
class VectorQuery:
    """A parsed `$vectorSearch`.

    Arguments:
        index: the name of the search index.
        path: the field with the vectors.
        vector: the query vector; the search returns the vectors nearest to it.
        limit: the maximum number of documents.
        matches: returns whether a document satisfies the filter; None without a filter.
        filter_paths: the fields that the filter reads.
    """

    index: str
    path: str
    vector: QueryVector
    limit: int
    matches: Callable[[bytes], bool] | None = None
    filter_paths: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SearchQuery:
    """A parsed `$search`.

    Arguments:
        index: the name of the search index.
        operator: the operator.
        spec: the operator's argument, which is parsed together with the definition of the index.
    """

    index: str
    operator: str
    spec: Any


class PipelineHost(Protocol):
    """The server as the stages of a pipeline see it. All methods work inside the command's snapshot or transaction.

    A failed write changes nothing and does not affect the next one.
    """

    #: Whether plans of the pipeline's queries enter the plan cache; the plans of explain do not.
    caches_plans: bool = True
    #: Whether search indexes are enabled.
    searches: bool

    def check(self) -> None:
        """Raise if the operation was killed or timed out."""
        ...

    def search_indexes(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return the documents of `$listSearchIndexes`; an empty list if the collection does not exist."""
        ...

    def search(self, db: str, collection: str, query: SearchQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents of a `$search` with their scores, best first.

        Raises:
            CommandError: 8 for a query that is malformed or does not fit the index, 238 for an unsupported query.
        """
        ...

    def nearest(self, db: str, collection: str, query: VectorQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents of a `$vectorSearch` with their scores, best first.

        Raises:
            CommandError: 8 for a query that does not fit the index, 238 for a view.
        """
        ...

    def text_definition(self, db: str, collection: str | None) -> TextDefinition:
        """Return the definition of the collection's text index.

        Raises:
            CommandError: as `Collection.text_definition`.
        """
        ...

    def resolve(self, db: str, collection: str) -> Resolved:
        """Return the collection behind a name; an unknown name is an empty collection."""
        ...

    def documents(self, db: str, collection: str, pipeline: Any) -> Iterator[bytes]:
        """Return the output of a parsed pipeline (`run.Pipeline`) over a collection. Use an index for its leading stages if one helps.

        A correlated `$lookup` calls this method once for each outer document, with other values bound to the variables.
        """
        ...

    def equality_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> Callable[[Any], Iterator[bytes]] | None:
        """Return a function that finds the documents matching `{path: value}` through an index, or None if no index can find them."""
        ...

    def point_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> PointFinder | None:
        """Return a finder by key string through a unique single-field index on this path, or None if no such index exists."""
        ...

    def target(self, db: str, collection: str) -> TargetInfo | None:
        """Return the properties of the collection to write to; None if it does not exist."""
        ...

    def unique_index(self, db: str, collection: str, paths: Sequence[str], collation: Collation | None) -> UniqueIndex | None:
        """Return a unique index on exactly these paths, in any order and direction, with this collation and no partial filter; or None."""
        ...

    def merge_documents(
        self, db: str, collection: str, bypass_validation: bool, documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
    ) -> CommandError | None:
        """Call `merge` for each document, with many documents per transaction. After a write conflict, retry the transaction's documents.

        Return the first error that `merge` raised, or None. The documents after an error are still written.
        """
        ...

    def replace_collection(
        self, db: str, collection: str, documents: Iterable[bytes], bypass_validation: bool, timeseries: dict[str, Any] | None = None
    ) -> None:
        """Replace a collection's documents atomically; keep its indexes and options.

        Arguments:
            timeseries: the time-series options, if the new collection is a time-series collection.
        """
        ...

    def collection_stats(self, db: str, collection: str) -> dict[str, Any] | None:
        """Return the fields of `storageStats` (scale 1) of a collection; None if it does not exist."""
        ...

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        """Return the number and total microseconds of the operations on a collection, for `reads`, `writes` and other `commands`."""
        ...

    def collection_count(self, db: str, collection: str) -> int | None:
        """Return the number of documents in a collection; None if it does not exist."""
        ...

    def index_stats(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return `{name, key, accesses: {ops, since}, spec}` for each index."""
        ...

    def plan_cache_stats(self, db: str, collection: str) -> list[dict[str, Any]] | None:
        """Return the plan cache's entries; None if the collection does not exist."""
        ...

    def query_settings(self, *, debug: bool) -> list[dict[str, Any]]:
        """Return the documents of `$querySettings`, with the query shapes if `debug`."""
        ...

    def current_operations(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a document for each connection and operation, in the form of `$currentOp`."""
        ...

    def sessions(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return `{_id: {id, uid}, lastUse}` for each logical session."""
        ...

    def catalog_entries(self, db: str | None) -> list[dict[str, Any]]:
        """Return `{db, ns, type, options, info, idIndex}` for each collection and view of one database, or of all."""
        ...

    def address(self) -> str:
        """Return the server's `host:port`, as reported in statistics."""
        ...
