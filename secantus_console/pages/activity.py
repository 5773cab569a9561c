"""The pages for current activity: operations, connections, sessions and transactions."""

from __future__ import annotations

from typing import Any, Final

from bson.binary import Binary

from secantus_console.console import APP_NAME
from secantus_console.errors import InputError
from secantus_console.page import Answer, Call, Moved, Page, posted, shown


def operations(call: Call) -> Answer:
    """Show the running operations."""
    everything = call.text("all") == "1"
    found = [_operation(entry) for entry in _current(call, idleConnections=everything, idleSessions=False)]
    shown_ones = [entry for entry in found if everything or entry["client"] != APP_NAME]
    return Page("operations.html", "Operations", {"all": everything, "operations": shown_ones})


def _current(call: Call, **options: bool) -> list[dict[str, Any]]:
    """Return the running operations. Include operations of other users if the current user may see them."""
    return list(call.client.admin.aggregate([{"$currentOp": {"allUsers": True, **options}}]))


def _operation(entry: dict[str, Any]) -> dict[str, Any]:
    command = entry.get("command", {})
    return {
        "id": entry.get("opid"),
        "op": entry.get("op"),
        "namespace": entry.get("ns"),
        "microseconds": entry.get("microsecs_running"),
        "waits": entry.get("waitingForLock", False),
        "plan": entry.get("planSummary"),
        "description": entry.get("desc"),
        "address": entry.get("client"),
        "client": entry.get("appName", ""),
        "user": ", ".join(f"{user['user']}@{user['db']}" for user in entry.get("effectiveUsers", [])),
        "active": entry.get("active"),
        "command": {name: value for name, value in command.items() if name not in ("lsid", "$clusterTime", "$db")},
    }


def kill(call: Call) -> Answer:
    """Kill an operation."""
    number = call.required("id")
    if not (number.isascii() and number.isdigit()):
        raise InputError("The operation's number is invalid.")
    call.client.admin.command("killOp", op=int(number))
    return Moved("/operations", f"Told the operation {number} to end.")


def connections(call: Call) -> Answer:
    """Show the connections, grouped by client."""
    status = call.client.admin.command("serverStatus")
    found = [entry for entry in _current(call, idleConnections=True, idleSessions=False) if entry.get("connectionId") is not None]
    rows = [
        {
            "id": entry["connectionId"],
            "address": entry.get("client"),
            "client": entry.get("appName", ""),
            "driver": _driver(entry.get("clientMetadata", {})),
            "platform": entry.get("clientMetadata", {}).get("platform", ""),
            "user": ", ".join(f"{user['user']}@{user['db']}" for user in entry.get("effectiveUsers", [])),
            "active": entry.get("active"),
        }
        for entry in found
    ]
    return Page("connections.html", "Connections", {"totals": dict(status.get("connections", {})), "connections": rows})


def _driver(metadata: dict[str, Any]) -> str:
    driver = metadata.get("driver", {})
    # pymongo ends its version with a bar for each part of its name.
    return f"{driver.get('name', '')} {driver.get('version', '')}".strip(" |")


def sessions(call: Call) -> Answer:
    """Show the logical sessions and the open transactions."""
    status = call.client.admin.command("serverStatus")
    listed = list(call.client.admin.aggregate([{"$listLocalSessions": {"allUsers": True}}]))
    idle = _current(call, idleConnections=False, idleSessions=True)
    open_ones = [_transaction(entry) for entry in idle if "transaction" in entry]
    totals = {name: value for name, value in status.get("transactions", {}).items() if isinstance(value, int)}
    rows = [{"id": entry["_id"]["id"], "user": entry.get("user", ""), "lastUse": entry.get("lastUse")} for entry in listed]
    return Page("sessions.html", "Sessions", {"sessions": rows, "transactions": open_ones, "totals": totals})


def _transaction(entry: dict[str, Any]) -> dict[str, Any]:
    transaction = entry["transaction"]
    return {
        "session": entry.get("lsid", {}).get("id"),
        "number": transaction.get("parameters", {}).get("txnNumber"),
        "openMicroseconds": transaction.get("timeOpenMicros"),
        "startedAt": transaction.get("startWallClockTime"),
        "client": entry.get("appName", ""),
        "address": entry.get("client"),
        "active": entry.get("active"),
    }


def end_session(call: Call) -> Answer:
    """End a logical session, which also aborts its transaction."""

    try:
        key = Binary(bytes.fromhex(call.required("id").replace("-", "")), 4)
    except ValueError:
        raise InputError("The session's id is invalid.") from None
    call.client.admin.command("killSessions", [{"id": key}])
    return Moved("/sessions", "Ended the session.")


ROUTES: Final = (
    shown("/operations", operations),
    posted("/operation/kill", kill),
    shown("/connections", connections),
    shown("/sessions", sessions),
    posted("/session/end", end_session),
)
