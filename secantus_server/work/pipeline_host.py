"""The server's interface for pipeline stages: access to other collections, writes and statistics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.names import is_oplog
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._point import PointFinder
from secantus_server.exec.read_scope import ReadScope, Tie
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.exec.spilling import Spill
from secantus_server.modules import import_late
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.text.definition import TextDefinition
from secantus_server.pipeline.host import Resolved, SearchQuery, TargetInfo, UniqueIndex, VectorQuery, WriteTarget
from secantus_server.pipeline.optimise import MAX_COUNT, leading_query
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stages.geo_near import GeoNear
from secantus_server.pipeline.stages.limit import Limit
from secantus_server.query._plan_notes import joined_scan
from secantus_server.query.canonical import CanonicalQuery, natural_direction
from secantus_server.query.equality import EqualityFinder, equality_finder
from secantus_server.query.find import count_all
from secantus_server.query.plan_cache import cached_plans
from secantus_server.query.point import point_index
from secantus_server.records import replace
from secantus_server.sessions.ids import NOBODY, UUID_BYTES, session_document, user_digest
from secantus_server.work.catalog_entries import catalog_entries
from secantus_server.work.collection_statistics import collection_statistics, index_statistics, timeseries_statistics
from secantus_server.work.collections import recall
from secantus_server.work.current_operations import current_operations
from secantus_server.work.merge_target import MergeTarget, merge_documents
from secantus_server.work.oplog_collection import oplog_statistics
from secantus_server.work.prepared_documents import prepare_made_document
from secantus_server.work.replace_collection import replace_collection
from secantus_server.work.system_collections import source_of, views_statistics
from secantus_server.work.timeseries_indexes import shown_index

T = TypeVar("T")
R = TypeVar("R")

# The stages that a query before them prepares documents for: MongoDB selects fields for them, sorts for them or runs them with the query.
_SHAPING = frozenset("$bucket $count $densify $group $lookup $project $replaceRoot $replaceWith $setWindowFields $sortByCount".split())


class ServerHost:
    """The implementation of `pipeline.host.PipelineHost` for one command.

    Arguments:
        scope: the read scope of the command's cursor. Reads use the scope's transaction and catalog view.
        transaction: the command's transaction; None if the pipeline is parsed but not run.
        parse: the context of the pipeline's expressions.
        hint: the command's hint, which applies to the first collection that is read.
    """

    def __init__(
        self, request: Request, scope: ReadScope, parse: ParseContext, hint: Any = None, transaction: ReadTransaction | None = None
    ) -> None:
        self._request = request
        self._services = request.services
        self._scope = scope
        self._transaction = transaction
        self._parse = parse
        self._hint = hint
        self._is_first_read = True
        self.caches_plans = True
        # A cache by index ident, because a sub-pipeline that runs for each outer document requests the same finder each time.
        self._point_finders: dict[int, PointFinder] = {}
        self._tied: set[int] = set()
        self.searches: bool = request.services.settings.search

    @property
    def _catalog(self) -> CatalogView:
        return self._scope.catalog or self._services.catalog.view

    def _collection(self, db: str, name: str) -> Collection | None:
        return self._catalog.find(db, name)

    def text_definition(self, db: str, collection: str | None) -> TextDefinition:
        """Return the definition of the collection's text index.

        Raises:
            CommandError: 27 IndexNotFound if the collection has no text index, 291 if the text index is hidden.
        """
        found = None if collection is None else self._collection(db, collection)
        if found is None:
            raise CommandError(27, "text index required for $text query")
        return found.text_definition()

    def check(self) -> None:
        """Raise if the operation was killed or timed out."""
        self._scope.check()

    def spill(self, kind: str, max_bytes: int) -> Spill:
        """Return how a stage moves what exceeds its memory limit to temporary files; see `PipelineHost.spill`."""
        return Spill(kind, max_bytes, self._services.engine.temporary, self.check)

    def search_indexes(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return the output documents of `$listSearchIndexes`, or an empty list if the collection does not exist."""
        found = self._collection(db, collection)
        if found is None or not found.search_indexes:
            return []
        # Here and below, the search modules are imported on first use: few servers need them, and
        # a module-level import would slow every start.
        shown_search_index = import_late("secantus_server.work.search.indexes").shown_index
        return [shown_search_index(index) for index in found.search_indexes]

    def search(self, db: str, collection: str, query: SearchQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents that a `$search` finds, with their scores, in descending order of score."""
        texts = import_late("secantus_server.work.search.texts")
        found = texts.found_texts(self._collection(db, collection), query, self._scope, may_keep=self._request.transaction is None)
        documents: Iterator[tuple[bytes, float]] = texts.read_texts(found, self._scope)
        return documents

    def nearest(self, db: str, collection: str, query: VectorQuery) -> Iterator[tuple[bytes, float]]:
        """Return the documents that a `$vectorSearch` finds, with their scores, in descending order of score."""
        nearest = import_late("secantus_server.work.search.vectors").nearest
        is_alone = self._request.transaction is None
        documents: Iterator[tuple[bytes, float]] = nearest(self._collection(db, collection), query, self._scope, may_keep=is_alone)
        return documents

    def resolve(self, db: str, collection: str) -> Resolved:
        """Resolve a namespace to a collection. For a view, return the underlying collection and the stages of the chain of views.

        Raises:
            CommandError: 167 OptionNotSupportedOnView if a view's collation differs from the pipeline's collation.
        """
        found = self._collection(db, collection)
        is_plain_view = found is not None and found.is_view and not found.is_timeseries
        if found is not None and is_plain_view and parse_collation(found.options.get("collation")) != self._parse.collation:
            raise CommandError(167, f"Cannot read the view {found.namespace} with a collation that is not its default collation")
        stages, collection = self._catalog.resolve(db, collection, [])
        return Resolved(collection, stages)

    def documents(self, db: str, collection: str, pipeline: Pipeline) -> Iterator[bytes]:
        """Return the output of a parsed pipeline over a collection. The planner executes the leading stages."""
        source, rest = self.leading(db, collection, pipeline)
        return rest.run(source)

    def leading(self, db: str, collection: str, pipeline: Pipeline) -> tuple[Iterator[bytes], Pipeline]:
        """Return the documents that the pipeline's leading stages find as a query, and a pipeline of the remaining stages."""
        near = near_query(pipeline, self._hint)
        if near is not None:
            return self._read(db, collection, near), pipeline
        head = leading_query(pipeline)
        ctx = self._parse
        if pipeline.metadata is not ctx.metadata and pipeline.metadata is not None:
            ctx = replace(ctx, metadata=pipeline.metadata)
        query = query_of(head, ctx, self._hint)
        query.is_cached = self.caches_plans
        documents = self._read(db, collection, query)
        if head.skip or head.limit is not None:
            # Each value fits into an int64, but their sum may not.
            stop = None if head.limit is None else min(head.skip + head.limit, sys.maxsize)
            documents = islice(documents, min(head.skip, sys.maxsize), stop)
        return documents, head.rest

    def _read(self, db: str, collection: str, query: CanonicalQuery) -> Iterator[bytes]:
        self._hint = None
        found = self._collection(db, collection)
        documents: Iterator[bytes] = source_of(self._services, db, collection, found, query).open(self._scope)
        if isinstance(documents, SortedDocuments) and self._is_first_read:
            # Register the documents, so that dropping the collection ends the cursor even after the sort has read all documents.
            documents.collection = found
            self._scope.open(documents)
        self._is_first_read = False
        return documents

    def equality_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> EqualityFinder | None:
        """Return a function that finds the documents matching `{path: value}` through an index, or None if no suitable index exists."""
        found = self._collection(db, collection)
        if found is None:
            return None
        ctx = self._parse if self._parse.collation == collation else self._parse.changed(collation=collation)
        finder = equality_finder(found, path, ctx, self._scope)
        if finder is not None:
            self._tie(found)
        return finder

    def point_finder(self, db: str, collection: str, path: str, collation: Collation | None) -> PointFinder | None:
        """Return a finder that looks up key strings in a unique single-field index on `path`, or None if no such index exists."""
        found = self._collection(db, collection)
        if found is None or collation is not None:
            return None
        index = point_index(found, path)
        if index is None:
            return None
        self._tie(found)
        if index.ident not in self._point_finders:
            self._point_finders[index.ident] = self._scope.open(PointFinder(index, found.ident))
        return self._point_finders[index.ident]

    def note_join(self, db: str, collection: str, path: str, read: int, matched: int) -> None:
        """Record that a join has read a whole collection, unless it needed most of the documents or a visible index has the path."""
        found, note = self._collection(db, collection), self._parse.note_plan
        if found is not None and note is not None:
            joined = joined_scan(found, path, read, matched)
            if joined is not None:
                note(joined, joined)

    def _tie(self, collection: Collection) -> None:
        """Make the cursor fail if this collection is dropped. This is necessary because its index is read for each outer document."""
        if collection.ident not in self._tied:
            self._tied.add(collection.ident)
            self._scope.open(Tie(collection))

    def target(self, db: str, collection: str) -> TargetInfo | None:
        """Return the properties of the collection to write to, or None if it does not exist."""
        if self._is_oplog(db, collection):
            return TargetInfo("collection", capped=True)
        found = recall(self._services, db, collection)
        if found is None:
            return None if views_statistics(self._services, db, collection) is None else TargetInfo("collection", False)
        if found.is_timeseries:
            return TargetInfo("timeseries", timeseries=found.options["timeseries"])
        return TargetInfo("view" if found.is_view else "collection", found.is_capped)

    def unique_index(self, db: str, collection: str, paths: Sequence[str], collation: Collation | None) -> UniqueIndex | None:
        """Return a unique index on exactly these paths, or None if no such index exists."""
        found = recall(self._services, db, collection)
        if found is None:
            return UniqueIndex() if list(paths) == ["_id"] else None
        for index in found.indexes:
            same_collation = index.generator is not None and index.generator.collation == collation
            if index.unique and same_collation and index.partial_filter is None and {path for path, _ in index.parts} == set(paths):
                return UniqueIndex(index.sparse)
        return None

    def merge_documents(
        self, db: str, collection: str, bypass_validation: bool, documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
    ) -> CommandError | None:
        """Merge documents, with many documents per transaction. Return the first error, or None.

        Documents after the failing one are still merged.
        """

        def make_target(transaction: Transaction) -> MergeTarget:
            return MergeTarget(self._request, transaction, db, collection, self._parse.collation, bypass_validation)

        return self._between_reads(lambda: merge_documents(self._request, make_target, documents, merge))

    def _between_reads(self, write: Callable[[], R]) -> R:
        """Run a write while the read transaction is paused, because a thread can have only one open transaction."""
        transaction = self._transaction
        assert transaction is not None, "only a running pipeline writes"
        self._scope.detach()
        transaction.pause()
        try:
            return write()
        finally:
            transaction.resume()
            self._scope.attach(transaction.unit, catalog=transaction.catalog)

    def replace_collection(
        self, db: str, collection: str, documents: Iterable[bytes], bypass_validation: bool, timeseries: dict[str, Any] | None = None
    ) -> None:
        """Replace all documents of a collection atomically and retain its indexes and options.

        Arguments:
            timeseries: the time-series options if the target is a time-series collection, else None.
        """
        prepared = [prepare_made_document(document, self._services.clock) for document in documents]
        self._between_reads(lambda: replace_collection(self._request, db, collection, prepared, bypass_validation, timeseries))

    def collection_stats(self, db: str, collection: str) -> dict[str, Any] | None:
        """Return the fields of a collection's `storageStats`, or None if the collection does not exist."""
        if self._is_oplog(db, collection):
            return oplog_statistics(self._scope.unit, self._services.oplog.max_bytes)
        found = recall(self._services, db, collection)
        if found is None:
            return views_statistics(self._services, db, collection)
        if found.is_timeseries:
            buckets = self._collection(db, found.options["viewOn"])
            return None if buckets is None else timeseries_statistics(buckets, self._scope)
        return None if found.is_view else collection_statistics(found, self._scope)

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        """Return the number of operations on a collection and their total microseconds, each for reads, writes and other commands."""
        return self._services.connections.usage().latencies(db, collection)

    def collection_count(self, db: str, collection: str) -> int | None:
        """Return the number of documents in a collection, or None if the collection does not exist."""
        if self._is_oplog(db, collection):
            return int(oplog_statistics(self._scope.unit, 0)["count"])
        found = recall(self._services, db, collection)
        if found is None:
            views = views_statistics(self._services, db, collection)
            return None if views is None else int(views["count"])
        if found.is_timeseries:
            found = self._collection(db, found.options["viewOn"])
        return None if found is None else count_all(found, self._scope)

    def _is_oplog(self, db: str, collection: str) -> bool:
        return is_oplog(db, collection) and bool(self._services.settings.replica_set)

    def index_stats(self, db: str, collection: str) -> list[dict[str, Any]]:
        """Return the `$indexStats` document of each index of a collection."""
        found = recall(self._services, db, collection)
        since = self._services.started_at()
        if found is None or not found.is_timeseries:
            return [] if found is None else index_statistics(found, since)
        buckets = self._collection(db, found.options["viewOn"])
        shown = [] if buckets is None else index_statistics(buckets, since)
        specs = [(one, shown_index(found, one["spec"])) for one in shown]
        return [{**one, "key": spec["key"], "spec": spec} for one, spec in specs if spec is not None]

    def plan_cache_stats(self, db: str, collection: str) -> list[dict[str, Any]] | None:
        """Return the entries of a collection's plan cache, or None if the collection does not exist."""
        found = self._collection(db, collection)
        return None if found is None else cached_plans(found, self._services.topology.address)

    def query_settings(self, *, debug: bool) -> list[dict[str, Any]]:
        """Return the output documents of `$querySettings`. With `debug`, include the query shapes."""
        return [one.shown(debug=debug) for one in self._services.query_settings.values()]

    def current_operations(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the output documents of `$currentOp`."""
        own_only = self._services.access is not None and not options.get("allUsers")
        return current_operations(self._services, options, self._request.client.users if own_only else None)

    def sessions(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the output documents of `$listLocalSessions` for the requested users, by default for the current user.

        Without access control, sessions have no user.
        """
        users = {user_digest(user["user"], user["db"]) for user in options.get("users") or ()}
        client = self._request.client
        if not users and client.uid and not options.get("allUsers"):
            users = {client.uid}
        return [
            {"_id": session_document(session), "lastUse": Date(used)}
            for session, used in self._services.sessions.last_uses()
            if not users or (session[UUID_BYTES:] or NOBODY) in users
        ]

    def catalog_entries(self, db: str | None) -> list[dict[str, Any]]:
        """Return the output documents of `$listCatalog` for one database, or for all databases if `db` is None."""
        return catalog_entries(self._services, db)

    def address(self) -> str:
        """Return the server's `host:port`."""
        return self._services.topology.address


def near_query(pipeline: Pipeline, hint: Any) -> CanonicalQuery | None:
    """Return the query that finds the input of a leading `$geoNear`, or None if the pipeline does not begin with `$geoNear`.

    Raises:
        CommandError: the errors of `GeoNear.search`.
    """
    first = pipeline.stages[0] if pipeline.stages else None
    if not isinstance(first, GeoNear):
        return None
    condition, match = first.search()
    follower = pipeline.stages[1] if len(pipeline.stages) > 1 else None
    limit = follower.count if isinstance(follower, Limit) and follower.count <= MAX_COUNT else 0
    # The query needs no metadata, because the stage sets it.
    return CanonicalQuery(condition, match, replace(first.ctx.parse, metadata=None), hint=hint, limit=limit)


def query_of(head: Any, ctx: ParseContext, hint: Any) -> CanonicalQuery:
    """Return the leading stages of a pipeline as a canonical query."""
    pattern = head.sort.pattern if head.sort is not None else None
    limit = head.limit or 0
    natural = 0
    if type(hint) is dict and "$natural" in hint:
        natural, hint = natural_direction(hint, "hint"), None
    query = CanonicalQuery(head.filter or {}, head.match, ctx, pattern, natural, head.fields, hint, head.skip, limit)
    if head.sort is not None:
        query.sort_bytes, query.sort_spill = head.sort.max_bytes, head.sort.spill
    following = head.rest.stages[0].name if head.rest.stages else ""
    query.consumer = following if following in _SHAPING else ""
    return query
