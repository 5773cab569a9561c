"""Locks on namespaces, which prevent catalog changes of the collections that open transactions use.

A transaction uses a collection until the transaction ends. A change of the collection (drop, rename, collMod, an index) waits until no
open transaction uses it. While a change waits or runs, a transaction that begins to use the collection waits until the change has ended.

https://www.mongodb.com/docs/manual/core/transactions-production-consideration/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from secantus_server.sessions._registries import NamespaceUses
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import get_ident

#: A database and a collection's name.
Namespace = tuple[str, str]
Check = Callable[[], None]

# The interval at which a waiting thread checks for interruption.
_PAUSE_S = 0.05


class NamespaceLocks(NamespaceUses):
    """The namespaces that open transactions use, and the namespaces that are being changed.

    `waiting` contains the ids of the threads that wait for a namespace lock.

    Threads: `_changed` guards all attributes, and is notified when a transaction or a change ends. Only lookups in `waiting` and
    `_claims` need no lock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[int] = set()

    def _await_changes(self, namespace: Namespace, timeout_s: float, check: Check) -> bool:
        """Wait until no change of a namespace waits or runs. Return False if the timeout expires first. The caller must hold `_changed`."""
        deadline = monotonic() + timeout_s
        while namespace in self._claims:
            check()
            left = deadline - monotonic()
            if left <= 0:
                return False
            self._wait(min(left, _PAUSE_S))
        return True

    @contextmanager
    def change(self, namespaces: Iterable[Namespace], check: Check) -> Iterator[None]:
        """Return a context manager that waits until no open transaction uses the namespaces, and reserves them in the `with` block.

        Arguments:
            check: raises an error if the waiting operation was killed or timed out.
        """
        wanted, me = list(namespaces), get_ident()
        with self._changed:
            for namespace in wanted:
                self.claim(namespace)
        try:
            with self._changed:
                while any(self.is_busy(namespace) for namespace in wanted):
                    check()
                    self._wait(_PAUSE_S)
                nested = {namespace for namespace in wanted if namespace in self._owners}
                self._owners.update(dict.fromkeys(wanted, me))
            try:
                yield
            finally:
                with self._changed:
                    for namespace in set(wanted) - nested:
                        del self._owners[namespace]
        finally:
            with self._changed:
                for namespace in wanted:
                    self.unclaim(namespace)
                self._changed.notify_all()

    def _wait(self, timeout_s: float) -> None:
        me = get_ident()
        self.waiting.add(me)
        self._changed.wait(timeout_s)
        self.waiting.discard(me)
