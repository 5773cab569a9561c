"""A simulated client. It passes messages to the server's dispatcher, uses a session, and sometimes loses its connection."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import bson
from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.errors import CloseConnection
from secantus_server.wire.header import parse_header
from secantus_server.wire.messages import parse_message
from tests.simulation.node import Node
from tests.simulation.scheduler import Ended

Document = dict[str, Any]
OP_MSG = 2013
TRANSIENT, UNKNOWN_RESULT, RETRYABLE = "TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError"
MOST_RETRIES = 60


class Lost(Exception):
    """The error after a lost connection. Whether the command was executed is unknown."""


class Failed(Exception):
    """The error if the server's reply is an error."""

    def __init__(self, reply: Document) -> None:
        super().__init__(f"{reply.get('code')} {reply.get('errmsg')}")
        self.reply = reply
        self.code: int = reply.get("code", 0)
        self.labels: list[str] = reply.get("errorLabels", [])


class Client:
    """A simulated client with one session.

    Arguments:
        note: called with each message and each reply, to compute the hash of the history.
        loss: the probability that the connection breaks before or after a command.
    """

    def __init__(self, node: Node, seed: str, note: Callable[[bytes], None], loss: float = 0.0) -> None:
        self.node = node
        self.chance = random.Random(seed)
        self.loss = loss
        self._note = note
        self._connected_to: Any = None
        self._requests = 0
        self.lsid = self._new_lsid()
        self.number = 0
        self._starts = False
        self.in_transaction = False
        self.newest = (0, 0)

    def _new_lsid(self) -> Document:
        return {"id": Binary(self.chance.randbytes(16), 4)}

    def command(self, db: str, body: Document) -> Document:
        """Send a command and return the reply.

        Raises:
            Lost: the connection broke.
            Failed: the server returned an error.
        """
        data = self._message({**body, "$db": db})
        self._note(data)
        if self.chance.random() < self.loss / 2:
            raise Lost
        reply = self._send(data)
        if self.chance.random() < self.loss / 2:
            raise Lost
        self._look_at_times(reply)
        if not reply["ok"]:
            raise Failed(reply)
        return reply

    def _message(self, body: Document) -> bytes:
        self._requests += 1
        payload = b"\0\0\0\0\0" + bson.encode(body)
        return struct.pack("<iiii", 16 + len(payload), self._requests, 0, OP_MSG) + payload

    def _send(self, data: bytes) -> Document:
        scheduler, server = self.node.scheduler, self.node.server
        while server is None:
            scheduler.sleep(0.005)
            server = self.node.server
        if self._connected_to is not server:
            self._connection, self._transport = self.node.connect()
            self._connected_to = server
        task = scheduler.current
        assert task is not None
        task.process = server
        try:
            scheduler.point()
            self._connection.answer(parse_message(parse_header(data), data), len(data))
            scheduler.point()
        except (Ended, CloseConnection):
            self._connected_to = None
            self._note(b"lost")
            raise Lost from None
        finally:
            task.process = None
        (raw,), self._transport.replies = self._transport.replies, []
        self._note(raw)
        return bson.decode(raw[21:])

    def _look_at_times(self, reply: Document) -> None:
        """Assert that the operation time in replies never decreases, and is never later than the cluster time."""
        time = reply["operationTime"]
        now = (time.time, time.inc)
        known = reply["$clusterTime"]["clusterTime"]
        assert self.newest <= now, f"the operation time goes back from {self.newest} to {now}"
        assert now <= (known.time, known.inc), f"the operation time {now} is after the cluster time {known}"
        self.newest = now
        assert reply.get("code") != 1, f"an internal error: {reply}"

    # Retryable writes.

    def retried(self, db: str, body: Document) -> Document:
        """Send a retryable write, and repeat it with the same transaction number until the server replies. Return the reply.

        Raises:
            Failed: the server returned an error after which a driver does not retry.
        """
        self.number += 1
        return self.until_answered(db, {**body, "lsid": self.lsid, "txnNumber": Int64(self.number)})

    def until_answered(self, db: str, body: Document) -> Document:
        """Send a command, and repeat it until the server replies. Return the reply.

        Raises:
            Failed: the server returned an error after which a driver does not retry.
        """
        for _ in range(MOST_RETRIES):
            try:
                return self.command(db, body)
            except Lost:
                continue
            except Failed as failed:
                if RETRYABLE not in failed.labels:
                    raise
                self.node.scheduler.sleep(0.01)
        raise AssertionError(f"no answer to {body} after {MOST_RETRIES} tries")

    # Transactions.

    def begin(self) -> None:
        """Start a transaction."""
        self.number += 1
        self._starts = self.in_transaction = True

    def inside(self, db: str, body: Document) -> Document:
        """Run a statement in the open transaction, or outside a transaction if none is open. Return the reply.

        Raises:
            Lost: the connection broke.
            Failed: the server returned an error.
        """
        if not self.in_transaction:
            return self.command(db, {**body, "lsid": self.lsid})
        fields: Document = {"lsid": self.lsid, "txnNumber": Int64(self.number), "autocommit": False}
        if self._starts:
            fields["startTransaction"] = True
            fields["readConcern"] = {"level": self.chance.choice(["snapshot", "majority", "local"])}
            self._starts = False
        return self.command(db, {**body, **fields})

    def commit(self) -> bool | None:
        """Commit the transaction. Return whether it was committed, or None if this remains unknown.

        Raises:
            Failed: the server returned an error that is not transient.
        """
        if self._starts:
            self.in_transaction = self._starts = False
            return True
        try:
            for _ in range(MOST_RETRIES):
                try:
                    self.inside("admin", {"commitTransaction": 1})
                    return True
                except Lost:
                    continue
                except Failed as failed:
                    if TRANSIENT in failed.labels:
                        return False
                    if UNKNOWN_RESULT not in failed.labels and RETRYABLE not in failed.labels:
                        raise
                    self.node.scheduler.sleep(0.01)
            return None
        finally:
            self.in_transaction = False

    def abort(self) -> None:
        """Abort the transaction. Ignore the server's reply."""
        started, self._starts = not self._starts, False
        try:
            if started and self.in_transaction:
                self.inside("admin", {"abortTransaction": 1})
        except (Lost, Failed):
            return
        finally:
            self.in_transaction = False

    # Cursors.

    def all(self, db: str, body: Document, batch_size: int | None = None) -> list[Document]:
        """Run a command that opens a cursor, in the open transaction if there is one. Return all documents of the cursor.

        Raises:
            Lost: the connection broke.
            Failed: the server returned an error.
        """
        cursor = self.inside(db, body)["cursor"]
        found: list[Document] = list(cursor["firstBatch"])
        while cursor["id"]:
            more: Document = {"getMore": Int64(cursor["id"]), "collection": cursor["ns"].partition(".")[2]}
            if batch_size:
                more["batchSize"] = batch_size
            cursor = self.inside(db, more)["cursor"]
            found += cursor["nextBatch"]
        return found
