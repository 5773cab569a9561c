"""The pages for metrics, the profiler, and the server's log."""

from __future__ import annotations

import json
from typing import Any, Final

from bson import encode as encode_bson
from pymongo.errors import OperationFailure

from secantus_console.console import APP_NAME
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url
from secantus_console.samples import CHARTS
from secantus_server.bson import decode
from secantus_server.work._shell_commands import command_shape

_SYSTEM: Final = ("admin", "config", "local")
MAX_LOG_LINES: Final = 1024
#: The number of profiler entries that are grouped by shape, and the number of shapes shown.
MAX_PROFILED: Final = 2000
MAX_SHAPES: Final = 30


def metrics(call: Call) -> Answer:
    """Show the charts of the metrics. Each request also takes a sample, so that an open page fills its own charts."""
    status = call.client.admin.command("serverStatus")
    samples = call.console.samples
    samples.add(status)
    charts = [
        {
            "title": title,
            "unit": unit,
            "lines": {name: samples.lines(place, rate) for name, place in lines.items() if samples.lines(place, rate)},
        }
        for title, unit, rate, lines in CHARTS
    ]
    return Page("metrics.html", "Metrics", {"charts": charts, "live": call.text("live", "1") != "0"})


def profiler(call: Call) -> Answer:
    """Show a database's profiler level, its slow query shapes, and its latest profiler entries."""
    names = [name for name in call.client.list_database_names() if name not in _SYSTEM]
    name = call.text("db", names[0] if names else "")
    data: dict[str, Any] = {"databases": names, "db": name}
    if not name:
        return Page("profiler.html", "Profiler", data)
    database = call.client[name]
    try:
        data["status"] = {
            key: value for key, value in database.command("profile", -1).items() if key in ("was", "slowms", "sampleRate", "filter")
        }
    except OperationFailure as error:
        data["error"] = str(error.details.get("errmsg", error) if error.details else error)
        return Page("profiler.html", "Profiler", data)
    limit = call.number("limit", 50, 1, 500)
    query = {"appName": {"$ne": APP_NAME}, "ns": {"$ne": f"{name}.system.profile"}}
    found = list(database["system.profile"].find(query, sort=[("$natural", -1)], limit=MAX_PROFILED, max_time_ms=call.time_limit_ms))
    data["shapes"] = shapes_of(found)
    data["entries"] = [_entry(entry) for entry in found[:limit]]
    return Page("profiler.html", "Profiler", data)


def shapes_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the shapes of profiled commands, sorted by descending total time."""
    shapes: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in entries:
        key = (str(entry.get("ns", "")), _shape(entry), entry.get("planSummary", ""))
        row = shapes.setdefault(
            key, {"namespace": key[0], "shape": key[1], "plan": key[2], "times": 0, "totalMs": 0, "maxMs": 0, "documents": None}
        )
        row["times"] += 1
        row["totalMs"] += entry.get("millis", 0)
        row["maxMs"] = max(row["maxMs"], entry.get("millis", 0))
        if "docsExamined" in entry:
            row["documents"] = (row["documents"] or 0) + entry["docsExamined"]
    return sorted(shapes.values(), key=lambda row: (-row["totalMs"], -row["times"], row["shape"]))[:MAX_SHAPES]


def _shape(entry: dict[str, Any]) -> str:
    """Return the command in a profiler entry with its constants replaced with `?`."""
    body = decode(encode_bson({"body": _command(entry)}))["body"]
    if not body or "$truncated" in body:
        return f"{entry.get('op', '')} (not kept)"
    if "q" in body:
        # The profiler's entry for an update or a delete contains only the statement.
        kind = {"remove": "delete"}.get(entry["op"], entry["op"])
        return command_shape(kind, {kind: str(entry.get("ns", "")).partition(".")[2]}, [body])
    name = next(iter(body))
    return command_shape(name, body, body.get("documents") or [])


def _command(entry: dict[str, Any]) -> dict[str, Any]:
    left_out = ("lsid", "$clusterTime", "$db", "$readPreference", "txnNumber")
    return {name: value for name, value in (entry.get("command") or {}).items() if name not in left_out}


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "time": "ts",
        "op": "op",
        "namespace": "ns",
        "ms": "millis",
        "plan": "planSummary",
        "returned": "nreturned",
        "documents": "docsExamined",
    }
    return {ours: entry.get(theirs) for ours, theirs in fields.items()} | {"client": entry.get("appName", ""), "command": _command(entry)}


def set_profiler(call: Call) -> Answer:
    """Set the profiler level of a database."""
    level, slow = call.number("level", 0, 0, 2), call.number("slowms", 100, 0, 1_000_000)
    call.database.command("profile", level, slowms=slow)
    return Moved(url("/profiler", db=call.database.name), f"Set the profiler of {call.database.name} to level {level}.")


def log(call: Call) -> Answer:
    """Show the last lines of the server's log, newest first."""
    wanted = call.text("text").lower()
    lines = [_line(line) for line in call.client.admin.command("getLog", "global")["log"]]
    found = [line for line in reversed(lines) if wanted in f"{line['message']} {line['attributes']}".lower()]
    return Page("log.html", "Log", {"text": call.text("text"), "lines": found[:MAX_LOG_LINES], "live": call.text("live", "1") != "0"})


_SEVERITIES: Final = {"F": "fatal", "E": "error", "W": "warning", "I": "info", "D": "debug"}


def _line(text: str) -> dict[str, Any]:
    """Parse a line of the structured log into its fields."""
    try:
        parts = json.loads(text)
    except ValueError:
        parts = None
    if not isinstance(parts, dict):
        return {"time": "", "severity": "info", "component": "", "message": text, "attributes": ""}
    return {
        "time": parts.get("t", {}).get("$date", "") if isinstance(parts.get("t"), dict) else "",
        "severity": _SEVERITIES.get(str(parts.get("s", "I"))[:1], "debug"),
        "component": parts.get("c", ""),
        "message": parts.get("msg", ""),
        "attributes": json.dumps(parts["attr"], ensure_ascii=False) if parts.get("attr") else "",
    }


ROUTES: Final = (
    shown("/metrics", metrics),
    shown("/profiler", profiler),
    posted("/profiler/set", set_profiler),
    shown("/log", log),
)
