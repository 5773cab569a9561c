"""Authentication conversations with every kind of error: out of order, repeated, truncated, of another connection, with replayed nonces.

The environment variable `SECANTUS_LOGIN_FUZZ` sets their number.
"""

from __future__ import annotations

import gc
import os
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from bson.binary import Binary

from secantus_server.auth.conversation import Conversation
from secantus_server.auth.throttle import FREE_FAILURES
from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import ScramClient, go_on, log_in_raw
from tests.commands.auth.with_access import PASSWORD
from tests.memory import resident_mib
from tests.net.raw_client import RawClient, connected

NUMBER = int(os.environ.get("SECANTUS_LOGIN_FUZZ", "400"))
CONNECTIONS = 4


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as running:
        with connected(running) as client:
            client.run({"createUser": "root", "pwd": PASSWORD, "roles": ["root"], "$db": "admin"})
            log_in_raw(client, "root", PASSWORD)
            client.run({"createUser": "old", "pwd": PASSWORD, "roles": [], "mechanisms": ["SCRAM-SHA-256"], "$db": "admin"})
        yield running


def is_in(client: RawClient) -> bool:
    """Return whether a connection has authenticated."""
    status = client.run({"connectionStatus": 1, "$db": "admin"})["authInfo"]["authenticatedUsers"]
    reads = client.run({"find": "c", "$db": "test"})
    assert bool(status) == bool(reads["ok"])
    return bool(status)


def test_both_forms_of_the_end(server: SecantusDBServer) -> None:
    with connected(server) as client:
        scram = ScramClient("root", PASSWORD)
        first = client.run(scram.start())
        last = client.run(go_on(scram.final(first["payload"])))
        assert (last["ok"], last["done"]) == (1, False)
        assert not is_in(client)
        assert client.run(go_on(b""))["done"]
        assert is_in(client)
        client.run({"logout": 1, "$db": "test"})
        assert is_in(client)
        client.run({"logout": 1, "$db": "admin"})
        assert not is_in(client)


def test_a_speculative_start(server: SecantusDBServer) -> None:
    with connected(server) as client:
        scram = ScramClient("root", PASSWORD)
        start = scram.start(skipEmptyExchange=True)
        hello = client.run({"hello": 1, "speculativeAuthenticate": {**start, "db": "admin"}, "$db": "admin"})
        assert not is_in(client)
        assert client.run(go_on(scram.final(hello["speculativeAuthenticate"]["payload"])))["done"]
        assert is_in(client)


@pytest.mark.parametrize(
    "start",
    [
        {"saslStart": 1, "mechanism": "SCRAM-SHA-1", "payload": Binary(b"n,,n=old,r=x"), "db": "admin"},
        {"saslStart": 1, "mechanism": "SCRAM-SHA-1", "payload": 1, "db": "admin"},
        {"saslStart": 1, "mechanism": "UNKNOWN", "payload": Binary(b""), "db": "admin"},
        {"saslStart": 1, "mechanism": "SCRAM-SHA-1", "payload": Binary(b""), "db": 1},
        {"saslStart": 1},
        {},
    ],
    ids=str,
)
def test_a_speculative_start_that_fails_is_left_out(server: SecantusDBServer, start: dict[str, Any]) -> None:
    with connected(server) as client:
        hello = client.run({"hello": 1, "speculativeAuthenticate": start, "$db": "admin"})
        assert hello["ok"] == 1
        assert "speculativeAuthenticate" not in hello


def test_an_unknown_user_is_answered_like_a_known_one(server: SecantusDBServer) -> None:
    answers = []
    with connected(server) as client:
        for name in ("nobody", "nobody", "somebody", "old"):
            scram = ScramClient(name, PASSWORD)
            first = client.run(scram.start())
            nonce, salt, count = first["payload"].decode().split(",")
            assert (first["conversationId"], first["done"], count) == (1, False, "i=10000")
            assert nonce.startswith(f"r={scram.nonce}")
            answers.append(salt)
            last = client.run(go_on(scram.final(first["payload"])))
            assert (last["code"], last["errmsg"]) == (18, "Authentication failed.")
    # A user's salt does not change between logins.
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3


def test_hello_does_not_tell_who_exists(server: SecantusDBServer) -> None:
    expected = {"admin.root": ["SCRAM-SHA-1", "SCRAM-SHA-256"], "admin.nobody": ["SCRAM-SHA-1", "SCRAM-SHA-256"], "$external.CN=nobody": []}
    with connected(server) as client:
        for user, mechanisms in expected.items():
            assert client.run({"hello": 1, "saslSupportedMechs": user, "$db": "admin"})["saslSupportedMechs"] == mechanisms


def test_a_user_who_is_dropped_during_the_login(server: SecantusDBServer) -> None:
    with connected(server) as admin, connected(server) as client:
        log_in_raw(admin, "root", PASSWORD)
        for change in ({"dropUser": "brief"}, {"updateUser": "brief", "pwd": "other"}):
            admin.run({"createUser": "brief", "pwd": PASSWORD, "roles": [], "$db": "admin"})
            scram = ScramClient("brief", PASSWORD)
            proof = scram.final(client.run(scram.start())["payload"])
            assert client.run(go_on(proof))["ok"] == 1
            admin.run({**change, "$db": "admin"})
            assert client.run(go_on(b""))["code"] == 18
            assert not is_in(client)
            admin.run({"dropUser": "brief", "$db": "admin"})


def test_after_many_failures_a_user_is_refused() -> None:
    # The delay is longer than the time that any login waits, so that this test does not wait either.
    delayed = SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True, login_delay_ms=60_000)
    with delayed as server, connected(server) as client:
        client.run({"createUser": "root", "pwd": PASSWORD, "roles": ["root"], "$db": "admin"})
        log_in_raw(client, "root", PASSWORD)
        client.run({"createUser": "other", "pwd": PASSWORD, "roles": [], "$db": "admin"})
        client.run({"logout": 1, "$db": "admin"})
        for password in [*["wrong"] * FREE_FAILURES, PASSWORD]:
            scram = ScramClient("root", password)
            first = client.run(scram.start())
            assert client.run(go_on(scram.final(first["payload"])))["code"] == 18
        assert not is_in(client)
        # A login of another user from the same address is not delayed.
        scram = ScramClient("other", PASSWORD)
        first = client.run(scram.start(skipEmptyExchange=True))
        assert client.run(go_on(scram.final(first["payload"])))["done"]


def test_what_a_stranger_makes_up_is_not_kept(server: SecantusDBServer) -> None:
    with connected(server) as client:
        for number in range(20):
            assert client.run({"ping": f"name{number}", "$db": f"db{number}"})["ok"] == 1
        assert client.run(ScramClient("x" * 40_000, "").start())["code"] == 18
        clients = server.services.connections.all()
        assert not any(one.usage.rows for one in clients if not one.users)


class Attacker:
    """An attacker who sends incorrect conversations on several connections.

    The attacker knows the messages of other clients' successful logins, but no password.

    Arguments:
        seed: the seed of the attacker's choices.
    """

    def __init__(self, server: SecantusDBServer, seed: int) -> None:
        self.random = random.Random(seed)
        self.clients = [RawClient(server) for _ in range(CONNECTIONS)]
        self.victim = RawClient(server)
        # The messages of the last successful login of the victim.
        self.heard: list[dict[str, Any]] = []
        self.proof = b""

    def listen(self) -> None:
        """Overhear a successful login."""
        scram = ScramClient("root", PASSWORD)
        start = scram.start(skipEmptyExchange=True)
        final = go_on(scram.final(self.victim.run(start)["payload"]))
        assert self.victim.run(final)["done"]
        self.victim.run({"logout": 1, "$db": "admin"})
        self.heard, self.proof = [start, final], final["payload"]

    def run(self) -> None:
        """Run one conversation, and check that no connection has authenticated."""
        wrongs: list[Callable[[RawClient], None]] = [
            self.replays, self.guesses, self.truncates, self.changes_a_byte, self.skips_the_start, self.swaps_connections,
            self.repeats_the_start, self.sends_bytes, self.names_another_conversation, self.ends_too_early, self.replays_the_nonce,
        ]  # fmt: skip
        client = self.random.choice(self.clients)
        for wrong in self.random.choices(wrongs, k=self.random.randint(1, 3)):
            wrong(client)
        assert not is_in(client)

    def replays(self, client: RawClient) -> None:
        for message in self.random.choices(self.heard, k=self.random.randint(1, 4)):
            client.run(message)

    def guesses(self, client: RawClient) -> None:
        user = self.random.choice(["root", "nobody", "old", "ro=2Cot", "", "=", "root\0", "é"])
        scram = ScramClient(user, self.random.choice(["", "wrong", "correct  horse"]))
        first = client.run(scram.start(**self.random.choice([{}, {"skipEmptyExchange": True}])))
        if first["ok"]:
            client.run(go_on(scram.final(first["payload"])))
        client.run(go_on(b""))

    def begun(self, client: RawClient) -> tuple[ScramClient, bytes]:
        scram = ScramClient("root", "wrong")
        return scram, client.run(scram.start())["payload"]

    def truncates(self, client: RawClient) -> None:
        scram, first = self.begun(client)
        final = scram.final(first)
        client.run(go_on(final[: self.random.randrange(len(final))]))
        client.run(go_on(b""))

    def changes_a_byte(self, client: RawClient) -> None:
        scram, first = self.begun(client)
        final = bytearray(scram.final(first).encode())
        final[self.random.randrange(len(final))] = self.random.randrange(256)
        client.run(go_on(bytes(final)))
        client.run(go_on(b""))

    def skips_the_start(self, client: RawClient) -> None:
        client.run(go_on(self.random.choice([b"", self.proof, b"v=", b"p="])))

    def swaps_connections(self, client: RawClient) -> None:
        scram, first = self.begun(client)
        other = self.random.choice([one for one in self.clients if one is not client])
        other.run(go_on(scram.final(first)))
        client.run(go_on(self.proof))
        other.run(go_on(b""))
        assert not is_in(other)

    def repeats_the_start(self, client: RawClient) -> None:
        scram, first = self.begun(client)
        self.begun(client)
        client.run(go_on(scram.final(first)))
        client.run(go_on(b""))

    def sends_bytes(self, client: RawClient) -> None:
        self.begun(client)
        pieces = [b"c=biws", b"r=", b"p=", b"n,,", b",", b"=", b64encode(bytes(20)), b"\xff", b"v=", b"e=other-error"]
        client.run(go_on(b",".join(self.random.choices(pieces, k=self.random.randint(0, 6)))))
        client.run(go_on(b""))

    def names_another_conversation(self, client: RawClient) -> None:
        scram, first = self.begun(client)
        wrong = self.random.choice([0, 2, -1, 1.5, "1", None, True])
        client.run(go_on(scram.final(first), wrong))
        client.run(go_on(scram.final(first), db=self.random.choice(["test", "admin"])))
        client.run(go_on(b"", wrong))

    def ends_too_early(self, client: RawClient) -> None:
        self.begun(client)
        client.run(go_on(b""))
        client.run(go_on(b""))

    def replays_the_nonce(self, client: RawClient) -> None:
        heard = self.heard[0]["payload"].decode().partition("r=")[2]
        scram = ScramClient("root", "wrong", heard)
        client.run(scram.start(skipEmptyExchange=True))
        client.run(go_on(self.proof))

    def close(self) -> None:
        for client in (*self.clients, self.victim):
            client.close()


def conversations() -> int:
    """Return the number of conversations in this process's memory."""
    gc.collect()
    # Not isinstance, which fails for a weak reference whose object was deleted.
    return sum(type(one) is Conversation for one in gc.get_objects())


def test_nobody_gets_in(server: SecantusDBServer) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}, {NUMBER} conversations")
    before = conversations()
    memory = 0.0
    with ExitStack() as stack:
        attacker = Attacker(server, seed)
        stack.callback(attacker.close)
        for number in range(NUMBER):
            if number % 50 == 0:
                attacker.listen()
            if number == NUMBER // 4:
                memory = resident_mib()
            attacker.run()
        # At most one conversation is in progress on each connection.
        assert conversations() - before <= CONNECTIONS + 1
    # `conversations` has collected garbage. The store's cache grows by a few MiB, whatever the number of conversations.
    grown = resident_mib() - memory
    print(f"memory grew by {grown:.1f} MiB after the first quarter")
    assert grown < 12
    with connected(server) as client:
        log_in_raw(client, "root", PASSWORD)
        assert is_in(client)
