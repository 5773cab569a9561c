"""Random documents, and memory limits that are a small part of their size, for tests of stages that use the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from random import Random
from typing import Any

from bson import Decimal128, Int64, ObjectId
from pymongo.database import Database

from secantus_server.dispatch.memory_limits import PARAMETERS
from secantus_server.mql.limits import DEFAULT_BYTES

NAMES = {"sort", "group", "bucket_auto", "window", "hash_lookup"}


@contextmanager
def limited(db: Database, limit: int) -> Iterator[None]:
    """Set the memory limits of stages, but not those of accumulators."""
    names = [parameter for field, parameter in PARAMETERS.items() if field in NAMES]
    db.client.admin.command({"setParameter": 1, **dict.fromkeys(names, limit)})
    try:
        yield
    finally:
        db.client.admin.command({"setParameter": 1, **dict.fromkeys(names, DEFAULT_BYTES)})


def random_value(random: Random, depth: int = 0) -> Any:
    """Return a value of a random type. Many of them are equal, some only to values of other types."""
    number = random.randrange(6)
    choices = [
        lambda: number,
        lambda: Int64(number),
        lambda: float(number),
        lambda: Decimal128(str(number)),
        lambda: random.choice([float("nan"), float("inf"), -0.0, 0.1]),
        lambda: random.choice(["a", "A", "b", "á", "", "x" * 40]),
        lambda: None,
        lambda: random.random() < 0.5,
        lambda: datetime(2020, 1, 1 + number, tzinfo=timezone.utc),
        lambda: ObjectId(bytes([number]) * 12),
        lambda: bytes([number]),
    ]
    if depth < 2:
        choices += [
            lambda: [random_value(random, depth + 1) for _ in range(random.randrange(3))],
            lambda: {name: random_value(random, depth + 1) for name in random.sample("pqr", random.randrange(3))},
        ]
    return random.choice(choices)()


def random_documents(random: Random, count: int) -> list[dict[str, Any]]:
    """Return documents with the fields a, b, c, all of which may be missing, and a text of random length."""
    documents = []
    for number in range(count):
        document: dict[str, Any] = {"_id": number, "n": random.randrange(1000), "text": "t" * random.randrange(120)}
        # A sort does not accept arrays in more than one of its fields.
        document |= {name: random_value(random, 0 if name == "a" else 2) for name in "abc" if random.random() < 0.8}
        documents.append(document)
    return documents
