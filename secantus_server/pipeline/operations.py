"""What stages need of the server: other collections, writes, statistics.

A stage knows no catalog, planner or storage engine. It asks `ctx.operations`, which the commands implement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.errors import CommandError
    from secantus_server.exec._point import PointFinder
    from secantus_server.mql.context import Collation
    from secantus_server.pipeline.run import Pipeline


T = TypeVar("T")


@dataclass(frozen=True)
class Resolved:
    """What a name stands for.

    Arguments:
        collection: the collection that is read in the end.
        pipeline: a view's stages, which come before whatever the reader does; empty for a collection.
    """

    collection: str
    pipeline: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class TargetInfo:
    """What `$out` and `$merge` must know about the collection they write to.

    Arguments:
        kind: `collection`, `view` or `timeseries`.
        capped: whether it is a capped collection.
        timeseries: the options of a time series collection.
    """

    kind: str = "collection"
    capped: bool = False
    timeseries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UniqueIndex:
    """An index by which `$merge` finds the document to change.

    Arguments:
        sparse: documents without its fields are not in it.
    """

    sparse: bool = False


Found = tuple[int, bytes]  # RecordId, document


class WriteTarget(Protocol):
    """The collection that `$merge` writes to. A write that fails leaves no trace and does not hinder the next one."""

    def find(self, values: dict[str, Any]) -> Found | None:
        """The document that has these values at these paths."""
        ...

    def insert(self, document: bytes) -> None:
        """Inserts a document that has an `_id`; creates the collection. Raises 11000, 121."""
        ...

    def replace(self, found: Found, new: bytes) -> None:
        """Puts a document with the same `_id` into the place of one that was found. Raises 11000, 121."""
        ...


class PipelineOperations(Protocol):
    """The server as pipelines see it. All methods work inside the command's snapshot or transaction.

    A write that fails leaves no trace and does not hinder the next one.
    """

    def check(self) -> None:
        """Raise if the operation is to end."""
        ...

    def text_error(self, db: str, collection: str | None) -> CommandError:
        """Return the error that a valid `$text` over this collection gets."""
        ...

    def resolve(self, db: str, collection: str) -> Resolved:
        """What a name stands for; a name that nothing has is an empty collection."""
        ...

    def documents(self, db: str, collection: str, pipeline: Pipeline) -> Iterator[bytes]:
        """The output of a parsed pipeline over a collection, with an index for its leading stages where one helps.

        Called once for every outer document of a `$lookup` whose pipeline depends on it: variables have new values then.
        """
        ...

    def equality_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> Callable[[Any], Iterator[bytes]] | None:
        """A function that finds the documents matching `{path: value}` by an index, or None if no index can."""
        ...

    def point_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> PointFinder | None:
        """Finds the document which has the key string of a plain value, if a unique index of one field can."""
        ...

    def target(self, db: str, collection: str) -> TargetInfo | None:
        """What is known about a collection to be written to; None if there is none."""
        ...

    def unique_index(self, db: str, collection: str, paths: Sequence[str], collation: Collation | None) -> UniqueIndex | None:
        """The unique index over exactly these paths, in any order and direction, with this collation and no partial filter."""
        ...

    def merge_documents(
        self, db: str, collection: str, bypass_validation: bool, documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
    ) -> CommandError | None:
        """Calls `merge` for each document, for many in one transaction, and again for those of a transaction that conflicted.

        Returns the first error that it raised; the other documents are written nevertheless.
        """
        ...

    def replace_collection(self, db: str, collection: str, documents: Iterable[bytes], bypass_validation: bool) -> None:
        """Replaces a collection's documents by these, all at once, and keeps its indexes and options."""
        ...

    def collection_stats(self, db: str, collection: str) -> dict[str, Any] | None:
        """The fields of `storageStats` (scale 1) of a collection; None if there is none."""
        ...

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        """Return the number of `reads`, `writes` and other `commands` on a collection, and the microseconds that they took."""
        ...

    def collection_count(self, db: str, collection: str) -> int | None:
        """The number of documents in a collection; None if there is none."""
        ...

    def index_stats(self, db: str, collection: str) -> list[dict[str, Any]]:
        """One `{name, key, accesses: {ops, since}, spec}` for each index."""
        ...

    def plan_cache_stats(self, db: str, collection: str) -> list[dict[str, Any]] | None:
        """The plan cache's entries; None if the collection does not exist."""
        ...

    def current_operations(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One document for each connection and operation, as `$currentOp` shows them."""
        ...

    def sessions(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One `{_id: {id, uid}, lastUse}` for each logical session."""
        ...

    def catalog_entries(self, db: str | None) -> list[dict[str, Any]]:
        """One `{db, ns, type, options, info, idIndex}` for each collection and view, of one database or of all."""
        ...

    def host(self) -> str:
        """The server's `host:port`, as statistics show it."""
        ...
