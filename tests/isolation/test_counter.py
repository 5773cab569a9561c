"""Tests with a counter: each acknowledged increment counts once, as a single statement or as a read and a write in a transaction."""

from __future__ import annotations

import random

from pymongo.client_session import ClientSession

from tests.integration.test_concurrency import THREADS, together
from tests.isolation.transactions import Documents, maybe_regret, run, run_once

ROUNDS = 40


def value(counter: Documents, session: ClientSession | None = None) -> int:
    """Return the counter's value."""
    found = counter.find_one({"_id": "counter"}, session=session)
    assert found is not None
    number: int = found["n"]
    return number


def test_no_increment_is_lost(collection: Documents, chance: random.Random) -> None:
    collection.insert_one({"_id": "counter", "n": 0})
    seeds = [chance.getrandbits(32) for _ in range(THREADS)]
    acknowledged = [0] * THREADS
    decreased: list[str] = []

    def count(number: int) -> None:
        own = random.Random(seeds[number])

        def body(session: ClientSession) -> None:
            before = value(collection, session)
            maybe_regret(own)
            collection.update_one({"_id": "counter"}, {"$set": {"n": before + 1}}, session=session)
            assert value(collection, session) == before + 1
            maybe_regret(own)

        seen = 0
        for _ in range(ROUNDS):
            way = own.randrange(3)
            if way == 0:
                collection.update_one({"_id": "counter"}, {"$inc": {"n": 1}})
                acknowledged[number] += 1
            else:
                acknowledged[number] += (run if way == 1 else run_once)(collection, body)
            now = value(collection)
            if now < seen:
                decreased.append(f"{now} after {seen}")
            seen = now

    together(count)
    assert not decreased
    assert value(collection) == sum(acknowledged)
