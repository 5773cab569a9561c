"""Tests with a bank: transactions move money between accounts, and every transaction that adds up the accounts must find the same sum."""

from __future__ import annotations

import random
import threading

from pymongo.client_session import ClientSession

from tests.integration.test_concurrency import together
from tests.isolation.transactions import Documents, Regret, maybe_regret, run

ACCOUNTS, EACH = 12, 100
TRANSFERS = 60


def transfer(accounts: Documents, chance: random.Random, session: ClientSession) -> None:
    """Move an amount from one account to another. Abort if the balance is too low, or sometimes after the first half."""
    source, target = chance.sample(range(ACCOUNTS), 2)
    amount = chance.randrange(1, 40)
    found = accounts.find_one({"_id": source}, session=session)
    assert found is not None
    if found["n"] < amount:
        raise Regret
    accounts.update_one({"_id": source}, {"$inc": {"n": -amount}}, session=session)
    maybe_regret(chance)
    accounts.update_one({"_id": target}, {"$inc": {"n": amount}}, session=session)
    maybe_regret(chance)


def sums(accounts: Documents, session: ClientSession) -> list[int]:
    """Return the sum of the accounts, computed in several ways. One cursor remains open during the remaining statements."""
    cursor = accounts.find(batch_size=2, session=session)
    first = next(cursor)["n"]
    whole = sum(account["n"] for account in accounts.find(session=session))
    (grouped,) = accounts.aggregate([{"$group": {"_id": None, "n": {"$sum": "$n"}}}], session=session)
    return [first + sum(account["n"] for account in cursor), whole, grouped["n"]]


def test_the_sum_is_constant(collection: Documents, chance: random.Random) -> None:
    collection.insert_many([{"_id": number, "n": EACH} for number in range(ACCOUNTS)])
    seeds = [chance.getrandbits(32) for _ in range(8)]
    found: list[list[int]] = []
    left = threading.Semaphore(0)

    def move(number: int) -> None:
        own = random.Random(seeds[number])
        for _ in range(TRANSFERS):
            run(collection, lambda session: transfer(collection, own, session))
        left.release()

    def add_up(_number: int) -> None:
        while not left.acquire(blocking=False):
            run(collection, lambda session: found.append(sums(collection, session)))
            (one,) = collection.aggregate([{"$group": {"_id": None, "n": {"$sum": "$n"}}}])
            found.append([one["n"]])

    together(move, add_up)
    assert {n for one in found for n in one} == {ACCOUNTS * EACH}
    assert len(found) > 8
    assert sum(account["n"] for account in collection.find()) == ACCOUNTS * EACH
    assert min(account["n"] for account in collection.find()) >= 0
