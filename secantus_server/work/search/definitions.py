"""Parsing of search index definitions.

https://www.mongodb.com/docs/manual/reference/command/createSearchIndexes/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.search.mappings import Mappings
from secantus_server.mql.vectors._pack import COSINE, DOT_PRODUCT, EUCLIDEAN

SEARCH, VECTOR_SEARCH = "search", "vectorSearch"
SIMILARITIES = {"cosine": COSINE, "dotProduct": DOT_PRODUCT, "euclidean": EUCLIDEAN}
MAX_DIMENSIONS = 8192
_VECTOR_FIELDS = frozenset(["type", "path", "numDimensions", "similarity", "quantization", "hnswOptions", "indexingMethod"])


@dataclass(frozen=True)
class VectorField:
    """A field of a vectorSearch index that contains vectors.

    Arguments:
        path: the path of the field.
        dimensions: the number of elements of each vector.
        similarity: COSINE, DOT_PRODUCT or EUCLIDEAN.
    """

    path: str
    dimensions: int
    similarity: int


@dataclass(frozen=True)
class VectorDefinition:
    """The parsed definition of a vectorSearch index.

    Arguments:
        vectors: the fields with vectors, by path.
        filters: the paths that a filter may use.
    """

    vectors: dict[str, VectorField]
    filters: frozenset[str]


def check_definition(kind: Any, definition: Any) -> None:
    """Validate the type and the definition of a new search index.

    Raises:
        CommandError: 8 for a malformed definition, as in MongoDB Search, 238 for an unsupported option.
    """
    if kind not in (SEARCH, VECTOR_SEARCH):
        raise CommandError(8, f'"type" must be one of [{SEARCH}, {VECTOR_SEARCH}], found {kind!r}')
    if type(definition) is not dict:
        raise CommandError(8, '"definition" must be a document')
    if kind == VECTOR_SEARCH:
        parse_vectors(definition)
    else:
        Mappings(definition)


def parse_vectors(definition: dict[str, Any]) -> VectorDefinition:
    """Parse the definition of a vectorSearch index.

    Raises:
        CommandError: 8 or 238, see `check_definition`.
    """
    fields = definition.get("fields")
    if type(fields) is not list or not fields:
        raise CommandError(8, '"fields" is required and must be a non-empty array')
    for name in definition:
        if name not in ("fields", "numPartitions"):
            raise not_supported(f"the option {name} of a vectorSearch index", "leave it out")
    vectors: dict[str, VectorField] = {}
    filters = set()
    for number, field in enumerate(fields):
        kind, path = _kind_and_path(field, f"fields[{number}]")
        if path in vectors or path in filters:
            raise CommandError(8, f'"fields" cannot contain multiple fields with the same path: {path}')
        if kind == "filter":
            filters.add(path)
        else:
            vectors[path] = _vector(field, path, f"fields[{number}]")
    if not vectors:
        raise CommandError(8, '"fields" must contain at least one field of type "vector"')
    return VectorDefinition(vectors, frozenset(filters))


def _kind_and_path(field: Any, where: str) -> tuple[str, str]:
    if type(field) is not dict:
        raise CommandError(8, f'"{where}" must be a document, found {type_name(field)}')
    kind, path = field.get("type"), field.get("path")
    if kind in ("text", "autoEmbed"):
        raise not_supported(f"a field of type {kind} in a vectorSearch index", "store the vectors in the documents")
    if kind not in ("vector", "filter"):
        raise CommandError(8, f'"{where}.type" must be one of [vector, filter]')
    if type(path) is not str or not path:
        raise CommandError(8, f'"{where}.path" is required and must be a non-empty string')
    return kind, path


def _vector(field: dict[str, Any], path: str, where: str) -> VectorField:
    for name in field:
        if name not in _VECTOR_FIELDS:
            raise CommandError(8, f'"{where}" unrecognized field "{name}"')
    dimensions: Any = field.get("numDimensions")
    similarity: Any = field.get("similarity")
    if type(dimensions) is float and dimensions.is_integer():
        dimensions = int(dimensions)
    if type(dimensions) not in (int, Int64) or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise CommandError(8, f'"{where}.numDimensions" is required and must be within bounds [1, {MAX_DIMENSIONS}]')
    if type(similarity) is not str or similarity not in SIMILARITIES:
        raise CommandError(8, f'"{where}.similarity" is required and must be one of [{", ".join(SIMILARITIES)}]')
    if field.get("quantization", "none") not in ("none", "scalar", "binary"):
        raise CommandError(8, f'"{where}.quantization" must be one of [none, scalar, binary]')
    return VectorField(path, int(dimensions), SIMILARITIES[similarity])
