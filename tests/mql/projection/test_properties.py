"""Projections of arbitrary documents, checked against models on decoded values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson import decode, encode, validate
from secantus_server.mql.context import ParseContext
from secantus_server.mql.projection import parse_add_fields, parse_projection

names = st.sampled_from(["a", "b", "0"])
paths = st.lists(names, min_size=1, max_size=3)
scalars = st.one_of(st.integers(-3, 3), st.text("xy", max_size=2), st.none())
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
documents = st.dictionaries(names, values, max_size=3)
NOTHING = object()


def included(value: Any, path: list[str]) -> Any:
    """Return the part of a value that an inclusion keeps."""
    if not path:
        return value
    if type(value) is list:
        return [kept for kept in (included(item, path) for item in value) if kept is not NOTHING]
    if type(value) is not dict:
        return NOTHING
    kept = included(value[path[0]], path[1:]) if path[0] in value else NOTHING
    return {} if kept is NOTHING else {path[0]: kept}


def excluded(value: Any, path: list[str]) -> Any:
    """Return the part of a value that an exclusion keeps."""
    if type(value) is list:
        return [excluded(item, path) for item in value]
    if type(value) is not dict or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: item for name, item in value.items() if name != path[0]}
    return {name: excluded(item, path[1:]) if name == path[0] else item for name, item in value.items()}


def added(value: Any, path: list[str], leaf: Any) -> Any:
    """Return a value with `leaf` set at a path."""
    if not path:
        return leaf
    if type(value) is list:
        return [added(item, path, leaf) for item in value]
    fields = value if type(value) is dict else {}
    return {**fields, path[0]: added(fields.get(path[0]), path[1:], leaf)}


@given(documents, paths)
def test_inclusion(document: dict[str, Any], path: list[str]) -> None:
    result = parse_projection({".".join(path): 1}, ParseContext()).apply(encode(document))
    validate(result)
    assert decode(result) == included(document, path)


@given(documents, paths)
def test_exclusion(document: dict[str, Any], path: list[str]) -> None:
    result = parse_projection({".".join(path): 0}, ParseContext()).apply(encode(document))
    assert result == encode(excluded(document, path))


@given(documents, paths, scalars)
def test_addition(document: dict[str, Any], path: list[str], leaf: Any) -> None:
    result = parse_add_fields({".".join(path): {"$literal": leaf}}, ParseContext()).apply(encode(document))
    assert result == encode(added(document, path, leaf))
