"""A connection of the command fuzzer, which checks every reply and records the faults."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections import Counter
from typing import Any

from secantus_server.bson import decode, encode, validate
from secantus_server.errors import CommandError
from tests.integration.daemon import Daemon
from tests.wire.messages import op_msg

WATCHDOG_S = 8.0


class Session:
    """A connection, with the problems found so far; one example is kept of each kind of problem."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.answers: Counter[str] = Counter()
        self.wrong: dict[str, str] = {}
        self.seed = 0
        self.slowest = 0.0
        self.connect()

    def connect(self) -> None:
        """Open the connection."""
        self.socket = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=WATCHDOG_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def blame(self, rule: str, *what: Any) -> None:
        """Record the violation of a rule. Internal errors that differ only in numbers and names are of the same kind."""
        text = " | ".join(map(repr, what))
        sort = re.sub(r"[\d.]+|'[^']*'", "#", f"{rule} {text[:100]}") if rule.startswith("mistake") else rule
        self.answers["wrong"] += 1
        kept = self.wrong.get(sort)
        line = f"seed {self.seed}: {rule}: {text}"
        # Keep the shortest example, because it is the easiest to understand.
        if kept is None or len(line) < len(kept):
            self.wrong[sort] = line

    def run(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """Send a command and check the reply. Return the reply, or None if the command cannot be sent or is not answered."""
        try:
            data = op_msg(b"\0" + encode(command if "$db" in command else {**command, "$db": "fuzz"}))
        except (CommandError, RecursionError, OverflowError, ValueError):
            self.answers["unsent"] += 1
            return None
        before = time.monotonic()
        try:
            self.socket.sendall(data)
            reply = self._receive()
        except (OSError, EOFError) as error:
            self.blame(f"no answer: {type(error).__name__} {next(iter(command))}", command)
            self.close()
            self.connect()
            return None
        self.slowest = max(self.slowest, time.monotonic() - before)
        self._judge(command, reply)
        return reply

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _receive(self) -> dict[str, Any]:
        start = self._read(16)
        data = self._read(struct.unpack_from("<i", start)[0] - 16)[5:]
        validate(data)
        return decode(data)

    def _judge(self, command: dict[str, Any], reply: dict[str, Any]) -> None:
        self.answers["done" if reply.get("ok") else "error"] += 1
        errors = [reply] if not reply.get("ok") else [*reply.get("writeErrors", [])]
        for error in errors:
            if "Internal error in command" in error.get("errmsg", ""):
                self.blame(f"mistake {error['errmsg']}", command)
            if type(error.get("code")) is not int or not error.get("errmsg") or (error is reply and not error.get("codeName")):
                self.blame("an error without code, name or text", reply, command)

    def documents(self, body: dict[str, Any], **options: Any) -> list[bytes] | None:
        """Return all documents of a find or an aggregation; None if it fails or returns more than one batch."""
        if "aggregate" in body:
            reply = self.run({**body, "cursor": {"batchSize": 10_000}, **options})
        else:
            reply = self.run({**body, "batchSize": 10_000, **options})
        if reply is None or not reply.get("ok"):
            return None
        if reply["cursor"]["id"]:
            self.run({"killCursors": reply["cursor"]["ns"].partition(".")[2], "cursors": [reply["cursor"]["id"]]})
            return None
        return [encode(document) for document in reply["cursor"]["firstBatch"]]
