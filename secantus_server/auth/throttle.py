"""The delay of logins from addresses with many failed ones."""

from __future__ import annotations

from collections import OrderedDict

from secantus_server.clock import Clock
from secantus_server.system._threads import Lock

#: Failures after which the answers to further logins are delayed.
FREE_FAILURES = 10
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
#: An address without failures for this long is forgotten.
MEMORY_S = 60.0
MAX_ADDRESSES = 10_000


class Throttle:
    """Counts the failed logins of each address.

    Threads: `_lock` guards `_failures`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        # Address -> the number of failures and the time of the last one, the address with the latest failure at the end.
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note_failure(self, address: str) -> None:
        """Count a failed login."""
        now = self._clock.monotonic()
        with self._lock:
            count, last = self._failures.pop(address, (0, now))
            self._failures[address] = (1 if now - last > MEMORY_S else count + 1, now)
            if len(self._failures) > MAX_ADDRESSES:
                self._failures.popitem(last=False)

    def note_success(self, address: str) -> None:
        """Forget the failures of an address."""
        if self._failures:
            with self._lock:
                self._failures.pop(address, None)

    def delay_s(self, address: str) -> float:
        """Return how long the answer to the next message of a login from an address is delayed."""
        if not self._failures:
            return 0.0
        with self._lock:
            count, last = self._failures.get(address, (0, 0.0))
        beyond = count - FREE_FAILURES
        if beyond < 0 or self._clock.monotonic() - last > MEMORY_S:
            return 0.0
        return min(FIRST_DELAY_S * 2.0 ** min(beyond, 10), LONGEST_DELAY_S)
