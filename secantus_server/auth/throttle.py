"""The delay of logins from addresses with many failed ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from secantus_server.clock import Clock
from secantus_server.system._threads import Lock

#: Failures of an address after which its logins are delayed.
FREE_FAILURES = 10
#: The delay doubles with each further failure, up to this multiple of the first one.
MAX_FACTOR = 64
#: A login that would have to wait for longer is refused.
MAX_WAIT_S = 30.0
#: An address without failures for this long is forgotten.
MEMORY_S = 60.0
MAX_ADDRESSES = 10_000


@dataclass
class _Address:
    failures: int = 0
    last_failure: float = 0.0
    # When the next login may be answered: logins on several connections wait for each other.
    free_at: float = 0.0


class Throttle:
    """Counts the failed logins of each address.

    A successful login does not clear the count: otherwise a client with one password could try as many others as it likes.

    Threads: `_lock` guards `_addresses`.

    Arguments:
        first_delay_s: the delay after `FREE_FAILURES` failures; 0 for none.
    """

    def __init__(self, clock: Clock, first_delay_s: float) -> None:
        self._clock = clock
        self._first_delay_s = first_delay_s
        self._lock = Lock()
        # The address with the latest failure is at the end.
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def note_failure(self, address: str) -> None:
        """Count a failed login."""
        if not self._first_delay_s:
            return
        now = self._clock.monotonic()
        with self._lock:
            known = self._addresses.pop(address, None)
            if known is None or now - known.last_failure > MEMORY_S:
                known = _Address()
            known.failures += 1
            known.last_failure = now
            self._addresses[address] = known
            if len(self._addresses) > MAX_ADDRESSES:
                self._addresses.popitem(last=False)

    def take_turn(self, address: str) -> float | None:
        """Return for how many seconds a login must wait; None if others of its address wait already for too long."""
        if not self._addresses:
            return 0.0
        now = self._clock.monotonic()
        with self._lock:
            known = self._addresses.get(address)
            if known is None or known.failures < FREE_FAILURES or now - known.last_failure > MEMORY_S:
                return 0.0
            delay = self._first_delay_s * min(2 ** (known.failures - FREE_FAILURES), MAX_FACTOR)
            free_at: float = max(now, known.free_at) + delay
            if free_at - now > MAX_WAIT_S:
                return None
            known.free_at = free_at
            return free_at - now
