"""Random update documents, some of which change nested numbers, arrays and documents."""

from __future__ import annotations

import random
from typing import Any


def change(chance: random.Random) -> Any:
    """Return a random update document."""
    value = chance.randrange(1000)
    return chance.choice(
        [
            {"$set": {"x": value, "deep.er.y": value}},
            {"$set": {"new": value, "zz": 1, "aa": 2}, "$unset": {"x": 1}},
            {"$inc": {"n": 1, "deep.n": 1}},
            {"$push": {"tags": value, "objects": {"v": value, "w": [1]}}},
            {"$push": {"tags": {"$each": [value, 1], "$position": 0}}},
            {"$push": {"tags": {"$each": [value], "$slice": -3}}},
            {"$pop": {"tags": chance.choice([1, -1])}},
            {"$pull": {"objects": {"v": {"$gt": 500}}}},
            {"$set": {"objects.0.v": value, "tags.1": value}},
            {"$rename": {"new": "newer", "deep.n": "moved"}},
            {"$unset": {"deep.er": 1, "tags.0": 1}},
            {"$set": {"1": {"2": value}}},
            [{"$set": {"n": {"$add": [{"$ifNull": ["$n", 0]}, 1]}, "deep": {"z": "$n"}}}],
            [{"$replaceWith": {"_id": "$_id", "only": value}}],
            [{"$set": {"tags": {"$slice": [{"$ifNull": ["$tags", []]}, 1]}}}],
            [{"$set": {"dotted": {"$setField": {"field": "a.b", "input": {}, "value": value}}}}],
        ]
    )
