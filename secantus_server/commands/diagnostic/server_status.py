"""serverStatus and connPoolStats. Counters that this server does not measure are zero.

https://www.mongodb.com/docs/manual/reference/command/serverStatus/
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bson.int64 import Int64

from secantus_server.bson.values import is_number
from secantus_server.differences import STATUS_NONE, STATUS_OF_STREAMS
from secantus_server.dispatch import establishment
from secantus_server.dispatch.arguments import truth
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command, command_to_run
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.usage import Usage
from secantus_server.exec.spilling import named_counters
from secantus_server.system.files import read_file
from secantus_server.work.catalog_entries import is_shown_as_view

_OPERATIONS = ("insert", "query", "update", "delete", "getmore", "command")


@command("serverStatus", lenient=True, privileges=on_cluster("serverStatus"))
def server_status(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the server's counters and gauges."""
    services, usage = request.services, request.services.connections.usage()
    uptime = services.clock.monotonic() - services.started
    reply: Reply = {
        "host": services.topology.address,
        "version": services.release.version,
        "process": "mongod",
        "pid": Int64(os.getpid()),
        "uptime": float(int(uptime)),
        "uptimeMillis": Int64(int(uptime * 1000)),
        "uptimeEstimate": Int64(int(uptime)),
        "localTime": request.now,
    }
    default = not (services.release.has(STATUS_NONE) and _wanted(request.body, "none", default=False))
    for name, section in _SECTIONS.items():
        if _wanted(request.body, name, default=default):
            reply[name] = section(services, usage)
    if _wanted(request.body, "mirroredReads", default=False):
        reply["mirroredReads"] = {"seen": Int64(0), "sent": Int64(0)}
    if services.settings.replica_set and _wanted(request.body, "repl", default=default):
        reply["repl"] = _replication(services)
    return reply


def _wanted(body: dict[str, Any], name: str, *, default: bool) -> bool:
    if name not in body:
        return default
    value = body[name]
    return truth(value) if is_number(value) else value is not None and value is not False


def _asserts(_services: Services, usage: Usage) -> Reply:
    """Return the field `asserts`. `user` is the number of failed commands, and the other kinds of asserts are 0."""
    errors = usage.counts["errors"]
    return {"regular": 0, "warning": 0, "msg": 0, "user": errors, "tripwire": 0, "rollovers": 0}


def _connections(services: Services) -> Reply:
    created = services.counters.value("connections")
    queued = services.counters.value(establishment.QUEUED)
    current = created - services.counters.value("connectionsEnded") - queued
    return {
        "current": current,
        "available": max(services.connection_limit - current - queued, 0),
        "totalCreated": created,
        "rejected": services.counters.value("connectionsRejected"),
        "queuedForEstablishment": queued,
        "establishmentRateLimit": {
            "rejected": services.counters.value(establishment.REJECTED),
            "exempted": 0,
            "interruptedDueToClientDisconnect": services.counters.value(establishment.INTERRUPTED),
        },
        "active": len(services.operations.all()),
        "threaded": current,
    }


def _active(services: Services) -> tuple[int, int]:
    """Return the number of read commands and the number of write commands that are currently running.

    Commands that access no data, such as hello, do not count.
    """
    commands = [command_to_run(next(iter(one.body))) for one in services.operations.all()]
    return sum(one.is_read and not one.is_write for one in commands), sum(one.is_write for one in commands)


def _global_lock(services: Services, _usage: Usage) -> Reply:
    readers, writers = _active(services)
    microseconds = Int64(int((services.clock.monotonic() - services.started) * 1e6))
    queue = {"total": 0, "readers": 0, "writers": 0}
    active = {"total": readers + writers, "readers": readers, "writers": writers}
    return {"totalTime": microseconds, "currentQueue": queue, "activeClients": active}


def _locks(_services: Services, usage: Usage) -> Reply:
    """Return the field `locks`. Each finished command counts as one acquisition of the global lock, in write mode if it wrote and in read
    mode otherwise.
    """
    latencies = usage.all_latencies()
    counts = {"r": Int64(latencies["reads"][0] + latencies["commands"][0]), "w": Int64(latencies["writes"][0])}
    return {"Global": {"acquireCount": counts}}


def _latencies(_services: Services, usage: Usage) -> Reply:
    latencies = usage.all_latencies()
    return {kind: {"latency": Int64(micros), "ops": Int64(count)} for kind, (count, micros) in latencies.items()}


def _operation_counters(_services: Services, usage: Usage) -> Reply:
    return {name: Int64(usage.counts[name]) for name in _OPERATIONS}


def _network(services: Services, _usage: Usage) -> Reply:
    traffic = services.connections.traffic()
    sent = {"bytesIn": Int64(traffic.bytes_in), "bytesOut": Int64(traffic.bytes_out)}
    return {**sent, "physicalBytesIn": sent["bytesIn"], "physicalBytesOut": sent["bytesOut"], "numRequests": Int64(traffic.requests)}


# The statistics of the cache that mongostat reads, and other gauges. WiredTiger's counters are disabled because they would slow down every
# operation.
_GAUGES = ("bytes currently in the cache", "maximum bytes configured", "pages currently held in the cache",
           "tracked dirty bytes in the cache", "tracked dirty pages in the cache")  # fmt: skip


def _wired_tiger(services: Services, _usage: Usage) -> Reply:
    statistics = services.engine.statistics()
    return {
        "cache": {name: Int64(statistics[f"cache: {name}"]) for name in _GAUGES},
        # MongoDB 8 shows these counters under `queues`. The older name is kept because some programs read it.
        "concurrentTransactions": _tickets(services),
        "transaction": {"transaction checkpoints": Int64(services.engine.checkpoints)},
    }


def _catalog(services: Services, _usage: Usage) -> Reply:
    collections = [collection for db in services.catalog.databases() for collection in services.catalog.collections(db)]
    return {
        "collections": sum(not collection.is_view for collection in collections),
        "capped": sum(collection.is_capped for collection in collections),
        "clustered": sum(collection.is_clustered for collection in collections),
        "timeseries": sum(collection.is_timeseries for collection in collections),
        "views": sum(is_shown_as_view(collection, services.release) for collection in collections),
        "internalCollections": 0,
        "internalViews": 0,
    }


def _memory(_services: Services, _usage: Usage) -> Reply:
    """Return the process's memory use in megabytes. On a system without /proc, return 1."""
    virtual, resident = 1, 1
    with suppress(OSError):
        virtual, resident = (int(pages) * os.sysconf("SC_PAGE_SIZE") // 1048576 for pages in read_file("/proc/self/statm").split()[:2])
    return {"bits": 64, "resident": max(resident, 1), "virtual": max(virtual, 1), "supported": True}


def _metrics(services: Services, usage: Usage) -> Reply:
    counters = services.counters
    whole = {"nonTailable": Int64(usage.whole_scans - usage.tailing_scans), "total": Int64(usage.whole_scans)}
    streams = {"changeStreams": {"cursor": _change_streams(services)}} if services.release.has(STATUS_OF_STREAMS) else {}
    return {
        **streams,
        "commands": {name: {"failed": Int64(failed), "total": Int64(total)} for name, (total, failed) in sorted(usage.commands().items())},
        "cursor": _cursors(services),
        "document": {name: Int64(getattr(usage, name)) for name in ("deleted", "inserted", "returned", "updated")},
        "operation": {"scanAndOrder": Int64(usage.sorts), "writeConflicts": Int64(counters.value("writeConflicts"))},
        "query": _spills(services),
        "queryExecutor": {"scanned": Int64(usage.keys), "scannedObjects": Int64(usage.documents), "collectionScans": whole},
        "ttl": {"deletedDocuments": Int64(counters.value("ttl.deletedDocuments")), "passes": Int64(counters.value("ttl.passes"))},
    }


def _spills(services: Services) -> Reply:
    """Return how much each kind of stage has moved to temporary files."""
    files = services.engine.temporary
    spills, size, *_ = files.counts("sort")
    found: Reply = {"sort": {"spillToDisk": Int64(spills), "spillToDiskBytes": Int64(size)}}
    for kind in ("bucketAuto", "group", "setWindowFields"):
        found[kind] = named_counters(*files.counts(kind))
    return found


def _change_streams(services: Services) -> Reply:
    """Return the numbers of change stream cursors: currently open, currently in use, and opened since the server started."""
    cursors = [cursor for cursor in services.cursors.all() if cursor.is_change_stream]
    states = {"pinned": Int64(sum(cursor.in_use for cursor in cursors)), "total": Int64(len(cursors))}
    return {"open": states, "totalOpened": Int64(services.counters.value("changeStreams"))}


def _cursors(services: Services) -> Reply:
    registry = services.cursors
    cursors = registry.all()
    states = {
        "noTimeout": sum(cursor.no_timeout for cursor in cursors),
        "pinned": sum(cursor.in_use for cursor in cursors),
        "total": len(cursors),
    }
    return {
        "timedOut": Int64(registry.timed_out),
        "totalOpened": Int64(registry.opened),
        "open": {name: Int64(number) for name, number in states.items()},
    }


def _extra_info(_services: Services, _usage: Usage) -> Reply:
    """Return the field `extra_info`: the kernel's counters for the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    faults = {"page_faults": Int64(used.ru_majflt), "page_reclaims": Int64(used.ru_minflt)}
    times = {"user_time_us": Int64(int(used.ru_utime * 1e6)), "system_time_us": Int64(int(used.ru_stime * 1e6))}
    return {"note": "fields vary by platform", **times, "maximum_resident_set_kb": Int64(used.ru_maxrss), **faults}


def _tickets(services: Services) -> Reply:
    """Return the ticket statistics. Running reads and writes are reported as tickets in use, although this server does not use tickets."""
    readers, writers = _active(services)
    total = services.settings.session_max
    return {name: {"out": out, "available": total - out, "totalTickets": total} for name, out in (("write", writers), ("read", readers))}


def _transactions(services: Services, _usage: Usage) -> Reply:
    """Return the counts of multi-document transactions, by state and outcome."""
    transactions = services.sessions.transactions
    operations = [transaction.operation for transaction in transactions.all_open()]
    active = sum(operation is not None for operation in operations)
    numbers = {
        "currentActive": active,
        "currentInactive": len(operations) - active,
        "currentOpen": len(operations),
        "totalAborted": transactions.aborted,
        "totalCommitted": transactions.committed,
        "totalStarted": transactions.started,
    }
    return {name: Int64(number) for name, number in numbers.items()}


def _transport_security(services: Services, _usage: Usage) -> Reply:
    """Return the number of TLS connections since the server started, by TLS version. Versions before 1.2 are not accepted."""
    accepted = {version: services.counters.value(f"tls.TLSv{version}") for version in ("1.2", "1.3")}
    return {name: Int64(accepted.get(name, 0)) for name in ("1.0", "1.1", "1.2", "1.3", "unknown")}


def _replication(services: Services) -> Reply:
    topology = services.topology
    return {
        "setName": topology.replica_set,
        "setVersion": topology.config_version,
        "isWritablePrimary": True,
        # mongostat recognizes a primary only by this older name.
        "ismaster": True,
        "secondary": False,
        "primary": topology.address,
        "me": topology.address,
        "hosts": [topology.address],
        "electionId": topology.election_id,
    }


_SECTIONS: dict[str, Callable[[Services, Usage], Reply]] = {
    "asserts": _asserts,
    "catalogStats": _catalog,
    "connections": lambda services, _usage: _connections(services),
    "extra_info": _extra_info,
    "globalLock": _global_lock,
    "locks": _locks,
    "logicalSessionRecordCache": lambda services, _usage: {"activeSessionsCount": len(services.sessions.known())},
    "mem": _memory,
    "metrics": _metrics,
    "network": _network,
    "opLatencies": _latencies,
    "opcounters": _operation_counters,
    "opcountersRepl": lambda _services, _usage: {name: Int64(0) for name in _OPERATIONS},
    "queues": lambda services, _usage: {"execution": _tickets(services)},
    "storageEngine": lambda services, _usage: {"name": "wiredTiger", "persistent": not services.settings.in_memory, "readOnly": False},
    "transactions": _transactions,
    "transportSecurity": _transport_security,
    "wiredTiger": _wired_tiger,
}


@command("connPoolStats", lenient=True, privileges=on_cluster("connPoolStats"))
def conn_pool_stats(request: Request, _args: dict[str, Any]) -> Reply:
    """Report that the server has no connections to other servers."""
    current = _connections(request.services)["current"]
    totals = {"totalInUse": 0, "totalAvailable": 0, "totalLeased": 0, "totalCreated": 0, "totalRefreshing": 0, "totalRefreshed": 0}
    return {"numClientConnections": current, "numAScopedConnections": 0, **totals, "pools": {}, "hosts": {}}
