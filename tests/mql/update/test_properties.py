"""Updates of arbitrary documents, checked against a model on decoded values."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson import decode, encode, validate
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update import parse_update

NAMES = ["a", "b", "0", "1", "12"]
names = st.sampled_from(NAMES)
paths = st.lists(names, min_size=1, max_size=4).filter(lambda path: not path[0].isdigit()).map(".".join)
scalars = st.one_of(st.integers(-3, 3), st.text("xy", max_size=2), st.none(), st.floats(-2, 2))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
documents = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)


class Refused(Exception):
    """The model cannot set the path."""


def model_set(holder: Any, path: list[str], value: Any) -> None:
    """Set one path in a decoded document."""
    name, rest = path[0], path[1:]
    if type(holder) is list:
        if not name.isdigit():
            raise Refused
        while len(holder) <= int(name):
            holder.append(None if len(holder) < int(name) or not rest else {})
        key: Any = int(name)
    elif type(holder) is dict:
        key = name
        if rest and key not in holder:
            holder[key] = {}
    else:
        raise Refused
    if rest:
        model_set(holder[key], rest, value)
    else:
        holder[key] = value


def model_unset(holder: Any, path: list[str]) -> None:
    """Remove one path from a decoded document."""
    name, rest = path[0], path[1:]
    if type(holder) is list:
        if not name.isdigit() or int(name) >= len(holder):
            return
        if rest:
            model_unset(holder[int(name)], rest)
        else:
            holder[int(name)] = None
    elif type(holder) is dict and name in holder:
        if rest:
            model_unset(holder[name], rest)
        else:
            del holder[name]


def outcome(change: dict[str, Any], document: dict[str, Any]) -> bytes | int:
    """Return the changed document, or the code of the error."""
    try:
        return parse_update({"$set": change}, ParseContext()).apply(encode(document))
    except CommandError as error:
        return error.code


def model_outcome(path: str, value: Any, document: dict[str, Any]) -> bytes | int:
    """Return the model's result for the same update."""
    changed = deepcopy(document)
    try:
        model_set(changed, path.split("."), value)
    except Refused:
        return 28
    return encode(changed)


@given(documents, paths, values)
def test_set(document: dict[str, Any], path: str, value: Any) -> None:
    assert outcome({path: value}, document) == model_outcome(path, value, document)


@given(documents, paths)
def test_unset(document: dict[str, Any], path: str) -> None:
    expected = deepcopy(document)
    model_unset(expected, path.split("."))
    assert parse_update({"$unset": {path: ""}}, ParseContext()).apply(encode(document)) == encode(expected)


@given(documents, st.dictionaries(paths, values, max_size=4))
def test_results_are_valid(document: dict[str, Any], changes: dict[str, Any]) -> None:
    result = outcome(changes, document)
    if type(result) is int:
        assert result in (28, 40)
    else:
        validate(result)
        assert encode(decode(result)) == result


@given(documents, paths, values)
def test_setting_again_changes_nothing(document: dict[str, Any], path: str, value: Any) -> None:
    once = outcome({path: value}, document)
    if type(once) is bytes:
        assert parse_update({"$set": {path: value}}, ParseContext()).apply(once) is once
