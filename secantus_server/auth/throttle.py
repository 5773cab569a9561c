"""Delays logins after many failed login attempts."""

from __future__ import annotations

from collections import OrderedDict

from secantus_server.clock import Clock
from secantus_server.records import record
from secantus_server.system._threads import Lock

#: The number of failed logins that cause no delay. It applies both to one user from one address and to all users from one address.
FREE_FAILURES = 10
FREE_FAILURES_OF_ADDRESS = 100
#: The delay doubles with each further failure, up to this multiple of the first delay.
MAX_FACTOR = 64
#: The longest delay. A login that would be delayed longer is refused.
MAX_WAIT_S = 30.0
#: The failures of a source are forgotten if no other failure follows within this time.
MEMORY_S = 60.0
MAX_SOURCES = 10_000

# The source of logins: an address, or an address and a user.
Source = tuple[str, ...]


@record()
class _Failures:
    count: int = 0
    last: float = 0.0
    # The earliest time at which the next login from the source may be answered. The delays of simultaneous logins add up.
    free_at: float = 0.0


class Throttle:
    """A rate limiter for logins, which counts failures per address, and per user and address.

    A login is delayed before its password is checked. If only failed logins were delayed, an attacker could conclude from a late reply
    that the password is wrong, without waiting for the reply. At first, a user's failures delay only that user, so that a client with a
    wrong password does not delay the other clients on its machine. A successful login does not clear the counts. Otherwise a client that
    knows one password could try any number of other passwords.

    Threads: `_lock` guards `_failures`.

    Arguments:
        first_delay_s: the delay of the first delayed login; 0 disables the throttle.
    """

    def __init__(self, clock: Clock, first_delay_s: float) -> None:
        self._clock = clock
        self._first_delay_s = first_delay_s
        self._lock = Lock()
        # Ordered by the time of the latest failure, newest last.
        self._failures: OrderedDict[Source, _Failures] = OrderedDict()

    def note_failure(self, address: str, user: str = "") -> None:
        """Count a failed login.

        Arguments:
            user: the user's name and database, or "" if the login failed before they were known.
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
        """Return the delay of a login in seconds, or None if the login must be refused.

        Each call also increases the delay of later logins from the same source, so that concurrent logins queue up.
        """
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
