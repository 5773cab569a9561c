"""The server's metrics in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secantus_server.bson.values import Date
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.registry import find_command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.wire.message import Message

_MEGABYTE = 1024 * 1024


class Metric(NamedTuple):
    """A metric: its name without the prefix, its type, its help text, and its samples by label. The label is empty if there is only one
    sample.
    """

    name: str
    kind: str
    help: str
    label: str
    samples: dict[str, float]


def metrics_text(services: Services) -> str:
    """Return all metrics as one text."""
    lines = []
    for metric in _metrics(_server_status(services), services):
        name = f"secantus_{metric.name}"
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
        for value, number in metric.samples.items():
            labels = f'{{{metric.label}="{value}"}}' if metric.label else ""
            lines.append(f"{name}{labels} {number:.15g}")
    return "\n".join(lines) + "\n"


def _server_status(services: Services) -> dict[str, Any]:
    """Run serverStatus as an internal request, which needs no authenticated user, and return the reply."""
    body = {"serverStatus": 1, "$db": "admin"}
    operation = services.operations.begin(0, "admin", body)
    try:
        request = Request("serverStatus", "admin", Message(0, body), services, ClientInfo(0, ("", 0)), operation)
        return find_command("serverStatus").run(request, {})
    finally:
        services.operations.end(operation)


def _metrics(status: dict[str, Any], services: Services) -> Iterator[Metric]:
    connections, network, cache = status["connections"], status["network"], status["wiredTiger"]["cache"]
    transactions, metrics = status["transactions"], status["metrics"]
    yield Metric("info", "gauge", "The version of MongoDB that the server presents.", "version", {services.release.version: 1})
    yield _one("uptime_seconds", "gauge", "Time since the start.", status["uptimeMillis"] / 1000)
    states = {name: connections[name] for name in ("current", "available", "active")}
    yield Metric("connections", "gauge", "Connections of clients.", "state", states)
    yield _one("connections_created_total", "counter", "Connections accepted.", connections["totalCreated"])
    yield _one("connections_rejected_total", "counter", "Connections refused.", connections["rejected"])
    yield Metric("operations_total", "counter", "Operations by kind.", "type", status["opcounters"])
    yield _one("operations_running", "gauge", "Operations that run now.", connections["active"] - 1)
    traffic = {"in": network["bytesIn"], "out": network["bytesOut"]}
    yield Metric("network_bytes_total", "counter", "Bytes received and sent.", "direction", traffic)
    yield _one("network_requests_total", "counter", "Messages received.", network["numRequests"])
    yield _one("memory_resident_bytes", "gauge", "Memory of the process.", status["mem"]["resident"] * _MEGABYTE)
    kinds = {
        "used": cache["bytes currently in the cache"],
        "dirty": cache["tracked dirty bytes in the cache"],
        "limit": cache["maximum bytes configured"],
    }
    yield Metric("cache_bytes", "gauge", "The cache of the storage engine.", "kind", kinds)
    yield _one("checkpoints_total", "counter", "Checkpoints written.", services.engine.checkpoints)
    yield Metric("documents_total", "counter", "Documents returned and changed.", "operation", metrics["document"])
    executor = metrics["queryExecutor"]
    examined = {"keys": executor["scanned"], "documents": executor["scannedObjects"]}
    yield Metric("examined_total", "counter", "Index keys and documents examined by queries.", "kind", examined)
    yield _one("collection_scans_total", "counter", "Scans of whole collections.", executor["collectionScans"]["total"])
    yield _one("sorts_total", "counter", "Sorts in memory.", metrics["operation"]["scanAndOrder"])
    yield _one("cursors_open", "gauge", "Open cursors.", metrics["cursor"]["open"]["total"])
    yield _one("write_conflicts_total", "counter", "Writes that were repeated.", metrics["operation"]["writeConflicts"])
    yield _one("ttl_deleted_documents_total", "counter", "Documents that TTL indexes have removed.", metrics["ttl"]["deletedDocuments"])
    yield _one("transactions_open", "gauge", "Open multi-document transactions.", transactions["currentOpen"])
    ends = {name: transactions[f"total{name.capitalize()}"] for name in ("started", "committed", "aborted")}
    yield Metric("transactions_total", "counter", "Multi-document transactions.", "event", ends)
    yield _one("oplog_newest_timestamp_seconds", "gauge", "The time of the newest oplog entry.", services.oplog.newest.time)
    yield _one("log_lines_total", "counter", "Lines written to the log.", services.log.total)
    yield _one("time_seconds", "gauge", "The server's clock.", _seconds(status["localTime"]))


def _one(name: str, kind: str, help: str, value: float) -> Metric:
    return Metric(name, kind, help, "", {"": value})


def _seconds(date: Date) -> float:
    return date.ms / 1000
