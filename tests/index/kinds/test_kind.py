"""The registry of index kinds, and the properties of each kind that the rest of the server uses."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.index.build import make_index
from secantus_server.index.kinds.kind import all_kinds, is_kind_name, kind_of
from secantus_server.index.spec import check_spec

PATTERNS: list[tuple[dict[str, Any], str]] = [
    ({"a": 1}, "btree"),
    ({"_id": 1}, "btree"),
    ({"a": 1, "b": "hashed"}, "hashed"),
    ({"a": "text"}, "text"),
    ({"$**": "text"}, "text"),
    ({"_fts": "text", "_ftsx": 1}, "text"),
    ({"$**": 1}, "wildcard"),
    ({"b": 1, "a.$**": -1}, "wildcard"),
    ({"a": "2dsphere", "b": 1}, "2dsphere"),
    ({"a": "2d"}, "2d"),
]


@pytest.mark.parametrize(("key", "name"), PATTERNS, ids=str)
def test_the_kind_of_a_key_pattern(key: dict[str, Any], name: str) -> None:
    assert kind_of(key).name == name


def test_the_names_in_key_patterns() -> None:
    assert {kind.name for kind in all_kinds() if is_kind_name(kind.name)} == {"hashed", "text", "2dsphere", "2dsphere_bucket", "2d"}
    assert not is_kind_name("geoHaystack")


@pytest.mark.parametrize(("key", "name"), PATTERNS, ids=str)
def test_every_kind_stores_entries(key: dict[str, Any], name: str) -> None:
    options = {"weights": {"a": 1}} if "_fts" in key else {}
    index = make_index(check_spec({"key": key, "name": "i", **options}), 9)
    assert index.stores_entries
    assert index.kind.is_ordered == (name == "btree")


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"key": {"a": "hashed", "b": "hashed"}}, 31303),
        ({"key": {"a": "hashed", "b": "2d"}}, 67),
        ({"key": {"a": "hashed", "$**": 1}}, 67),
        ({"key": {"a": "2dsphere", "$**": 1}}, 67),
        ({"key": {"a": "2d", "$**": 1, "b.$**": 1}}, 7246201),
        ({"key": {"a": 1}, "wildcardProjection": {"b": 1}}, 2),
        ({"key": {"a": "text"}, "wildcardProjection": {"b": 1}}, 2),
        ({"key": {"a": 1}, "weights": {"b": 1}}, 67),
        ({"key": {"a": "hashed"}, "unique": True}, 16764),
        ({"key": {"a": "2d"}, "unique": True}, 67),
        ({"key": {"$**": 1}, "unique": True}, 67),
        ({"key": {"a": "wildcard"}}, 7246202),
        ({"key": {"$**": "wildcard"}}, 67),
        ({"key": {"a": 1}, "partialFilterExpression": {"$text": {"$search": "a"}}}, 2),
        ({"key": {"a": "2d"}, "collation": {"locale": "de"}}, 67),
        ({"key": {"a": "text"}, "collation": {"locale": "de"}}, 67),
        ({"key": {"a": "2d"}, "bits": 33}, 72),
        ({"key": {"a": "2dsphere"}, "2dsphereIndexVersion": 4}, 67),
    ],
    ids=str,
)
def test_what_a_kind_refuses(spec: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        check_spec({"name": "i", **spec})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ({"key": {"a": "2dsphere"}}, {"2dsphereIndexVersion": 3}),
        ({"key": {"a": "2d"}, "min": -5, "max": 5}, {"min": -5, "max": 5}),
        (
            {"key": {"a": "text"}},
            {"weights": {"a": 1}, "default_language": "english", "language_override": "language", "textIndexVersion": 3},
        ),
    ],
    ids=str,
)
def test_a_stored_definition_is_complete(spec: dict[str, Any], options: dict[str, Any]) -> None:
    stored = check_spec({"name": "i", **spec})
    assert {option: value for option, value in stored.items() if option not in ("v", "key", "name")} == options


def test_limits_are_listed_as_doubles() -> None:
    stored = check_spec({"name": "i", "key": {"a": "2d"}, "min": -5, "bits": 20})
    listed = kind_of(stored["key"]).listed(stored)
    assert (type(listed["min"]), listed["bits"]) == (float, 20)


@pytest.mark.parametrize(
    ("spec", "document", "code"),
    [
        ({"key": {"a.b": "hashed"}}, {"a": [1]}, 16766),
        ({"key": {"b": 1, "a.$**": 1}}, {"b": [1]}, 7246301),
    ],
    ids=str,
)
def test_documents_that_cannot_be_indexed(spec: dict[str, Any], document: dict[str, Any], code: int) -> None:
    stored = check_spec({"name": "i", **spec})
    guard = kind_of(stored["key"]).guard(stored)
    assert guard is not None
    with pytest.raises(CommandError) as caught:
        guard(encode({"_id": 1, **document}))
    assert caught.value.code == code


@pytest.mark.parametrize("key", [{"a": 1}, {"$**": 1}], ids=str)
def test_these_kinds_take_every_document(key: dict[str, Any]) -> None:
    assert kind_of(key).guard({"key": key}) is None


@pytest.mark.parametrize(
    ("kind", "spherical", "geojson", "serves"),
    [
        ("2d", False, False, True),
        ("2d", True, False, True),
        ("2d", True, True, False),
        ("2dsphere", False, False, False),
        ("2dsphere", True, False, True),
        ("2dsphere", True, True, True),
        ("hashed", True, True, False),
    ],
)
def test_which_distances_a_kind_measures(kind: str, spherical: bool, geojson: bool, serves: bool) -> None:
    assert kind_of({"a": kind}).serves_near(spherical=spherical, geojson=geojson) == serves


@pytest.mark.parametrize(
    ("key", "is_meta", "code"),
    [
        ({"a": 1}, False, 0),
        ({"a": "2dsphere"}, False, 0),
        ({"m.a": "hashed"}, True, 0),
        ({"a": "hashed"}, False, 67),
        ({"m.a": "2d"}, True, 0),
        ({"a": "2d"}, False, 67),
        ({"m": "text"}, True, 72),
        ({"$**": 1}, False, 7246201),
    ],
    ids=str,
)
def test_the_kinds_in_a_time_series(key: dict[str, Any], is_meta: bool, code: int) -> None:
    try:
        kind_of(key).check_in_time_series(is_meta=is_meta)
    except CommandError as error:
        assert error.code == code
    else:
        assert code == 0
