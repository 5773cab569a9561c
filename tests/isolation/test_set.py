"""Tests with a set: a value added by an acknowledged transaction occurs once, and a value added by an aborted transaction never occurs."""

from __future__ import annotations

import random
from collections import Counter

from pymongo.client_session import ClientSession

from tests.integration.test_concurrency import THREADS, together
from tests.isolation.transactions import Documents, maybe_regret, run_once

ROUNDS = 40


def test_each_acknowledged_element_is_there_once(collection: Documents, chance: random.Random) -> None:
    mirror = collection.database.mirror
    seeds = [chance.getrandbits(32) for _ in range(THREADS)]
    added: list[list[int]] = [[] for _ in range(THREADS)]
    torn: list[set[int]] = []

    def add(number: int) -> None:
        own = random.Random(seeds[number])
        for round_number in range(ROUNDS):
            element = number * 1000 + round_number

            def body(session: ClientSession, element: int = element) -> None:
                collection.insert_one({"element": element}, session=session)
                maybe_regret(own)
                # Most conflicts between clients are in one of these three documents.
                mirror.update_one({"_id": element % 3}, {"$addToSet": {"elements": element}}, upsert=True, session=session)
                maybe_regret(own)

            if run_once(collection, body):
                added[number].append(element)

            def look(session: ClientSession) -> None:
                one = {document["element"] for document in collection.find(batch_size=7, session=session)}
                other = {element for document in mirror.find(session=session) for element in document["elements"]}
                if one != other:
                    torn.append(one ^ other)

            run_once(collection, look)

    together(add)
    assert not torn
    expected = Counter(element for elements in added for element in elements)
    assert Counter(document["element"] for document in collection.find()) == expected
    assert Counter(element for document in mirror.find() for element in document["elements"]) == expected
    assert len(expected) > ROUNDS
