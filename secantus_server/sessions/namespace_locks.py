"""Locks on namespaces, which prevent catalog changes of the collections that open transactions use.

A transaction uses a collection until the transaction ends. A change of the collection (drop, rename, collMod, an index) waits until no
open transaction uses it. While a change waits or runs, a transaction that begins to use the collection waits until the change has ended.

https://www.mongodb.com/docs/manual/core/transactions-production-consideration/
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
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
        # The id of the thread that changes each namespace.
        self._owners: dict[Namespace, int] = {}

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

    def try_change(self, namespaces: Collection[Namespace]) -> bool:
        """Begin a change of namespaces, which the caller ends with `end_change`.

        Return False, without beginning a change, if a transaction uses one of the namespaces or another thread changes it.

        A thread may nest its changes.
        """
        with self._changed:
            for namespace in namespaces:
                if self._is_busy(namespace):
                    return False
            for namespace in namespaces:
                self._claim(namespace)
        return True

    def end_change(self, namespaces: Iterable[Namespace]) -> None:
        """End a change that `try_change` has begun."""
        with self._changed:
            for namespace in namespaces:
                self._unclaim(namespace)
            self._changed.notify_all()

    @contextmanager
    def change(self, namespaces: Iterable[Namespace], check: Check) -> Iterator[None]:
        """Return a context manager that waits until no open transaction uses the namespaces, and reserves them in the `with` block.

        Arguments:
            check: raises an error if the waiting operation was killed or timed out.
        """
        wanted, me = list(namespaces), get_ident()
        with self._changed:
            for namespace in wanted:
                self._claim(namespace)
        try:
            with self._changed:
                while any(self._is_busy(namespace) for namespace in wanted):
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
                    self._unclaim(namespace)
                self._changed.notify_all()

    def _wait(self, timeout_s: float) -> None:
        me = get_ident()
        self.waiting.add(me)
        self._changed.wait(timeout_s)
        self.waiting.discard(me)

    def _is_busy(self, namespace: Namespace) -> bool:
        return namespace in self._users or self._owners.get(namespace, get_ident()) != get_ident()

    def _claim(self, namespace: Namespace) -> None:
        self._claims[namespace] = self._claims.get(namespace, 0) + 1

    def _unclaim(self, namespace: Namespace) -> None:
        self._claims[namespace] -= 1
        if not self._claims[namespace]:
            del self._claims[namespace]
