"""Parses the operators of `$search` into nodes.

https://www.mongodb.com/docs/atlas/atlas-search/operators-and-collectors/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.objectid import ObjectId

from secantus_server.bson import compare_values, is_number, type_name
from secantus_server.bson.numbers import to_float
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.search.analyzers import FOLDED, KEYWORD, analyzer
from secantus_server.mql.search.contents import Field
from secantus_server.mql.search.mappings import Mappings
from secantus_server.mql.search.nodes import Beginnings, Compound, Either, Matching, Node, Pattern, Phrase, Rescored, Words

Parser = Callable[[dict[str, Any], Mappings], Node]
_CLAUSES = ("must", "mustNot", "should", "filter")
_BOUNDS: dict[str, Callable[[int], bool]] = {
    "gt": lambda order: order > 0,
    "gte": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "lte": lambda order: order <= 0,
}
_UUID_SUBTYPE = 4
# A character of a wildcard query, or an escaped one.
_WILDCARD = re.compile(r"\\.|.", re.DOTALL)


def parse_operator(name: str, spec: Any, mappings: Mappings) -> Node:
    """Parse an operator of `$search`.

    Arguments:
        name: the operator's name.
        spec: the operator's argument.
        mappings: the fields of the index.

    Raises:
        CommandError: 8, as in MongoDB Search, for a malformed argument. 238 for an operator or an option that is not supported.
    """
    if name not in PARSERS:
        raise not_supported(f"the $search operator {name}", f"use one of {', '.join(PARSERS)}")
    if type(spec) is not dict:
        raise CommandError(8, f'"{name}" must be a document, found {type_name(spec)}')
    known, parser = PARSERS[name]
    for option in spec:
        if option not in known and option != "score":
            raise not_supported(f"the $search operator {name} with {option}", "leave it out")
    node = parser(spec, mappings)
    return Rescored(node, _score(spec["score"])) if "score" in spec else node


def _score(spec: Any) -> Callable[[float], float]:
    """Parse the option `score` of an operator, and return a function that changes a score accordingly."""
    if type(spec) is dict and len(spec) == 1:
        (kind, options), *_ = spec.items()
        value: Any = options.get("value") if type(options) is dict and len(options) == 1 else None
        factor = to_float(value) if is_number(value) else None
        if factor is not None and kind == "constant":
            return lambda _score: factor
        if factor is not None and kind == "boost":
            return lambda score: score * factor
    raise not_supported("this score option of a $search operator", "use boost or constant with a value")


def _paths(name: str, spec: dict[str, Any]) -> list[str]:
    path: Any = spec.get("path")
    found: list[Any] = path if type(path) is list else [path]
    if any(type(one) is dict for one in found):
        raise not_supported("a path with wildcard or multi in $search", "list the paths")
    if not found or not all(type(one) is str and one for one in found):
        raise CommandError(8, f'"{name}.path" is required and must be a string or a list of strings')
    return found


def _queries(name: str, spec: dict[str, Any]) -> list[str]:
    query: Any = spec.get("query")
    found: list[Any] = query if type(query) is list else [query]
    if not found or not all(type(one) is str and one for one in found):
        raise CommandError(8, f'"{name}.query" is required and cannot be empty')
    return found


def _text(spec: dict[str, Any], mappings: Mappings) -> Node:
    criteria = spec.get("matchCriteria", "any")
    if criteria not in ("any", "all"):
        raise CommandError(8, '"text.matchCriteria" must be one of [any, all]')
    nodes: list[Node] = []
    queries = _queries("text", spec)
    for path in _paths("text", spec):
        if "string" in mappings.types(path):
            stored, searched = mappings.analyzers(path)
            terms = [analyzer(searched)(query) for query in queries]
            if criteria == "all":
                nodes += [Words(Field(path, stored), one, True) for one in terms]
            else:
                nodes.append(Words(Field(path, stored), [term for one in terms for term in one], False))
    return Either(nodes)


def _phrase(spec: dict[str, Any], mappings: Mappings) -> Node:
    if spec.get("slop", 0) != 0:
        raise not_supported("the $search operator phrase with a slop", "leave it out")
    nodes: list[Node] = []
    for path in _paths("phrase", spec):
        if "string" in mappings.types(path):
            stored, searched = mappings.analyzers(path)
            nodes += [Phrase(Field(path, stored), analyzer(searched)(query)) for query in _queries("phrase", spec)]
    return Either(nodes)


def _wildcard(spec: dict[str, Any], mappings: Mappings) -> Node:
    nodes: list[Node] = []
    patterns = [re.compile(_WILDCARD.sub(_regex_of, query), re.DOTALL) for query in _queries("wildcard", spec)]
    for path in _paths("wildcard", spec):
        if "string" in mappings.types(path):
            stored, _ = mappings.analyzers(path)
            if stored != KEYWORD and spec.get("allowAnalyzedField") is not True:
                raise CommandError(8, f'"wildcard" of the analyzed field {path} requires allowAnalyzedField: true')
            nodes += [Pattern(Field(path, stored), pattern) for pattern in patterns]
    return Either(nodes)


def _regex_of(piece: re.Match[str]) -> str:
    text = piece.group()
    return ".*" if text == "*" else "." if text == "?" else re.escape(text[-1])


def _autocomplete(spec: dict[str, Any], mappings: Mappings) -> Node:
    order = spec.get("tokenOrder", "any")
    if order not in ("any", "sequential"):
        raise CommandError(8, '"autocomplete.tokenOrder" must be one of [any, sequential]')
    [path, *others] = _paths("autocomplete", spec)
    if others:
        raise CommandError(8, '"autocomplete.path" must be a string')
    options = mappings.types(path).get("autocomplete")
    if options is None:
        raise CommandError(8, f"autocomplete index field definition not present at path {path}")
    if options.get("tokenization", "edgeGram") not in ("edgeGram", "nGram"):
        raise not_supported(f"the tokenization {options['tokenization']}", "use edgeGram or nGram")
    anywhere = options.get("tokenization") == "nGram"
    limits = int(options.get("minGrams", 2)), int(options.get("maxGrams", 15))
    queries = _queries("autocomplete", spec)
    return Either([Beginnings(Field(path, FOLDED), analyzer(FOLDED)(one), order == "sequential", anywhere, *limits) for one in queries])


def _exists(spec: dict[str, Any], mappings: Mappings) -> Node:
    [path, *others] = _paths("exists", spec)
    if others:
        raise CommandError(8, '"exists.path" must be a string')
    return Matching(Field(path), lambda value: value is not None) if mappings.types(path) else Either([])


def _equals(spec: dict[str, Any], mappings: Mappings) -> Node:
    if "value" not in spec:
        raise CommandError(8, '"equals.value" is required')
    return _among("equals", spec, [spec["value"]], mappings)


def _in(spec: dict[str, Any], mappings: Mappings) -> Node:
    value = spec.get("value")
    if value is None:
        raise CommandError(8, '"in.value" is required')
    return _among("in", spec, value if type(value) is list else [value], mappings)


def _among(name: str, spec: dict[str, Any], wanted: list[Any], mappings: Mappings) -> Node:
    nodes: list[Node] = []
    for path in _paths(name, spec):
        # Check all values without stopping at the first result, because a value of a wrong type is an error.
        indexed = [_is_indexed(name, path, value, mappings) for value in wanted]
        if all(indexed):
            nodes.append(Matching(Field(path), lambda have: any(compare_values(have, value) == 0 for value in wanted)))
    return Either(nodes)


def _range(spec: dict[str, Any], mappings: Mappings) -> Node:
    bounds = [(value, _BOUNDS[name]) for name, value in spec.items() if name in _BOUNDS]
    if not bounds:
        raise CommandError(8, '"range" must have at least one of [gt, gte, lt, lte]')
    kinds = {_kind("range", value) for value, _ in bounds}
    if len(kinds) > 1 or kinds & {"boolean", "null", "uuid"}:
        raise CommandError(8, '"range" bounds must be numbers, dates, strings or ObjectIds of one type')
    [kind] = kinds
    nodes: list[Node] = []
    for path in _paths("range", spec):
        if _is_indexed("range", path, bounds[0][0], mappings):

            def accepts(have: Any) -> bool:
                return _kind("", have) == kind and all(test(compare_values(have, value)) for value, test in bounds)

            nodes.append(Matching(Field(path), accepts))
    return Either(nodes)


def _is_indexed(name: str, path: str, value: Any, mappings: Mappings) -> bool:
    """Return whether a field is indexed as the type of a value. Raise CommandError for a string in a field without the type `token`.

    Arguments:
        name: the operator, for the error message.
        path: the field.
        value: the value.
        mappings: the fields of the index.
    """
    kind = _kind(name, value)
    types = mappings.types(path)
    if kind == "token" and kind not in types:
        raise CommandError(8, f"Path '{path}' needs to be indexed as token")
    return bool(types) if kind == "null" else kind in types


def _kind(name: str, value: Any) -> str:
    """Return the index type of a value.

    Arguments:
        name: the operator. If it is not empty, a value without an index type raises CommandError.
        value: the value.
    """
    if value is None:
        return "null"
    if type(value) is bool:
        return "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, Binary) and value.subtype == _UUID_SUBTYPE:
        return "uuid"
    found = {Date: "date", ObjectId: "objectId", str: "token"}.get(type(value), "")
    if name and not found:
        raise CommandError(8, f'"{name}" does not support a value of type {type_name(value)}')
    return found


def _compound(spec: dict[str, Any], mappings: Mappings) -> Node:
    parsed: dict[str, list[Node]] = {}
    for clause in _CLAUSES:
        found = spec.get(clause, [])
        nodes = found if type(found) is list else [found]
        if not all(type(one) is dict and len(one) == 1 for one in nodes):
            raise CommandError(8, f'"compound.{clause}" must contain documents with one operator each')
        parsed[clause] = [parse_operator(name, argument, mappings) for one in nodes for name, argument in one.items()]
    if not any(parsed.values()):
        raise CommandError(8, f'"compound" must have at least one of [{", ".join(_CLAUSES)}]')
    least = spec.get("minimumShouldMatch", 0)
    if type(least) is not int or not 0 <= least <= len(parsed["should"]):
        raise CommandError(8, '"compound.minimumShouldMatch" cannot be greater than the number of should clauses')
    return Compound(parsed["must"], parsed["filter"], parsed["mustNot"], parsed["should"], least)


#: The options and the parser of each operator.
PARSERS: dict[str, tuple[frozenset[str], Parser]] = {
    "text": (frozenset(["query", "path", "matchCriteria"]), _text),
    "phrase": (frozenset(["query", "path", "slop"]), _phrase),
    "autocomplete": (frozenset(["query", "path", "tokenOrder"]), _autocomplete),
    "wildcard": (frozenset(["query", "path", "allowAnalyzedField"]), _wildcard),
    "exists": (frozenset(["path"]), _exists),
    "equals": (frozenset(["path", "value"]), _equals),
    "in": (frozenset(["path", "value"]), _in),
    "range": (frozenset(["path", *_BOUNDS]), _range),
    "compound": (frozenset([*_CLAUSES, "minimumShouldMatch"]), _compound),
}
