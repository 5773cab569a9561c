"""The pages for the oplog (its time window and latest entries) and for change streams (their latest events)."""

from __future__ import annotations

from typing import Any, Final

from bson import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.errors import PyMongoError

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Page, shown
from secantus_console.render import url

MAX_ENTRIES: Final = 200
#: How long a request for more events waits for the first one.
WAIT_MS: Final = 300


def oplog(call: Call) -> Answer:
    """Show the time window of the oplog and its latest entries."""
    entries = call.client.local["oplog.rs"]
    limit = call.number("limit", 30, 1, MAX_ENTRIES)
    query = {"ns": call.text("ns")} if call.text("ns") else {}
    first = entries.find_one({}, {"ts": 1, "wall": 1}, sort=[("$natural", 1)])
    latest = list(entries.find(query, sort=[("$natural", -1)], limit=limit, max_time_ms=call.time_limit_ms))
    last = entries.find_one({}, {"ts": 1, "wall": 1}, sort=[("$natural", -1)])
    window: dict[str, Any] = {}
    if first is not None and last is not None:
        window = {"first": first["ts"], "last": last["ts"], "seconds": last["ts"].time - first["ts"].time}
        window |= {"firstAt": first.get("wall"), "lastAt": last.get("wall")}
    return Page("oplog.html", "Oplog", {"window": window, "entries": latest, "ns": call.text("ns"), "limit": str(limit)})


def changes(call: Call) -> Answer:
    """Show the events of a change stream from a given position. The link `next` shows the events that follow."""
    name, collection = call.text("db"), call.text("collection")
    data: dict[str, Any] = {"db": name, "collection": collection, "events": [], "live": call.text("live", "1") != "0"}
    page = Page("changes.html", "Changes", data)
    target: Any = call.collection if name and collection else call.database if name else call.client
    start = _start(call)
    try:
        with target.watch(max_await_time_ms=WAIT_MS, full_document="updateLookup", **start) as stream:
            data["events"] = _events(stream)
            token = stream.resume_token
        data["next"] = url("/changes", db=name, collection=collection, after=ejson.dumps(token))
    except PyMongoError as error:
        data["error"], page.status = message_of(error), 400
    return page


def _start(call: Call) -> dict[str, Any]:
    """Return the options that define where the change stream starts: after a resume token, at a time in the oplog, or now."""
    if call.text("after"):
        return {"resume_after": call.document("after")}
    if call.text("at"):
        value = ejson.loads(call.text("at"), "The time")
        if not isinstance(value, Timestamp):
            raise InputError('The time must be a timestamp, such as {"$timestamp": {"t": 1, "i": 1}}.')
        return {"start_at_operation_time": value}
    return {}


def _events(stream: ChangeStream[dict[str, Any]]) -> list[dict[str, Any]]:
    """Wait for the first event, then return all events that are available without further waiting."""
    events: list[dict[str, Any]] = []
    while len(events) < MAX_ENTRIES and (event := stream.try_next()) is not None:
        event.pop("_id", None)
        events.append(event)
    return events


ROUTES: Final = (shown("/oplog", oplog), shown("/changes", changes))
