"""The interface through which stages use the server: other collections, writes, statistics.

Stages do not depend on the catalog, planner or storage engine. They call `ctx.host`, which `work.pipeline_host` implements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.exec._point import PointFinder
    from secantus_server.exec.spilling import Spill
    from secantus_server.mql.context import Collation
    from secantus_server.mql.text.definition import TextDefinition
    from secantus_server.mql.vectors.query import QueryVector

T = TypeVar("T")


@dataclass(slots=True)
class Resolved:
    """A resolved namespace: the underlying collection, and the stages of the view if the namespace is a view.

    Arguments:
        collection: the underlying collection.
        pipeline: the view's stages, which run before the reader's stages; empty for a collection.
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
        sparse: whether the index omits documents without the indexed fields.
    """

    sparse: bool = False


Found = tuple[int, bytes]  # RecordId, document


class WriteTarget(Protocol):
    """The collection that `$merge` writes to. A failed write changes nothing, and later writes can still succeed."""

    def find(self, values: dict[str, Any]) -> Found | None:
        """Return the document that has the given values at the given paths, or None."""
        ...

    def insert(self, document: bytes) -> None:
        """Insert a document that has an `_id`. Create the collection if it does not exist.

        Raises:
            CommandError: 11000 for a duplicate key, 121 if the document fails validation.
        """
        ...

    def replace(self, found: Found, new: bytes, entry: bytes) -> None:
        """Replace a found document with a new one that has the same `_id`, and write `entry` to the oplog.

        Raises:
            CommandError: 11000 for a duplicate key, 121 if the document fails validation.
        """
        ...


@dataclass(frozen=True)
class VectorQuery:
    """A parsed `$vectorSearch`.

    Arguments:
        index: the name of the search index.
        path: the field with the vectors.
        vector: the query vector; the search returns the vectors nearest to it.
        limit: the maximum number of documents.
        matches: a function that returns whether a document matches the filter; None without a filter.
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
        spec: the operator's argument, not yet parsed because parsing requires the index definition.
    """

    index: str
    operator: str
    spec: Any


class PipelineHost(Protocol):
    """The interface through which pipeline stages use the server. All methods run inside the command's snapshot or transaction.

    A failed write changes nothing, and later writes can still succeed.
    """

    #: Whether plans of the pipeline's queries enter the plan cache; the plans of explain do not.
    caches_plans: bool = True
    #: Whether search indexes are enabled.
    searches: bool

    def spill(self, kind: str, max_bytes: int) -> Spill:
        """Return how a stage with the given memory limit moves what exceeds it to temporary files.

        Arguments:
            kind: the name of the stage's counters in serverStatus.
        """
        ...

    def check(self) -> None:
        """Raise if the operation was killed or timed out."""
        ...

    def search_indexes(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return the output documents of `$listSearchIndexes`, or an empty list if the collection does not exist."""
        ...

    def search(self, db: str, collection: str, query: SearchQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents that a `$search` finds, with their scores, in descending order of score.

        Raises:
            CommandError: 8 for a query that is malformed or does not fit the index, 238 for an unsupported query.
        """
        ...

    def nearest(self, db: str, collection: str, query: VectorQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents that a `$vectorSearch` finds, with their scores, in descending order of score.

        Raises:
            CommandError: 8 for a query that does not fit the index, 238 for a view.
        """
        ...

    def text_definition(self, db: str, collection: str | None) -> TextDefinition:
        """Return the definition of the collection's text index.

        Raises:
            CommandError: the errors of `Collection.text_definition`.
        """
        ...

    def resolve(self, db: str, collection: str) -> Resolved:
        """Return the collection or view with this name. An unknown name counts as an empty collection."""
        ...

    def documents(self, db: str, collection: str, pipeline: Any) -> Iterator[bytes]:
        """Return the output of a parsed pipeline (`run.Pipeline`) over a collection. The leading stages use an index if possible.

        A correlated `$lookup` calls this method once per outer document, after binding new values to the pipeline's variables.
        """
        ...

    def equality_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> Callable[[Any], Iterator[bytes]] | None:
        """Return a function that finds the documents matching `{path: value}` through an index, or None if no suitable index exists."""
        ...

    def point_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> PointFinder | None:
        """Return a finder that looks up key strings in a unique single-field index on this path, or None if no such index exists."""
        ...

    def note_join(self, db: str, collection: str, path: str, read: int, matched: int) -> None:
        """Record for the command log that a join by the values at a path has read a whole collection.

        Arguments:
            read: the number of documents that were read.
            matched: the number of these that were found at least once.
        """
        ...

    def target(self, db: str, collection: str) -> TargetInfo | None:
        """Return the properties of the collection to write to, or None if it does not exist."""
        ...

    def unique_index(self, db: str, collection: str, paths: Sequence[str], collation: Collation | None) -> UniqueIndex | None:
        """Return a unique index on exactly these paths, or None if no such index exists.

        The order and direction of the paths do not matter. The collation must be equal, and the index must not have a partial filter.
        """
        ...

    def merge_documents(
        self, db: str, collection: str, bypass_validation: bool, documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
    ) -> CommandError | None:
        """Call `merge` for each document, with many documents per transaction. Return the first error that `merge` raised, or None.

        After a write conflict, all documents of the transaction are retried. After an error, the remaining documents are still written.
        """
        ...

    def replace_collection(
        self, db: str, collection: str, documents: Iterable[bytes], bypass_validation: bool, timeseries: dict[str, Any] | None = None
    ) -> None:
        """Replace all documents of a collection atomically and retain its indexes and options.

        Arguments:
            timeseries: the time-series options, if the new collection is a time-series collection.
        """
        ...

    def collection_stats(self, db: str, collection: str) -> dict[str, Any] | None:
        """Return the fields of a collection's `storageStats` in bytes (scale 1), or None if the collection does not exist."""
        ...

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        """Return the number of operations on a collection and their total microseconds, each for `reads`, `writes` and other `commands`."""
        ...

    def collection_count(self, db: str, collection: str) -> int | None:
        """Return the number of documents in a collection, or None if the collection does not exist."""
        ...

    def index_stats(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return `{name, key, accesses: {ops, since}, spec}` for each index."""
        ...

    def plan_cache_stats(self, db: str, collection: str) -> list[dict[str, Any]] | None:
        """Return the entries of a collection's plan cache, or None if the collection does not exist."""
        ...

    def query_settings(self, *, debug: bool) -> list[dict[str, Any]]:
        """Return the output documents of `$querySettings`. With `debug`, include the query shapes."""
        ...

    def current_operations(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a document for each connection and operation, in the format of `$currentOp`."""
        ...

    def sessions(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return `{_id: {id, uid}, lastUse}` for each logical session."""
        ...

    def catalog_entries(self, db: str | None) -> list[dict[str, Any]]:
        """Return `{db, ns, type, options, info, idIndex}` for each collection and view of one database, or of all databases if `db` is
        None.
        """
        ...

    def address(self) -> str:
        """Return the server's `host:port`, as reported in statistics."""
        ...
