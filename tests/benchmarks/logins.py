"""The time of logins, for known and unknown users, and relative to the time of deriving a driver's key.

    python -m tests.benchmarks.logins [--tries N]

The first two lines are about secrecy: an attacker who measures how long a failing login takes must not learn whether the user exists.
Known and unknown users log in alternately in random order. The difference between their medians is compared with the noise. The noise is
the largest difference between the halves of 500 random divisions of the same times. If the difference exceeds it, the exit status is 1.

The remaining lines are about speed, as multiples of the time of PBKDF2 alone, which the protocol prescribes. "A login of pymongo" is the
processor time of client and server for a connection with a login, minus the time of a connection without one. It includes the driver's
own part of SCRAM, in Python. "A login of a raw client" is the time of PBKDF2 plus the time of the server's two replies.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import sys
import time
from typing import Any

from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import ScramClient, go_on
from tests.net.raw_client import RawClient, connected

PASSWORD = "correct horse"
# The names have the same length, which the client knows.
NAMES = {"known": "known", "unknown": "other"}
DIVISIONS = 500
LOGINS = 60


def failing_login_us(client: RawClient, user: str) -> float:
    """Log in with a wrong password. Return the microseconds that the server needed for both messages."""
    scram = ScramClient(user, "wrong")
    began = time.perf_counter()
    first = client.run(scram.start())
    start_s = time.perf_counter() - began
    final = go_on(scram.final(first["payload"]))
    began = time.perf_counter()
    reply = client.run(final)
    assert reply["code"] == 18, reply
    return (start_s + time.perf_counter() - began) * 1e6


def tried(server: SecantusDBServer, tries: int, seed: int) -> dict[str, list[float]]:
    """Make failing logins, and return their times in microseconds, by kind of user."""
    choices = random.Random(seed)
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    with connected(server) as client:
        for turn in range(tries + 100):
            for kind in choices.sample(["known", "unknown"], 2):
                taken = failing_login_us(client, NAMES[kind])
                if turn >= 100:  # the first tries warm the caches
                    times[kind].append(taken)
    return times


def noise_us(times: list[float], choices: random.Random) -> float:
    """Return the largest difference between the medians of two random halves of the times."""
    largest = 0.0
    for _ in range(DIVISIONS):
        choices.shuffle(times)
        half = len(times) // 2
        largest = max(largest, abs(statistics.median(times[:half]) - statistics.median(times[half:])))
    return largest


def login_ms(uri: str, **login: Any) -> float:
    """Return the time in milliseconds, measured in this process, from the creation of a client to its first reply."""
    began = time.process_time()
    with MongoClient[Any](uri, directConnection=True, serverMonitoringMode="poll", **login) as client:
        client.admin.command("ping")
        return (time.process_time() - began) * 1000


def derivation_ms(algorithm: str, iterations: int) -> float:
    """Return the time of PBKDF2 in milliseconds."""
    began = time.process_time()
    hashlib.pbkdf2_hmac(algorithm, PASSWORD.encode(), bytes(28), iterations)
    return (time.process_time() - began) * 1000


def login_ratio(server: SecantusDBServer, mechanism: str, algorithm: str, iterations: int) -> tuple[float, float]:
    """Return the time of PBKDF2 in milliseconds, and the time of a login as a multiple of it."""
    rounds = []
    for _ in range(LOGINS):
        plain = login_ms(server.uri)
        login = login_ms(server.uri, username="known", password=PASSWORD, authMechanism=mechanism)
        rounds.append((derivation_ms(algorithm, iterations), login - plain))
    derivation = statistics.median(one for one, _ in rounds)
    return derivation, statistics.median(login for _, login in rounds) / derivation


def replies_ms(server: SecantusDBServer, mechanism: str) -> float:
    """Return the milliseconds that a client waits for the two replies of a login, if it has already derived the salted password."""
    times = []
    with connected(server) as client:
        for _ in range(LOGINS * 5):
            scram = ScramClient("known", PASSWORD, mechanism=mechanism)
            began = time.perf_counter()
            first = client.run(scram.start(skipEmptyExchange=True))
            start_s = time.perf_counter() - began
            final = go_on(scram.final(first["payload"]))
            began = time.perf_counter()
            reply = client.run(final)
            times.append((start_s + time.perf_counter() - began) * 1000)
            assert reply["done"], reply
            client.run({"logout": 1, "$db": "admin"})
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=2000, help="failing logins of each kind of user (default: 2000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server:
        with MongoClient[Any](server.uri) as client:
            client.admin.command("createUser", "known", pwd=PASSWORD, roles=["root"])
        times = tried(server, given.tries, given.seed)
        known, unknown = statistics.median(times["known"]), statistics.median(times["unknown"])
        noise = noise_us(times["known"] + times["unknown"], random.Random(given.seed))
        print(f"{given.tries} failing logins each: known user {known:.1f} us, unknown {unknown:.1f} us")
        print(f"difference {abs(known - unknown):.1f} us, noise {noise:.1f} us")
        for mechanism, algorithm, iterations in (("SCRAM-SHA-256", "sha256", 15_000), ("SCRAM-SHA-1", "sha1", 10_000)):
            derivation, ratio = login_ratio(server, mechanism, algorithm, iterations)
            raw = 1 + replies_ms(server, mechanism) / derivation
            print(f"{mechanism}: PBKDF2 {derivation:.2f} ms, a login of pymongo {ratio:.2f} x, of a raw client {raw:.2f} x")
    return int(abs(known - unknown) > noise)


if __name__ == "__main__":
    sys.exit(main())
