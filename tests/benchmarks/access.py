"""The cost of authorization: the processor time of the access check for one command, without the command itself."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from bson import encode
from pymongo import MongoClient

CALLS = 2000
TURNS = 30

COMMANDS: dict[str, dict[str, Any]] = {
    "authorize_find": {"find": "c", "filter": {"_id": 1}},
    "authorize_update": {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]},
    "authorize_bulk_write": {"bulkWrite": 1, "nsInfo": [{"ns": "bench.c"}], "ops": [{"insert": 0, "document": {"a": 1}}] * 100},
    "authorize_bulk_write_sequences": {"bulkWrite": 1},
    "authorize_explain": {"explain": {"find": "c", "filter": {"_id": 1}}},
    "authorize_aggregate": {
        "aggregate": "c",
        "pipeline": [{"$match": {"a": 1}}, {"$lookup": {"from": "d", "localField": "a", "foreignField": "b", "as": "x"}}, {"$out": "e"}],
        "cursor": {},
    },
}


# The document sequences of a command, as drivers send them.
SEQUENCES: dict[str, dict[str, list[bytes]]] = {"authorize_bulk_write_sequences": {"nsInfo": [encode({"ns": "bench.c"})], "ops": []}}


def measure() -> dict[str, float]:
    """Measure the access checks of commands by a user with the role readWrite, on a server with access control."""
    from secantus_server.interceptors.access_control import AccessCheck
    from secantus_server.server import SecantusDBServer

    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server:
        with MongoClient[Any](server.uri) as first:
            first.admin.command("createUser", "root", pwd="x", roles=["root"])
        with MongoClient[Any](server.uri, username="root", password="x") as root:
            root.bench.command("createUser", "u", pwd="x", roles=["readWrite"])
        with MongoClient[Any](server.uri, username="u", password="x", authSource="bench") as logged_in:
            logged_in.bench.c.insert_one({})
            client = next(one for one in server.services.connections.all() if one.users == (("u", "bench"),))
            check = AccessCheck(server.services.access)
            return {name: least_us(server, client, check, body, SEQUENCES.get(name, {})) for name, body in COMMANDS.items()}


def least_us(server: Any, client: Any, check: Any, body: dict[str, Any], sequences: dict[str, list[bytes]]) -> float:
    """Return the smallest time of several rounds in microseconds, because additional load on the machine can only increase the time."""
    name = next(iter(body))
    message = SimpleNamespace(sequences=sequences, body=body)
    db = "admin" if name == "bulkWrite" else "bench"
    call = SimpleNamespace(name=name, db=db, body={**body, "$db": db}, message=message, client=client, services=server.services)
    admit = server.services.access.admit
    least = float("inf")
    for _ in range(TURNS):
        started = time.thread_time()
        for _ in range(CALLS):
            admit(name, client)
            check.before(call)
        least = min(least, time.thread_time() - started)
    return least / CALLS * 1e6
