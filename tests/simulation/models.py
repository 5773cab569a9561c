"""The operations of simulated clients, with invariants that every order of steps must satisfy: a bank, a counter, and a growing set."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from tests.simulation.client import Client, Document, Failed, Lost
from tests.simulation.lists import EXPECTED

DB = "models"
ACCOUNTS, EACH = 6, 100


def in_transaction(client: Client, body: Any) -> bool | None:
    """Run a function in a transaction once. Return whether the transaction was committed, or None if that is unknown.

    If the function returns False, abort the transaction.
    """
    client.begin()
    try:
        regrets = body() is False
    except (Lost, Failed) as error:
        client.abort()
        if isinstance(error, Failed) and error.code not in EXPECTED:
            raise
        return False
    if regrets:
        client.abort()
        return False
    try:
        return client.commit()
    except Failed as failed:
        if failed.code not in EXPECTED:
            raise
        return None


class Bank:
    """A bank, in which transactions move money between accounts. Every transaction that adds up the accounts must find the same sum."""

    def prepare(self, client: Client) -> None:
        """Create the accounts."""
        client.command(DB, {"insert": "bank", "documents": [{"_id": number, "n": EACH} for number in range(ACCOUNTS)]})

    def one(self, client: Client) -> None:
        """Move money between accounts, or check the sum of all accounts."""
        if client.chance.random() < 0.5:
            in_transaction(client, lambda: self._transfer(client))
        else:
            found: list[int] = []
            if in_transaction(client, lambda: found.extend(self._sums(client))):
                assert set(found) == {ACCOUNTS * EACH}, f"the sums are {found}"

    def _transfer(self, client: Client) -> bool:
        source, target = client.chance.sample(range(ACCOUNTS), 2)
        amount = client.chance.randrange(1, 40)
        (found,) = client.all(DB, {"find": "bank", "filter": {"_id": source}})
        if found["n"] < amount:
            return False
        client.inside(DB, {"update": "bank", "updates": [{"q": {"_id": source}, "u": {"$inc": {"n": -amount}}}]})
        if client.chance.random() < 0.1:
            return False
        client.inside(DB, {"update": "bank", "updates": [{"q": {"_id": target}, "u": {"$inc": {"n": amount}}}]})
        return client.chance.random() > 0.1

    def _sums(self, client: Client) -> list[int]:
        whole = sum(one["n"] for one in client.all(DB, {"find": "bank", "batchSize": 2}, 2))
        group = {"$group": {"_id": None, "n": {"$sum": "$n"}}}
        (grouped,) = client.all(DB, {"aggregate": "bank", "pipeline": [group], "cursor": {}})
        return [whole, grouped["n"]]

    def check(self, client: Client) -> None:
        """Check the sum of all accounts at the end of the simulation."""
        accounts = client.all(DB, {"find": "bank"})
        assert sum(one["n"] for one in accounts) == ACCOUNTS * EACH, accounts
        assert min(one["n"] for one in accounts) >= 0, accounts


class Count:
    """A counter, in which each acknowledged increment must count exactly once, even if it was sent several times."""

    def __init__(self) -> None:
        self._sure = 0
        self._unsure = 0

    def prepare(self, client: Client) -> None:
        """Create the counter."""
        client.command(DB, {"insert": "counter", "documents": [{"_id": 0, "n": 0}]})

    def one(self, client: Client) -> None:
        """Increment the counter."""
        way = client.chance.randrange(3)
        if way == 0:
            self._statement(client)
            return
        done = in_transaction(client, lambda: self._read_and_write(client))
        self._sure += done is True
        self._unsure += done is None

    def _statement(self, client: Client) -> None:
        change = {"$inc": {"n": 1}}
        if client.chance.random() < 0.5:
            command: Document = {"update": "counter", "updates": [{"q": {"_id": 0}, "u": change}]}
        else:
            command = {"findAndModify": "counter", "query": {"_id": 0}, "update": change}
        try:
            client.retried(DB, command)
        except Failed as failed:
            if failed.code not in EXPECTED:
                raise
            self._unsure += 1
        else:
            self._sure += 1

    def _read_and_write(self, client: Client) -> bool:
        (found,) = client.all(DB, {"find": "counter", "filter": {"_id": 0}})
        client.inside(DB, {"update": "counter", "updates": [{"q": {"_id": 0}, "u": {"$set": {"n": found["n"] + 1}}}]})
        return client.chance.random() > 0.1

    def check(self, client: Client) -> None:
        """Check that the counter agrees with the number of acknowledged increments."""
        (found,) = client.all(DB, {"find": "counter"})
        assert self._sure <= found["n"] <= self._sure + self._unsure, f"{found}, acknowledged {self._sure}, unknown {self._unsure}"


class Set:
    """A set, in which each element of an acknowledged transaction must occur once. All readers must see it grow in the same order."""

    def __init__(self) -> None:
        self._next = 0
        self._sure: list[int] = []
        self._unsure: list[int] = []
        self._reads: list[set[int]] = []

    def prepare(self, client: Client) -> None:
        """Create the collections."""
        client.command(DB, {"createIndexes": "elements", "indexes": [{"key": {"element": 1}, "name": "element_1"}]})
        client.command(DB, {"create": "mirror"})

    def one(self, client: Client) -> None:
        """Add an element to the set, or read the set."""
        if client.chance.random() < 0.4:
            self._look(client)
            return
        self._next += 1
        element = self._next
        if client.chance.random() < 0.4:
            try:
                client.retried(DB, {"insert": "elements", "documents": [{"element": element, "alone": True}]})
                self._sure.append(element)
            except Failed as failed:
                if failed.code not in EXPECTED:
                    raise
                self._unsure.append(element)
            return
        done = in_transaction(client, lambda: self._add(client, element))
        if done is not False:
            (self._sure if done else self._unsure).append(element)

    def _add(self, client: Client, element: int) -> bool:
        client.inside(DB, {"insert": "elements", "documents": [{"element": element}]})
        change = {"$addToSet": {"elements": element}}
        client.inside(DB, {"update": "mirror", "updates": [{"q": {"_id": element % 3}, "u": change, "upsert": True}]})
        return client.chance.random() > 0.1

    def _look(self, client: Client) -> None:
        seen: list[set[int]] = []

        def body() -> None:
            found = client.all(DB, {"find": "elements", "batchSize": 5}, 5)
            mirrored = {element for one in client.all(DB, {"find": "mirror"}) for element in one["elements"]}
            torn = {one["element"] for one in found if not one.get("alone")} ^ mirrored
            assert not torn, f"a transaction is seen in part: {torn}"
            seen.append({one["element"] for one in found})

        if in_transaction(client, body):
            self._reads += seen

    def check(self, client: Client) -> None:
        """Compare the set with the acknowledged elements, and check that all reads are consistent with each other."""
        found = Counter(one["element"] for one in client.all(DB, {"find": "elements"}))
        assert max(found.values(), default=1) == 1, f"twice: {found.most_common(3)}"
        lost = set(self._sure) - found.keys()
        assert not lost, f"lost: {lost}"
        extra = found.keys() - set(self._sure) - set(self._unsure)
        assert not extra, f"not acknowledged: {extra}"
        ordered = sorted(self._reads, key=len)
        forks = [(one - other, other - one) for one, other in pairwise(ordered) if one - other]
        assert not forks, f"a fork: {forks[0]}"
