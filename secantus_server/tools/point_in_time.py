"""Point-in-time recovery: applies archived oplog entries to a restored backup, up to a point in time."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from secantus_server.auth.collections import has_users_or_roles
from secantus_server.backup.manifest import Manifest
from secantus_server.backup.segments import describe_stamp, entries_between
from secantus_server.bson import decode
from secantus_server.bson.values import stamp_of
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.dispatcher import dispatch
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.wire.message import Message

_BATCH: Final = 500


@dataclass(frozen=True)
class Target:
    """The point in time up to which entries are applied.

    Arguments:
        text: the time as the user wrote it.
        stamp: the timestamp of the last entry to apply, or None if `millis` is used.
        millis: the wall clock time of the last entry to apply, in milliseconds since the epoch.
    """

    text: str
    stamp: int | None = None
    millis: int = 0

    def is_before(self, stamp: int, wall_ms: int) -> bool:
        """Return whether this point in time is before an entry with the given times."""
        return self.millis < wall_ms if self.stamp is None else self.stamp < stamp

    def is_reached(self, stamp: int, wall_ms: int) -> bool:
        """Return whether an entry with the given times is at this point in time or after it."""
        return self.millis <= wall_ms if self.stamp is None else self.stamp <= stamp


def parse_timestamp(text: str) -> Target:
    """Parse a target of the form `seconds:increment`, or of mongosh's form `Timestamp({ t: 1, i: 2 })`.

    Raises:
        ArgumentTypeError: the text is not a timestamp.
    """
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 2:
        raise ArgumentTypeError(f"{text!r} is no timestamp: write it as seconds:increment, such as 1767225600:1")
    return Target(text, stamp=int(numbers[0]) << 32 | int(numbers[1]))


def parse_time(text: str) -> Target:
    """Parse a target that is an ISO 8601 time. A time without an offset is in UTC.

    Raises:
        ArgumentTypeError: the text is not a time.
    """
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time: write it as 2026-11-28T09:30:00+00:00") from None
    time = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    return Target(text, millis=int(time.timestamp() * 1000))


def bring_forward(directory: Path, manifest: Manifest, segments: Path, target: Target) -> int:
    """Apply the archived entries from a backup's time up to a target time, and return the number of applied entries.

    Raises:
        CommandError: 2 if the target is before the backup or after the archive's end, 301 if the archive is damaged or has a gap.
    """
    if target.is_before(manifest.stamp, manifest.created_ms):
        raise CommandError(2, f"The backup, of {describe_stamp(manifest.stamp)}, is later than {target.text}: restore from an earlier one.")
    server = SecantusDBServer(port=0, storage_path=str(directory), log_level="error")
    applied = 0
    with server.offline() as services:
        client = ClientInfo(0, ("", 0))
        for batch in _batches(_wanted(segments, manifest, target)):
            dispatch(Message(0, {"applyOps": batch, "oplogApplicationMode": "Recovering", "$db": "admin"}), services, client)
            applied += len(batch)
    return applied


def _wanted(segments: Path, manifest: Manifest, target: Target) -> Iterator[dict[str, Any]]:
    """Yield the entries to apply. A transaction of several entries is applied completely or not at all."""
    pending: list[dict[str, Any]] = []
    stamp, wall_ms = manifest.stamp, manifest.created_ms
    for data in entries_between(segments, manifest.stamp):
        entry = decode(data)
        stamp, wall_ms = stamp_of(entry["ts"]), entry["wall"].ms
        if target.is_before(stamp, wall_ms):
            return
        pending += [entry] if manifest.includes_users else _without_roles([entry])
        if entry["op"] == "c" and entry["o"].get("partialTxn"):
            continue
        yield from pending
        pending = []
    if not target.is_reached(stamp, wall_ms):
        raise CommandError(2, f"The archived oplog in {segments} ends at {describe_stamp(stamp)}, before {target.text}.")


def _without_roles(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries that do not change roles. Roles belong to the users, and the backup does not contain users."""
    left = []
    for entry in entries:
        db, _, collection = entry["ns"].partition(".")
        if has_users_or_roles(db, collection):
            continue
        if entry["op"] == "c" and "applyOps" in entry["o"]:
            entry["o"]["applyOps"] = _without_roles(entry["o"]["applyOps"])
        left.append(entry)
    return left


def _batches(entries: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
