"""top: the time spent on each collection.

https://www.mongodb.com/docs/manual/reference/command/top/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, all_commands, command
from secantus_server.dispatch.request import Request

# For each command, the reply field that counts the command, in addition to `total` and the field for the command's kind of lock.
_KINDS = {"find": "queries", "getMore": "getmore", "insert": "insert", "update": "update", "delete": "remove"}
_FIELDS = ("total", "readLock", "writeLock", "queries", "getmore", "insert", "update", "remove", "commands")
_READS = frozenset(["find", "getMore", "aggregate", "count", "distinct", "explain", "listIndexes", "collStats", "validate"])


@command("top", lenient=True, admin_only=True, privileges=on_cluster("top"))
def top(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the number and the time of the operations on each collection."""
    services, commands = request.services, all_commands()
    rows = services.connections.usage().rows
    totals: dict[str, dict[str, list[float]]] = {}
    for (db, collection, name), (count, seconds) in rows.items():
        if services.catalog.find(db, collection) is None:
            continue
        shown = totals.setdefault(f"{db}.{collection}", {field: [0, 0.0] for field in _FIELDS})
        lock = "writeLock" if commands[name].is_write and name not in _READS else "readLock"
        for field in ("total", lock, _KINDS.get(name, "commands")):
            shown[field][0] += count
            shown[field][1] += seconds
    reply: Reply = {"note": "all times in microseconds"}
    for namespace, fields in sorted(totals.items()):
        reply[namespace] = {field: {"time": Int64(int(time * 1e6)), "count": Int64(int(count))} for field, (count, time) in fields.items()}
    return {"totals": reply}
