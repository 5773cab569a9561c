"""Tests that single documents are linearizable registers.

A search by Wing, Gong and Lowe looks for an order of the calls that explains their results.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any, NamedTuple

from pymongo import ReturnDocument
from pymongo.read_concern import ReadConcern

from tests.integration.test_concurrency import together
from tests.isolation.transactions import Documents

REGISTERS, CLIENTS, ROUNDS = 30, 6, 6


class Call(NamedTuple):
    """A call to a register. It writes `new` if the register contains `old` (or any value, if `old` is None). If `new` is None, it reads
    `old`.
    """

    began: int
    ended: int
    old: int | None
    new: int | None
    done: bool = True


def linearizable(calls: list[Call], initial: int) -> bool:
    """Return whether an order of the calls that is compatible with their times explains their results."""
    seen: set[tuple[frozenset[int], int]] = set()
    states = [(frozenset(range(len(calls))), initial)]
    while states:
        left, value = states.pop()
        if not left:
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        first_end = min(calls[number].ended for number in left)
        for number in left:
            call = calls[number]
            if call.began <= first_end and call.done == (call.old is None or call.old == value):
                states.append((left - {number}, value if call.new is None or not call.done else call.new))
    return False


def test_the_search_is_awake() -> None:
    write, later = Call(0, 5, None, 1), Call(6, 7, None, 2)
    assert linearizable([write, later, Call(1, 9, 1, None), Call(8, 9, 2, None)], 0)
    assert not linearizable([write, later, Call(8, 9, 1, None)], 0)
    assert not linearizable([Call(0, 3, 0, 1), Call(1, 4, 0, 2)], 0), "both replaced the same value"
    assert linearizable([Call(0, 3, 0, 1), Call(1, 4, 0, 2, done=False)], 0)


def test_single_documents_are_linearizable(collection: Documents, chance: random.Random) -> None:
    collection.insert_many([{"_id": number, "n": 0} for number in range(REGISTERS)])
    reader = collection.with_options(read_concern=ReadConcern("linearizable"))
    calls: list[list[Call]] = [[] for _ in range(REGISTERS)]
    seeds = [chance.getrandbits(32) for _ in range(CLIENTS)]
    barrier = threading.Barrier(CLIENTS)

    def one(register: int, own: random.Random) -> Call:
        way, old, new = own.randrange(4), own.randrange(4), own.randrange(4)
        found: Any
        began = time.monotonic_ns()
        if way == 0:
            found = own.choice([collection, reader]).find_one({"_id": register})
            return Call(began, time.monotonic_ns(), found["n"], None)
        if way == 1:
            collection.update_one({"_id": register}, {"$set": {"n": new}})
            return Call(began, time.monotonic_ns(), None, new)
        if way == 2:
            done = collection.update_one({"_id": register, "n": old}, {"$set": {"n": new}}).matched_count == 1
            return Call(began, time.monotonic_ns(), old, new, done)
        found = collection.find_one_and_update({"_id": register}, {"$set": {"n": new}}, return_document=ReturnDocument.BEFORE)
        return Call(began, time.monotonic_ns(), found["n"], new)

    def work(number: int) -> None:
        own = random.Random(seeds[number])
        for register in range(REGISTERS):
            barrier.wait(30)
            calls[register] += [one(register, own) for _ in range(ROUNDS)]

    together(work, threads=CLIENTS)
    assert [register for register in range(REGISTERS) if not linearizable(calls[register], 0)] == []
