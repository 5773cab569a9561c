"""Computes explain's `multiKeyPaths`, which lists the prefixes of each indexed path at which documents have arrays.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/

An index only stores whether any document has an array. Explain therefore reads the documents to find the array paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.stages import PlanStage


def show_array_paths(roots: Iterable[PlanStage], collection: Collection | None, scope: ReadScope) -> None:
    """Set `multiKeyPaths` in all stages that scan a multikey index.

    Arguments:
        roots: the top stages of the plans.
        collection: the collection that the plans read, or None.
        scope: the scope in which the documents are read.
    """
    known: dict[str, dict[str, list[str]]] = {}
    for stage in (found for root in roots for found in root.stages()):
        # The stages of a wildcard index already show its paths with arrays.
        if stage.shape.get("isMultiKey") and "$_path" not in stage.shape["keyPattern"] and collection is not None:
            name = stage.shape["indexName"]
            if name not in known:
                known[name] = _array_paths(collection, name, scope)
            stage.shape["multiKeyPaths"] = known[name]


def _array_paths(collection: Collection, name: str, scope: ReadScope) -> dict[str, list[str]]:
    index = next(index for index in collection.indexes if index.name == name)
    scan = RecordScan(collection.ident, index.partial_filter, scope.check)
    scope.open(scan)
    found = array_prefixes([path for path, _ in index.parts], scan)
    scan.close()
    return found


def array_prefixes(paths: list[str], documents: Iterable[bytes]) -> dict[str, list[str]]:
    """Return, for each path, its prefixes at which any document has an array. The prefixes are sorted by length.

    Arguments:
        paths: dotted paths.
        documents: the documents. Reading stops as soon as every prefix has been found.
    """
    names = {path: path.split(".") for path in paths}
    found: dict[str, set[int]] = {path: set() for path in paths}
    missing = sum(map(len, names.values()))
    for document in documents:
        value = decode(document)
        for path, parts in names.items():
            found[path].update(_array_depths(value, parts, 0))
        if sum(map(len, found.values())) == missing:
            break
    return {path: [".".join(names[path][: depth + 1]) for depth in sorted(found[path])] for path in paths}


def _array_depths(value: Any, names: list[str], depth: int) -> Iterator[int]:
    """Yield the positions of the path components at which the value is an array."""
    if depth == len(names) or type(value) is not dict or names[depth] not in value:
        return
    inner = value[names[depth]]
    if type(inner) is not list:
        yield from _array_depths(inner, names, depth + 1)
        return
    yield depth
    for element in inner:
        yield from _array_depths(element, names, depth + 1)
