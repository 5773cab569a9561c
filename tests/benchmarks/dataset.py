"""The documents that every benchmark uses: 10,000 documents of about 160 bytes, identical in each run."""

from __future__ import annotations

import random
from typing import Any

COUNT = 10_000
CITIES = ("Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh", "Florence", "Geneva", "Helsinki")
TAGS = ("red", "green", "blue", "black", "white", "amber")


def document(number: int, random_source: random.Random) -> dict[str, Any]:
    """Return document `number`, with integers, a double, strings, a boolean, a short array and an embedded document."""
    return {
        "_id": number,
        "email": f"user{number:06d}@example.org",
        "rank": number,
        "age": random_source.randrange(18, 90),
        "score": random_source.random() * 100,
        "city": random_source.choice(CITIES),
        "active": random_source.random() < 0.5,
        "tags": random_source.sample(TAGS, 2),
        "at": {"x": random_source.randrange(100)},
    }


def documents(count: int = COUNT, start: int = 0) -> list[dict[str, Any]]:
    """Return `count` documents, numbered from `start`. Equal arguments result in equal documents."""
    random_source = random.Random(start)
    return [document(number, random_source) for number in range(start, start + count)]
