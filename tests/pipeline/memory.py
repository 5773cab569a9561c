"""In-memory `PipelineHost` for tests: collections are lists of BSON documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from bson.int64 import Int64

from secantus_server.bson import decode, encode, key_string
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.exec.spilling import Spill
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.text.definition import TextDefinition
from secantus_server.pipeline import Pipeline, PipelineContext, Resolved, TargetInfo, parse_pipeline
from secantus_server.pipeline.host import SearchQuery, UniqueIndex, VectorQuery
from secantus_server.storage.temporary import TemporaryFiles

Namespace = tuple[str, str]


class MemoryHost:
    """`PipelineHost` without indexes; a collection exists once `collections` has an entry."""

    searches = False

    def __init__(self) -> None:
        self.collections: dict[Namespace, list[bytes]] = {}
        self.caches_plans = True
        self._files = TemporaryFiles(None)
        self.views: dict[Namespace, tuple[str, list[dict[str, Any]]]] = {}
        self.indexes: dict[Namespace, list[dict[str, Any]]] = {}
        self.options: dict[Namespace, dict[str, Any]] = {}

    def text_definition(self, db: str, collection: str | None) -> TextDefinition:
        raise CommandError(27, "text index required for $text query")

    def check(self) -> None:
        """Do nothing, so that the operation is never interrupted."""

    def spill(self, kind: str, max_bytes: int) -> Spill:
        return Spill(kind, max_bytes, self._files, self.check)

    def search_indexes(self, db: str, collection: str) -> list[dict[str, Any]]:
        return []

    def search(self, db: str, collection: str, query: SearchQuery) -> Iterator[tuple[bytes, float]]:
        return iter(())

    def nearest(self, db: str, collection: str, query: VectorQuery) -> Iterator[tuple[bytes, float]]:
        return iter(())

    def resolve(self, db: str, collection: str) -> Resolved:
        pipeline: list[dict[str, Any]] = []
        while (db, collection) in self.views:
            collection, stages = self.views[db, collection]
            pipeline = [*stages, *pipeline]
        return Resolved(collection, pipeline)

    def documents(self, db: str, collection: str, pipeline: Pipeline) -> Iterator[bytes]:
        return pipeline.run(list(self.collections.get((db, collection), [])))

    def note_join(self, db: str, collection: str, path: str, read: int, matched: int) -> None:
        raise AssertionError("there is no command log")

    def equality_finder(self, db: str, collection: str, path: str, collation: Any) -> Callable[[Any], Iterator[bytes]] | None:
        return None

    def point_finder(self, db: str, collection: str, path: str, collation: Any) -> None:
        return None

    def target(self, db: str, collection: str) -> TargetInfo | None:
        if (db, collection) in self.views:
            return TargetInfo("view")
        if (db, collection) not in self.collections:
            return None
        options = self.options.get((db, collection), {})
        kind = "timeseries" if "timeseries" in options else "collection"
        return TargetInfo(kind, bool(options.get("capped")), options.get("timeseries", {}))

    def unique_index(self, db: str, collection: str, paths: Sequence[str], collation: Any) -> UniqueIndex | None:
        for index in self.indexes.get((db, collection), []):
            if index.get("unique") and set(index["key"]) == set(paths) and not index.get("collation"):
                return UniqueIndex(bool(index.get("sparse")))
        return None

    def merge_documents(
        self, db: str, collection: str, bypass_validation: bool, documents: Sequence[Any], merge: Callable[[Any, Any], None]
    ) -> CommandError | None:
        failure = None
        for document in documents:
            try:
                merge(MemoryTarget(self, db, collection), document)
            except CommandError as error:
                failure = failure or error
        return failure

    def replace_collection(
        self, db: str, collection: str, documents: Iterable[bytes], bypass_validation: bool, timeseries: dict[str, Any] | None = None
    ) -> None:
        found = list(documents)
        self.check_unique(db, collection, found)
        self.collections[db, collection] = found

    def check_unique(self, db: str, collection: str, documents: list[bytes]) -> None:
        for index in [{"key": {"_id": 1}, "unique": True}, *self.indexes.get((db, collection), [])]:
            keys = [key_string([decode(document).get(path) for path in index["key"]]) for document in documents]
            if index.get("unique") and len(set(keys)) < len(keys):
                raise CommandError(11000, "E11000 duplicate key error")

    def collection_stats(self, db: str, collection: str) -> dict[str, Any] | None:
        documents = self.collections.get((db, collection))
        if documents is None:
            return None
        size = sum(map(len, documents))
        return {
            "size": size,
            "count": len(documents),
            "storageSize": size,
            "nindexes": 1,
            "indexSizes": {"_id_": 4096},
            "totalIndexSize": 4096,
        }

    def latencies(self, db: str, collection: str) -> dict[str, tuple[int, int]]:
        return {"reads": (2, 10), "writes": (1, 5), "commands": (0, 0)}

    def collection_count(self, db: str, collection: str) -> int | None:
        documents = self.collections.get((db, collection))
        return None if documents is None else len(documents)

    def index_stats(self, db: str, collection: str) -> list[dict[str, Any]]:
        if (db, collection) not in self.collections:
            return []
        specs = [{"v": 2, "key": {"_id": 1}, "name": "_id_"}, *self.indexes.get((db, collection), [])]
        return [{"name": spec["name"], "key": spec["key"], "accesses": {"ops": Int64(0), "since": Date(0)}, "spec": spec} for spec in specs]

    def query_settings(self, *, debug: bool) -> list[dict[str, Any]]:
        return []

    def plan_cache_stats(self, db: str, collection: str) -> list[dict[str, Any]] | None:
        return [] if (db, collection) in self.collections else None

    def current_operations(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"type": "op", "active": True}]

    def sessions(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        return []

    def catalog_entries(self, db: str | None) -> list[dict[str, Any]]:
        return [
            {"db": found, "ns": f"{found}.{name}", "type": "collection", "options": {}, "info": {}}
            for found, name in self.collections
            if db in (None, found)
        ]

    def address(self) -> str:
        return "localhost:27017"

    def fill(self, db: str, collection: str, documents: list[Any]) -> None:
        """Add documents to a collection."""
        self.collections.setdefault((db, collection), []).extend(map(encode, documents))


class MemoryTarget:
    """`WriteTarget` over a list; a RecordId is an index into the list."""

    def __init__(self, server: MemoryHost, db: str, collection: str) -> None:
        self.server = server
        self.namespace = (db, collection)

    def find(self, values: dict[str, Any]) -> tuple[int, bytes] | None:
        matches = parse_match({path: {"$eq": value} for path, value in values.items()}, ParseContext()).matches
        documents = self.server.collections.get(self.namespace, [])
        return next(((place, document) for place, document in enumerate(documents) if matches(document)), None)

    def insert(self, document: bytes) -> None:
        documents = self.server.collections.setdefault(self.namespace, [])
        self.server.check_unique(*self.namespace, [*documents, document])
        documents.append(document)

    def replace(self, found: tuple[int, bytes], new: bytes, entry: bytes) -> None:
        changed = list(self.server.collections[self.namespace])
        changed[found[0]] = new
        self.server.check_unique(*self.namespace, changed)
        self.server.collections[self.namespace] = changed


def run(stages: list[Any], documents: list[Any], *, server: MemoryHost | None = None) -> list[dict[str, Any]]:
    """Return the output of a pipeline over `test.source` after filling it with the documents."""
    server = server or MemoryHost()
    server.fill("test", "source", documents)
    pipeline = parse_pipeline(stages, context(server))
    return [decode(document) for document in server.documents("test", "source", pipeline)]


def context(server: MemoryHost | None = None, collection: str | None = "source", db: str = "test") -> PipelineContext:
    """Return a context for a pipeline over `test.source`."""
    return PipelineContext(ParseContext(), db, server or MemoryHost(), collection)


def error(stages: list[Any], ctx: PipelineContext | None = None) -> CommandError:
    """Return the error raised by parsing a pipeline."""
    with pytest.raises(CommandError) as caught:
        parse_pipeline(stages, ctx or context())
    return caught.value
