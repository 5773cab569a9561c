"""The statements that a client sends to a daemon with a failing call, and the check of the store afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from bson import Binary, Int64

from tests.net.raw_client import RawClient

Document = dict[str, Any]
#: The possible contents of each document, by _id; None if the document may be absent.
Possible = dict[int, list[Any]]

DATABASE: Final = "failing"
SEEDED: Final = 150
_WIDE: Final = "x" * 1500


def seed(connection: RawClient) -> None:
    """Fill an empty store with test data."""
    for command in (
        {"insert": "seed", "documents": [{"_id": n, "n": n % 10, "v": 0, "text": _WIDE} for n in range(SEEDED)]},
        {"createIndexes": "seed", "indexes": [{"key": {"n": 1}, "name": "n_1"}]},
    ):
        reply = connection.run({**command, "$db": DATABASE})
        assert reply["ok"], reply


class Statements:
    """The statements of one client, and the contents that they may have written.

    Arguments:
        seeded: whether the store was filled by `seed`.
        has_failed: returns whether the call has failed.
    """

    def __init__(self, *, seeded: bool, has_failed: Callable[[], bool]) -> None:
        self.problems: list[str] = []
        self.acknowledged = self.refused = 0
        # The number of acknowledged statements that began after the failure.
        self.late = 0
        self._has_failed = has_failed
        self._possible: dict[str, Possible] = {"c": {}, "other": {}, "seed": {n: [0] for n in range(SEEDED if seeded else 0)}}
        self._pairs: list[tuple[int, int]] = []
        self._dropped = [False]
        self._seeded = seeded
        self._transactions = 0
        self._is_open = True

    def run(self, connection: RawClient) -> None:
        """Run all statements. Stop when the connection breaks."""
        self._read(connection)
        for n in range(4):
            self._write(connection, {"insert": "c", "documents": [{"_id": n, "v": n}]}, {n: n})
        self._write(connection, {"insert": "c", "documents": [{"_id": 4, "v": 4, "text": "y" * 200_000}]}, {4: 4})
        self._write(connection, {"createIndexes": "c", "indexes": [{"key": {"v": 1}, "name": "v_1"}]}, {})
        for n in (0, 40, 140) if self._seeded else ():
            self._write(connection, {"update": "seed", "updates": [{"q": {"_id": n}, "u": {"$inc": {"v": 1}}}]}, {n: 1})
        self._write(connection, {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]}, {1: None})
        self._ask(connection, {"fsync": 1, "$db": "admin"})
        self._commit(connection, 10, 11)
        self._write(connection, {"insert": "other", "documents": [{"_id": 1, "v": 1}]}, {1: 1})
        if self._ask(connection, {"drop": "other", "$db": DATABASE}) is not None:
            self._dropped = [True]
            self._possible["other"] = {}
        else:
            self._dropped = [False, True]
        self._write(connection, {"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$set": {"v": 7}}}]}, {2: 7})
        self._ask(connection, {"fsync": 1, "$db": "admin"})
        self._commit(connection, 12, 13)
        self._read(connection)
        self._ask(connection, {"validate": "c", "$db": DATABASE})
        self._write(connection, {"insert": "c", "documents": [{"_id": 20, "v": 20}]}, {20: 20})

    def _ask(self, connection: RawClient, command: Document, *, writes: bool = True) -> Document | None:
        """Send a command, and return the reply if the command succeeded, otherwise None."""
        had_failed = self._has_failed()
        if not self._is_open:
            return None
        try:
            reply = connection.run(command)
        except (EOFError, ConnectionError):
            self._is_open = False
            return None
        except TimeoutError:
            self._is_open = False
            self.problems.append(f"no reply to {next(iter(command))}")
            return None
        if not reply["ok"] or {"writeErrors", "writeConcernError"} & reply.keys():
            self.refused += 1
            self._check_text(str(reply))
            return None
        self.acknowledged += 1
        self.late += had_failed and writes
        return reply

    def _check_text(self, text: str) -> None:
        if "Internal error" in text:
            self.problems.append(text)

    def _write(self, connection: RawClient, command: Document, after: dict[int, Any]) -> None:
        """Run a command that changes the contents of documents."""
        name = next(iter(command.values()))
        is_done = self._ask(connection, {**command, "writeConcern": {"w": 1, "j": True}, "$db": DATABASE}) is not None
        self._note(name, after, is_done=is_done)

    def _note(self, name: str, after: dict[int, Any], *, is_done: bool) -> None:
        for identity, value in after.items():
            self._possible[name][identity] = [value] if is_done else [*self._possible[name].get(identity, [None]), value]

    def _commit(self, connection: RawClient, first: int, second: int) -> None:
        """Insert two documents in one transaction."""
        self._transactions += 1
        session = {"id": Binary(uuid.UUID(int=self._transactions, version=4).bytes, 4)}
        common = {"lsid": session, "txnNumber": Int64(1), "autocommit": False}
        for number, identity in enumerate((first, second)):
            insert = {"insert": "c", "documents": [{"_id": identity, "v": identity}], **common, "$db": DATABASE}
            if self._ask(connection, {**insert, **({} if number else {"startTransaction": True})}, writes=False) is None:
                return
        commit = {"commitTransaction": 1, **common, "$db": "admin", "writeConcern": {"w": 1, "j": True}}
        is_done = self._ask(connection, commit) is not None
        self._note("c", {first: first, second: second}, is_done=is_done)
        self._pairs.append((first, second))

    def _read(self, connection: RawClient) -> None:
        """Read all documents, and check that the results are correct."""
        for name, hint in (("seed", {"$natural": 1}), ("seed", {"n": 1}), ("c", {"_id": 1})):
            if hint == {"n": 1} and not self._seeded:
                continue
            command = {"find": name, "hint": hint, "batchSize": 100_000, "$db": DATABASE}
            if (reply := self._ask(connection, command, writes=False)) is not None:
                self._compare(name, reply["cursor"]["firstBatch"], f"read by {hint}")

    def _compare(self, name: str, documents: list[Document], when: str) -> None:
        found = {one["_id"]: one["v"] for one in documents}
        if len(found) != len(documents):
            self.problems.append(f"{when}: {name} contains a document twice")
        possible = self._possible[name]
        wrong = {key: found.get(key) for key in {*found, *possible} if found.get(key) not in possible.get(key, [None])}
        if wrong:
            self.problems.append(f"{when}: {name} contains {wrong}, possible {[possible.get(key) for key in wrong]}")

    def verify(self, connection: RawClient) -> None:
        """Check that a reopened store is consistent and contains the acknowledged writes."""
        names = {one["name"] for one in self._must(connection, {"listCollections": 1})["cursor"]["firstBatch"]}
        if ("other" not in names) not in self._dropped and self._possible["other"].get(1) == [1]:
            self.problems.append("the collection other is gone")
        for name in sorted(names & set(self._possible)):
            self._compare(name, self._must(connection, {"find": name, "batchSize": 100_000})["cursor"]["firstBatch"], "afterwards")
            report = self._must(connection, {"validate": name, "full": True})
            if not report["valid"] or report.get("warnings"):
                self.problems.append(f"validate says {report}")
        for name in set(self._possible) - names:
            self._compare(name, [], "afterwards")
        kept = {one["_id"] for one in self._must(connection, {"find": "c", "batchSize": 100_000})["cursor"]["firstBatch"]}
        self.problems += [f"half of the transaction {pair} is there" for pair in self._pairs if len(kept & {*pair}) == 1]

    def _must(self, connection: RawClient, command: Document) -> Document:
        reply = connection.run({**command, "$db": DATABASE})
        if not reply["ok"]:
            self.problems.append(f"afterwards: {reply}")
            return {"cursor": {"firstBatch": []}, "valid": True}
        return reply
