"""Faults to inject into the server, which the simulation must find. They include the faults of the isolation tests.

Some faults only have an effect with a retry, an oplog reader, or a clock jump.
"""

from __future__ import annotations

from typing import Any

import secantus_server.oplog.oplog as oplog
import secantus_server.work.auto_commit as auto_commit
import secantus_server.work.ttl as ttl
from secantus_server.oplog._write_signal import WriteSignal
from secantus_server.oplog.oplog import Oplog
from tests.isolation.mutants import MUTANTS as OF_ISOLATION
from tests.isolation.mutants import Mutate


def forget_retried() -> None:
    """Make the server forget that a write has run, so that it runs again if a client retries it."""
    auto_commit.note_retried = lambda *_arguments: None
    auto_commit.store_retried = lambda *_arguments: None  # type: ignore[assignment, return-value]


class _Deaf(WriteSignal):
    """A signal that notifies nobody."""

    def publish(self, *_arguments: Any) -> None:
        """Ignore a commit."""

    publish_changes = publish


def keep_readers_waiting() -> None:
    """Prevent the server from notifying the readers of the oplog about commits."""
    oplog.WriteSignal = _Deaf  # type: ignore[misc]


def expire_early() -> None:
    """Make the server delete expired documents ten seconds too early."""
    found = ttl._expiries
    ttl._expiries = lambda collection: [one._replace(seconds=one.seconds - 10) for one in found(collection)]


def follow_the_wall_clock() -> None:
    """Make the server take the time of each oplog entry from the wall clock, even after the clock was set back."""
    following = Oplog.next_stamp

    def next_stamp(self: Any, now_ms: int) -> int:
        seconds = now_ms // 1000
        return seconds << 32 | 1 if seconds < self.seconds else following(self, now_ms)

    Oplog.next_stamp = next_stamp  # type: ignore[method-assign]


MUTANTS: dict[str, Mutate] = {
    **OF_ISOLATION,
    **{one.__name__: one for one in (forget_retried, keep_readers_waiting, expire_early, follow_the_wall_clock)},
}
