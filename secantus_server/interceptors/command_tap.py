"""Records all commands and their replies, for a comparison with another server. The interceptor is installed only on request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from secantus_server.bson import RawDocument, encode
from secantus_server.dispatch.harness import DumpedCollection
from secantus_server.dispatch.interceptors import OF_DRIVERS, Call, Interceptor, Interceptors, Outcome
from secantus_server.errors import CommandError

#: The maximum size in bytes of the recorded commands and replies.
MOST_BYTES: Final = 256 * 1024 * 1024

#: What happened to a command: it ran, an interceptor such as a fail point refused it, or it repeated a write that had run before.
Fate = Literal["ran", "refused", "retried"]


class TappedCommand(NamedTuple):
    """A recorded command with its reply, both as BSON.

    Arguments:
        name: the command's name.
        db: the command's database.
        command: the command's body, which includes its document sequences as arrays.
        reply: the command's reply, or its error as a reply, without the fields that a fail point has added.
        fate: what happened to the command.
        clock_ms: the time of the server's clock after the command, in milliseconds since the Unix epoch.
        system_ms: the time of the system's clock after the command, in milliseconds since the Unix epoch.
        is_own: whether the test harness sent the command.
    """

    name: str
    db: str
    command: bytes
    reply: bytes
    fate: Fate
    clock_ms: int
    system_ms: int
    is_own: bool


class TappedState(NamedTuple):
    """A dump of all collections, recorded after they were changed without a command, for example by restoring a snapshot."""

    collections: list[DumpedCollection]


Tapped = TappedCommand | TappedState


class Arrivals(Interceptor):
    """An interceptor that records the arrival of each command, before any other interceptor can refuse the command.

    Threads: there is one entry per connection, and a connection runs one command at a time. Single operations on a dict are atomic.
    """

    def __init__(self) -> None:
        self._pending: dict[int, int] = {}

    def before(self, call: Call) -> None:
        """Record that a command has arrived."""
        self._pending[call.client.connection_id] = call.message.request_id

    def take(self, call: Call) -> bool:
        """Remove the record of a command's arrival, and return whether the record existed."""
        return self._pending.pop(call.client.connection_id, None) == call.message.request_id


class CommandTap(Interceptor):
    """An interceptor that records commands and replies, in the order in which the commands ended.

    Arguments:
        own: the application name or comment by which the test harness marks its own commands.

    Threads: appending to a list and replacing the list are atomic.
    """

    def __init__(self, own: str = "") -> None:
        self._own = own
        self._arrivals = Arrivals()
        self._entries: list[Tapped] = []
        self._bytes = 0
        #: The number of commands that were not recorded because of `MOST_BYTES`.
        self.left_out = 0

    def install(self, interceptors: Interceptors) -> None:
        """Install the tap's `Arrivals` before all other interceptors, and the tap itself after them."""
        interceptors.install(self._arrivals, first=True)
        interceptors.install(self)

    def remove(self, interceptors: Interceptors) -> None:
        """Undo `install`."""
        interceptors.remove(self._arrivals)
        interceptors.remove(self)

    def before(self, call: Call) -> None:
        """Record that no interceptor has refused the command. This method runs after the checks of all other interceptors."""
        self._arrivals.take(call)

    def after(self, call: Call, outcome: Outcome) -> None:
        """Record a finished command."""
        is_refused = self._arrivals.take(call)
        if call.name in OF_DRIVERS:
            return
        if self._bytes > MOST_BYTES:
            self.left_out += 1
            return
        clock = call.services.clock
        entry = TappedCommand(
            call.name,
            call.db,
            encode(_whole(call)),
            encode(_plain_reply(outcome, call.injected or ())),
            "refused" if is_refused else "retried" if call.retried else "ran",
            clock.now_ms(),
            clock.system_ms(),
            bool(self._own) and self._own in (call.client.application, call.body.get("comment")),
        )
        self._bytes += len(entry.command) + len(entry.reply)
        self._entries.append(entry)

    def note_state(self, collections: list[DumpedCollection]) -> None:
        """Record the contents of all collections after they were changed without a command."""
        self._entries.append(TappedState(collections))

    def take(self) -> list[Tapped]:
        """Remove all entries that were recorded since the last call, and return them."""
        entries, self._entries, self._bytes = self._entries, [], 0
        return entries


def _whole(call: Call) -> dict[str, Any]:
    """Return a command's body, with its document sequences included as arrays."""
    return {**call.body, **{name: list(map(RawDocument, documents)) for name, documents in call.message.sequences.items()}}


def _plain_reply(outcome: Outcome, injected: Iterable[str]) -> dict[str, Any]:
    """Return a reply, or an error as a reply, without the fields that a fail point has added."""
    if isinstance(outcome, CommandError):
        outcome = {"ok": 0.0, "errmsg": outcome.message, "code": outcome.code, "codeName": outcome.code_name, **outcome.info}
    return {"ok": 1.0, **{name: value for name, value in outcome.items() if name not in injected}}
