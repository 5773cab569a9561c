"""Tests for the long fork anomaly: two reading transactions must not see independent writes in different orders."""

from __future__ import annotations

import random
import threading
from itertools import pairwise

from pymongo.client_session import ClientSession

from tests.integration.test_concurrency import THREADS, together
from tests.isolation.transactions import Documents, run

ROUNDS = 60


def forks(reads: list[set[int]]) -> list[tuple[set[int], set[int]]]:
    """Return the pairs of reads that form a long fork: each read of the pair contains a write that the other read lacks."""
    ordered = sorted(reads, key=len)
    return [(one, other) for one, other in pairwise(ordered) if one - other]


def test_forks_are_found() -> None:
    assert not forks([{1, 2}, {1}, set(), {1, 2, 3}])
    assert forks([{1}, {2}])
    assert forks([{1, 2}, {1, 2, 3, 4}, {1, 3}])


def test_writes_have_one_order(collection: Documents, chance: random.Random) -> None:
    reads: list[set[int]] = []
    left = threading.Semaphore(0)
    seeds = [chance.getrandbits(32) for _ in range(THREADS)]

    def write(number: int) -> None:
        for round_number in range(ROUNDS):
            element = number * 1000 + round_number
            if round_number % 2:
                collection.insert_one({"_id": element})
            else:
                run(collection, lambda session, element=element: collection.insert_one({"_id": element}, session=session))  # type: ignore[misc]
        left.release()

    def read(number: int) -> None:
        own = random.Random(seeds[number])

        def body(session: ClientSession) -> None:
            keys = sorted(document["_id"] for document in collection.find(session=session))
            # Reading the elements one by one, in another order, must return the same snapshot.
            asked = own.sample(range(0, THREADS * 1000, 1000), 3)
            for key in asked:
                assert (collection.find_one({"_id": key}, session=session) is not None) == (key in keys)
            reads.append(set(keys))

        while not left.acquire(blocking=False):
            run(collection, body)

    together(write, read)
    assert not forks(reads), forks(reads)[:1]
    assert len(reads) > THREADS
