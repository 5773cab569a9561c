"""Geospatial indexes refuse documents that they cannot index."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.index.kinds.kind import Extractor, kind_of

SPHERE = {"key": {"loc": "2dsphere"}}
PLANE = {"key": {"loc": "2d"}}


def extractor_of(spec: dict[str, Any]) -> Extractor:
    extract = kind_of(spec["key"]).extractor(spec)
    assert extract is not None
    return extract


@pytest.mark.parametrize(
    ("spec", "loc"),
    [
        (SPHERE, {"type": "Point", "coordinates": [0, 0]}),
        (SPHERE, [10.0, 20]),
        (SPHERE, None),
        (PLANE, [1, 2]),
        (PLANE, {"x": 1, "y": 2}),
        (PLANE, [[1, 2], [3, 4]]),
        (PLANE, []),
        ({"key": {"loc": "2d"}, "min": -500, "max": 500}, [400, 0]),
    ],
)
def test_what_is_taken(spec: dict[str, Any], loc: Any) -> None:
    extract = extractor_of(spec)
    extract(encode({"_id": 1, "loc": loc}))


@pytest.mark.parametrize(
    ("spec", "loc", "code"),
    [
        (SPHERE, "hello", 16755),
        (SPHERE, 42, 16755),
        (SPHERE, {"type": "point", "coordinates": [0, 0]}, 16755),
        (SPHERE, {"type": "Point", "coordinates": [0, 91]}, 16755),
        (SPHERE, [{"type": "Point", "coordinates": [0, 0]}, {"type": "Point", "coordinates": [1, 1]}], 16755),
        (PLANE, [181, 0], 13027),
        (PLANE, "x", 16804),
        ({"key": {"loc": "2d"}, "min": -500, "max": 500}, [600, 0], 13027),
    ],
)
def test_what_is_refused(spec: dict[str, Any], loc: Any, code: int) -> None:
    extract = extractor_of(spec)
    with pytest.raises(CommandError) as caught:
        extract(encode({"_id": 1, "loc": loc}))
    assert caught.value.code == code


def test_a_missing_field_and_a_path_through_arrays() -> None:
    extract = extractor_of({"key": {"places.loc": "2dsphere"}})
    extract(encode({"_id": 1}))
    extract(encode({"_id": 1, "places": [{"loc": [1, 2]}, {"loc": [3, 4]}, {}]}))
    with pytest.raises(CommandError):
        extract(encode({"_id": 1, "places": [{"loc": [1, 2]}, {"loc": "nowhere"}]}))
