"""The time per connection without access control and TLS, compared with an earlier build.

    python -m tests.benchmarks.connections --base "PYTHON -m secantus_server" [--rounds N]

PYTHON is an interpreter with the earlier build installed. Each round opens connections to both servers in alternating order. Each
connection sends hello and a ping, then closes. "raw" is a plain socket, and "pymongo" a client with its own monitoring.

The results are medians over the rounds: the elapsed time per connection on the client, and the processor time of the server, in
microseconds. A third row sends pings on one open connection, because the limits for unauthenticated clients must not slow it down either.

On a machine with other load, the noise exceeds one percent. There, count the instructions of a process that contains both the server and
the raw client:

    valgrind --tool=callgrind PYTHON tests/benchmarks/connections.py --inside 50

with each build, and again with 350 connections. The difference between the two numbers "Collected", divided by 300, is the number of
instructions per connection. To make this possible, the file imports nothing from this checkout.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import bson
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer

# With a process's id above it, Linux's number for the clock of its processor time, in nanoseconds; see clock_getcpuclockid(3).
_SCHEDULER_CLOCK = 2


def command(document: dict[str, Any]) -> bytes:
    """Return an OP_MSG message that contains a command."""
    body = struct.pack("<Ix", 0) + bson.encode({**document, "$db": "admin"})
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


_HELLO, _PING = command({"hello": 1, "helloOk": True}), command({"ping": 1})


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Provide a connected socket within the block."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield client


def send(client: socket.socket, message: bytes) -> None:
    """Send a message and receive the reply."""
    client.sendall(message)
    data = b""
    while len(data) < 16 or len(data) < int.from_bytes(data[:4], "little"):
        data += client.recv(1 << 16)


class Daemon(NamedTuple):
    """A running server: its port and process."""

    port: int
    pid: int

    def processor_us(self) -> float:
        """Return the processor time of the process so far."""
        return time.clock_gettime_ns(~self.pid << 3 | _SCHEDULER_CLOCK) / 1000


def raw(server: Daemon) -> None:
    """Open a connection, send hello and a ping, and close it."""
    with connected(server.port) as client:
        send(client, _HELLO)
        send(client, _PING)


def pymongo(server: Daemon) -> None:
    """Connect a pymongo client, which sends hello and a ping, and close it."""
    with MongoClient[Any]("127.0.0.1", server.port, directConnection=True, serverMonitoringMode="poll") as client:
        client.admin.command("ping")


def pings(server: Daemon) -> None:
    """Send many pings on one open connection."""
    with connected(server.port) as client:
        for _ in range(100):
            send(client, _PING)


#: Each measurement with the number of calls in a round.
MEASURED: dict[Callable[[Daemon], None], int] = {raw: 100, pymongo: 20, pings: 10}


def measure(call: Callable[[Daemon], None], server: Daemon, count: int) -> tuple[float, float]:
    """Return the time per call in microseconds: the median elapsed time, and the mean processor time of the server."""
    before, times = server.processor_us(), []
    for _ in range(count):
        began = time.perf_counter()
        call(server)
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times), (server.processor_us() - before) / count


def connect_inside(count: int) -> None:
    """Start a server in this process, and open connections to it."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        for _ in range(count):
            raw(Daemon(server.port, 0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--base", help="the command of the earlier build's daemon")
    what.add_argument("--inside", type=int, metavar="N", help="open N connections to a server in this process, and measure nothing")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    if given.inside is not None:
        connect_inside(given.inside)
        return 0
    from tests.benchmarks.daemons import OURS, daemon

    print(f"seed {given.seed}")
    choices = random.Random(given.seed)
    with ExitStack() as stack:
        started = [stack.enter_context(daemon(one)) for one in (given.base, OURS)]
        servers = [Daemon(port, process.pid) for port, process in started]
        for call, count in MEASURED.items():
            found: list[list[tuple[float, float]]] = [[], []]
            for number in range(given.rounds + 2):
                for which in choices.sample([0, 1], 2):
                    times = measure(call, servers[which], count)
                    if number >= 2:  # the first rounds warm the caches
                        found[which].append(times)
            report(call.__name__, found)
    return 0


def report(name: str, found: list[list[tuple[float, float]]]) -> None:
    """Print the medians for both servers, and the median of the ratios of all rounds."""
    for kind, what in enumerate(("clock", "processor")):
        base, ours = ([one[kind] for one in times] for times in found)
        medians = statistics.median(base), statistics.median(ours)
        minima = min(base), min(ours)
        print(
            f"{name:8} {what:10} base {medians[0]:8.1f} us, ours {medians[1]:8.1f} us, ratio of medians {medians[1] / medians[0]:.3f}, "
            f"of minima {minima[1] / minima[0]:.3f}"
        )


if __name__ == "__main__":
    sys.exit(main())
