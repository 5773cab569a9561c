"""`FieldSetter` returns the bytes that a document has after its decoded form was changed."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.bson.values import MISSING
from secantus_server.pipeline._fields import FieldSetter

VALUES: list[Any] = [1, "text", None, [], [{"b": 1}], {}, {"b": 2}, {"a": 1, "b": {"c": 1}, "d": 2}, {"b": [1], "c": 3}]
NAMES = ["a", "b", "c", "ab", ""]


def changed(document: Any, names: list[str], value: Any) -> dict[str, Any]:
    """Return a document with a value at a path. The field keeps its place, or is appended."""
    new = dict(document) if type(document) is dict else {}
    new[names[0]] = value if len(names) == 1 else changed(new.get(names[0]), names[1:], value)
    return {name: item for name, item in new.items() if item is not MISSING}


@pytest.mark.parametrize("path", ["a", "ab", "a.b", "a.b.c", "missing", "missing.a"])
def test_a_field_is_set_as_in_the_decoded_document(path: str) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    setter = FieldSetter(path)
    for _ in range(200):
        document = {name: random.choice(VALUES) for name in random.sample(NAMES, random.randrange(len(NAMES) + 1))}
        value = random.choice([*VALUES, MISSING])
        assert setter.set(encode(document), value) == encode(changed(document, path.split("."), value)), (document, value)
