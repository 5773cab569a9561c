"""The cost of the command log: the processor time of a command in the client's process, measured alternately with and without the log.

    python -m tests.benchmarks.command_log [--turns N] [--sockets]

The program prints, for each kind of command, its median time without the log, and the time that the log adds: the median of the
differences of the two halves of a turn, with its confidence interval (see `paired`). A call of `log_get_more` sends two commands, a find
and a getMore, and its times are divided by two. The order of the halves alternates, because the inserts grow their collection. The time of
garbage collections counts. With `--sockets`, the client is connected through a socket, as in `inprocess`, and the processor time is that of
the process; otherwise directly, as the plugin's clients are, and the processor time is that of the thread that is client and server.

For the cost of the report, and of the plugin with everything off against an earlier build, see `suites`.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import UpdateOne

from pytest_secantus.direct_driver import clients_connected
from pytest_secantus.driver import OWN_NAME
from pytest_secantus.sources import Sources
from tests.benchmarks.dataset import documents
from tests.benchmarks.measure import connect
from tests.benchmarks.paired import Estimate, estimate

#: Short turns, so that the machine's speed hardly changes between two of them.
CALLS = 20
TURNS = 300
#: Calls at the beginning of a turn, in which the interpreter adapts to the functions that the log replaces.
UNCOUNTED = 5
#: The maximum time that the log may add to a command, in microseconds.
BAR_US = 10
#: The number of commands that a call sends, if there are several.
COMMANDS = {"log_get_more": 2}

Call = Callable[[], Any]
Clock = Callable[[], float]
#: The times of a command in microseconds, without and with the log, in each turn.
Pairs = list[tuple[float, float]]


def times_of(call: Call, server: Any, turns: int, clock: Clock) -> Pairs:
    """Measure a command alternately without and with the log, by a clock of processor time."""
    sources = Sources(Path(__file__).parent)

    def logged() -> float:
        sources.clear()
        sources.begin(__file__)
        server.log_commands(OWN_NAME)
        with sources.noted():
            found = processor_us(call, clock)
        server.stop_logging_commands()
        return found

    processor_us(call, clock)
    logged()
    gc.collect()
    pairs = []
    for turn in range(turns):
        if turn % 2:
            later = logged()
            pairs.append((processor_us(call, clock), later))
        else:
            pairs.append((processor_us(call, clock), logged()))
    return pairs


def added_us(pairs: Pairs) -> Estimate:
    """Return the time in microseconds that the log adds to a command."""
    return estimate([logged - plain for plain, logged in pairs])


def processor_us(call: Call, clock: Clock) -> float:
    """Return the processor time per call in microseconds, for client and server together."""
    for _ in range(UNCOUNTED):
        call()
    started = clock()
    for _ in range(CALLS):
        call()
    return (clock() - started) / CALLS * 1e6


def calls_of(client: Any) -> dict[str, Call]:
    """Fill the server, and return the measured commands by the names of their figures."""
    collection, small, other = client.bench.bench, client.bench.small, client.bench.other
    collection.insert_many(documents(1000))
    collection.create_index("rank")
    small.insert_many(documents(20))
    joined = {"$lookup": {"from": "bench", "localField": "_id", "foreignField": "rank", "as": "joined"}}
    without_index = {"$lookup": {"from": "small", "localField": "_id", "foreignField": "age", "as": "joined"}}
    return {
        "log_find_one": lambda: collection.find_one({"_id": 5}),
        "log_find": lambda: list(collection.find({"rank": 5})),
        "log_find_all": lambda: list(small.find()),
        "log_count": lambda: small.count_documents({}),
        "log_aggregate": lambda: list(small.aggregate([{"$match": {"age": {"$gt": 0}}}])),
        "log_insert": lambda: other.insert_one({"a": 1}),
        "log_update": lambda: collection.update_one({"_id": 5}, {"$inc": {"age": 1}}),
        "log_delete": lambda: collection.delete_one({"_id": -5}),
        "log_modify": lambda: collection.find_one_and_update({"_id": 6}, {"$inc": {"age": 1}}),
        "log_modify_scan": lambda: small.find_one_and_update({"age": {"$gt": 0}}, {"$inc": {"age": 1}}, sort=[("age", -1)]),
        "log_lookup": lambda: list(small.aggregate([{"$match": {"_id": 3}}, joined])),
        "log_distinct": lambda: small.distinct("age"),
        "log_rewrite": lambda: small.update_one({"_id": 3}, [{"$set": {"z": 1}}]),
        "log_updates": lambda: small.bulk_write([UpdateOne({"_id": number}, {"$inc": {"age": 1}}) for number in range(10)]),
        "log_join": lambda: list(small.aggregate([{"$match": {"_id": 3}}, without_index])),
        "log_index": lambda: small.create_index("age"),
        "log_collections": client.bench.list_collection_names,
        "log_get_more": lambda: list(small.find(batch_size=15)),
    }


def all_times(turns: int, *, direct: bool) -> dict[str, Pairs]:
    """Measure all commands, through a socket or with a direct connection."""
    from secantus_server.server import SecantusDBServer

    with ExitStack() as stack:
        server = stack.enter_context(SecantusDBServer(port=0, storage_path=":memory:"))
        if direct:
            stack.enter_context(clients_connected(lambda _address, _options: server.connect_directly(), server.interrupt_thread))
        client = stack.enter_context(connect(server.port))
        # With a direct connection, the client's thread runs the command, and threads such as the driver's monitors can be left out.
        clock = time.thread_time if direct else time.process_time
        measured = {name: times_of(call, server, turns, clock) for name, call in calls_of(client).items()}
    return {name: [(plain / n, logged / n) for plain, logged in pairs] for name, pairs in measured.items() for n in [COMMANDS.get(name, 1)]}


def measure() -> dict[str, float]:
    """Return the median time that the log adds to each command of a client that uses a socket."""
    return {name: added_us(pairs).median for name, pairs in all_times(TURNS, direct=False).items()}


def main() -> None:
    """Print the times of all commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--sockets", action="store_true")
    options = parser.parse_args()
    print(f"{'microseconds':<16} {'without':>9} {'added':>9}   {'interval':<24} (at most {BAR_US})")
    for name, pairs in all_times(options.turns, direct=not options.sockets).items():
        without, added = statistics.median(plain for plain, _ in pairs), added_us(pairs)
        interval = f"{added.low:.1f} to {added.high:.1f} ({added.confidence:.0%})"
        print(f"{name:<16} {without:9.1f} {added.median:9.1f}   {interval:<24} {added.verdict(BAR_US)}", flush=True)


if __name__ == "__main__":
    main()
