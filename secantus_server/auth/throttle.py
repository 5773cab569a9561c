"""The delay of logins after many failed ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from secantus_server.clock import Clock
from secantus_server.system._threads import Lock

#: Failures after which logins are delayed: those of one user from an address, and those of all users from it.
FREE_FAILURES = 10
FREE_FAILURES_OF_ADDRESS = 100
#: The delay doubles with each further failure, up to this multiple of the first one.
MAX_FACTOR = 64
#: A login that would have to wait for longer is refused.
MAX_WAIT_S = 30.0
#: Failures are forgotten when none has followed for this long.
MEMORY_S = 60.0
MAX_SOURCES = 10_000

# An address, or an address and a user.
Source = tuple[str, ...]


@dataclass
class _Failures:
    count: int = 0
    last: float = 0.0
    # When the next login may be answered: logins on several connections wait for each other.
    free_at: float = 0.0


class Throttle:
    """Counts the failed logins of each address, and of each user from there.

    The delay comes before the password is checked: a client that learned of a right one at once would not wait for the end of a wrong one.
    So that a client with a wrong password does not hold up the others of its machine, the failures of one user delay only that user.

    A successful login does not clear the counts: otherwise a client with one password could try as many others as it likes.

    Threads: `_lock` guards `_failures`.

    Arguments:
        first_delay_s: the delay after the free failures; 0 for none.
    """

    def __init__(self, clock: Clock, first_delay_s: float) -> None:
        self._clock = clock
        self._first_delay_s = first_delay_s
        self._lock = Lock()
        # The source of the latest failure is at the end.
        self._failures: OrderedDict[Source, _Failures] = OrderedDict()

    def note_failure(self, address: str, user: str = "") -> None:
        """Count a failed login.

        Arguments:
            user: the name and database, or "" if the login failed before they were known.
        """
        if not self._first_delay_s:
            return
        now = self._clock.monotonic()
        with self._lock:
            for source in _sources(address, user):
                known = self._failures.pop(source, None)
                if known is None or now - known.last > MEMORY_S:
                    known = _Failures()
                known.count += 1
                known.last = now
                self._failures[source] = known
            while len(self._failures) > MAX_SOURCES:
                self._failures.popitem(last=False)

    def take_turn(self, address: str, user: str = "") -> float | None:
        """Return for how many seconds a login must wait; None if others before it wait already for too long."""
        if not self._failures:
            return 0.0
        now, wait = self._clock.monotonic(), 0.0
        with self._lock:
            for source in _sources(address, user):
                known = self._failures.get(source)
                beyond = -1 if known is None else known.count - (FREE_FAILURES if len(source) > 1 else FREE_FAILURES_OF_ADDRESS)
                if known is None or beyond < 0 or now - known.last > MEMORY_S:
                    continue
                free_at: float = max(now, known.free_at) + self._first_delay_s * min(2**beyond, MAX_FACTOR)
                if free_at - now > MAX_WAIT_S:
                    return None
                known.free_at = free_at
                wait = max(wait, free_at - now)
        return wait


def _sources(address: str, user: str) -> tuple[Source, ...]:
    return ((address, user), (address,)) if user else ((address,),)
