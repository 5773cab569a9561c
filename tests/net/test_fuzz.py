"""Fuzzing with hostile messages: each gets an error reply or a closed connection, and the server stays intact.

`SECANTUS_FUZZ_MESSAGES` is the number of messages, `SECANTUS_FUZZ_SEED` the seed.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from tests.integration.daemon import Daemon, running
from tests.memory import resident_mib
from tests.net.hostile import MAKERS, Maker, bomb
from tests.waiting import wait_until
from tests.wire.messages import command

# Replies return stored dates of any year, beyond those of datetime.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS, unicode_decode_error_handler="surrogateescape"
)

MESSAGES = int(os.environ.get("SECANTUS_FUZZ_MESSAGES") or 6_000)
BOMBS = 12
THREADS = 3
TIMEOUT_S = 20.0
MAX_GROWTH_MIB = 40
REPLY_CODES = {1: 36, 2012: None, 2013: 21}


def threads_of(daemon: Daemon) -> int:
    return sum(1 for _ in Path(f"/proc/{daemon.process.pid}/task").iterdir())


def answer_to(daemon: Daemon, data: bytes) -> bytes:
    """Send bytes and nothing more; return all bytes received until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=TIMEOUT_S) as sock:
        received = bytearray()
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(1 << 16):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            return bytes(received)
    return bytes(received)


def replies_in(received: bytes) -> list[dict[str, Any] | None]:
    """Return the replies after checking their headers; a compressed one is None."""
    replies: list[dict[str, Any] | None] = []
    while received:
        length, _, _, op_code = struct.unpack_from("<iiii", received)
        assert op_code in REPLY_CODES, received[:40]
        assert 16 < length <= len(received), received[:40]
        start = REPLY_CODES[op_code]
        replies.append(None if start is None else decoded(received[start:length]))
        received = received[length:]
    return replies


def decoded(document: bytes) -> dict[str, Any]:
    """Decode a reply. Stored text need not be valid UTF-8, but an error text must be, since every driver decodes it."""
    reply = bson.decode(document, CODEC)
    reply.get("errmsg", "").encode()
    return reply


def judge(received: bytes) -> str:
    """Return the kind of a reply."""
    replies = replies_in(received)
    if not replies:
        return "closed"
    reply = replies[0]
    if reply is None:
        return "compressed"
    assert "ok" in reply or not reply, reply
    if "Internal error in command" in reply.get("errmsg", ""):
        return f"mistake: {reply['errmsg']}"
    return "done" if reply.get("ok", 1) else "error"


class Fuzzer:
    """Sends messages from several threads and counts the kinds of replies.

    Threads: `lock` guards `answers` and `wrong`; each thread has its own random source.
    """

    def __init__(self, daemon: Daemon, seed: int) -> None:
        self.daemon = daemon
        self.seed = seed
        self.lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def send(self, chance: random.Random, maker: Maker) -> None:
        raw = maker(chance)
        try:
            answer = judge(answer_to(self.daemon, raw))
        except (AssertionError, TimeoutError, UnicodeEncodeError, struct.error, bson.errors.InvalidBSON) as error:
            answer = f"wrong: {type(error).__name__} {error}"
        with self.lock:
            self.answers[answer.split(":")[0]] += 1
            if answer.startswith(("wrong", "mistake")):
                self.wrong.append(f"{maker.__name__}: {answer}: {raw[:300].hex()}")

    def run(self, count: int, makers: list[Maker]) -> None:
        def work(number: int) -> None:
            chance = random.Random(f"{self.seed}/{number}/{count}")
            for turn in range(count // THREADS):
                self.send(chance, makers[turn % len(makers)])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def ping(daemon: Daemon) -> None:
    assert replies_in(answer_to(daemon, command({"ping": 1})))[0]["ok"] == 1  # type: ignore[index]


def distinct(wrong: list[str]) -> list[str]:
    """Return one line of each kind."""
    return list({" ".join(line.split(": ")[1:4]): line[:800] for line in wrong}.values())


def test_hostile_messages(record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("SECANTUS_FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
    with running() as daemon:
        ping(daemon)
        threads = threads_of(daemon)
        started = time.monotonic()
        fuzzer = Fuzzer(daemon, seed)
        fuzzer.run(MESSAGES // 4, MAKERS)
        fuzzer.run(BOMBS, [bomb])
        memory = resident_mib(daemon.process.pid)
        fuzzer.run(MESSAGES - MESSAGES // 4, MAKERS)
        fuzzer.run(BOMBS + THREADS, [bomb])
        took = time.monotonic() - started
        ping(daemon)
        wait_until(lambda: threads_of(daemon) <= threads, "threads are left over")
        growth = resident_mib(daemon.process.pid) - memory
        figures = f"{fuzzer.answers.total()} messages in {took:.0f} s: {dict(fuzzer.answers)}; memory {growth:+.1f} MiB (seed {seed})"
        code, complaint = daemon.stop()
    record_property("figures", figures)
    with capsys.disabled():
        print(f"\n  fuzz: {figures}")
    assert not fuzzer.wrong, "\n".join([f"seed {seed}", *distinct(fuzzer.wrong)])
    assert fuzzer.answers.total() >= MESSAGES - 2 * THREADS
    assert growth < MAX_GROWTH_MIB
    assert code == 0
    assert "Traceback" not in complaint
