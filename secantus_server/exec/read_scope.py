"""The scans of one cursor, their current transaction, and the operation that may interrupt them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from secantus_server.exec.interruption import never_interrupt
from secantus_server.storage import RecoveryUnit


class Reader(Protocol):
    """A scan, or anything else that reads in a sequence of transactions."""

    @property
    def collection(self) -> Any:
        """Return the collection whose drop ends the cursor, or None."""
        ...

    @property
    def finished(self) -> bool:
        """Return whether the reader has read everything."""
        ...

    def attach(self, unit: RecoveryUnit) -> None:
        """Read in this unit's transaction."""
        ...

    def detach(self) -> None:
        """Detach from the transaction."""
        ...

    def close(self) -> None:
        """Detach from the transaction permanently. The reader cannot be used again."""
        ...


class Tie:
    """A reader that returns no documents.

    It ties a cursor to a collection in which the cursor looks up documents, so that a drop of the collection ends the cursor.

    Arguments:
        collection: the collection.
    """

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.finished = False

    def attach(self, unit: RecoveryUnit) -> None:
        """Do nothing: this reader reads nothing."""

    def detach(self) -> None:
        """Do nothing: this reader reads nothing."""

    def close(self) -> None:
        """Release the collection."""
        self.finished = True


AnyReader = TypeVar("AnyReader", bound=Reader)


class ReadScope:
    """All scans of a cursor. They detach from a transaction together and continue together in another transaction.

    All code that reads in the scope calls `check` regularly, which raises an error if the current operation was interrupted. A getMore
    passes its own check to `attach`.

    Arguments:
        unit: the first recovery unit; its transaction has begun.
        check: the interrupt check of the operation.
        catalog: the catalog as the transaction of `unit` sees it.
    """

    def __init__(self, unit: RecoveryUnit | None = None, check: Callable[[], None] = never_interrupt, catalog: Any = None) -> None:
        self._unit = unit
        self._check = check
        self.catalog = catalog
        self._scans: list[Reader] = []

    def check(self) -> None:
        """Raise an error if the current operation was interrupted.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        self._check()

    @property
    def unit(self) -> RecoveryUnit:
        """Return the recovery unit of the current transaction."""
        assert self._unit is not None, "the scope is detached"
        return self._unit

    def open(self, scan: AnyReader) -> AnyReader:
        """Attach a new scan to this scope."""
        scan.attach(self.unit)
        self._scans.append(scan)
        return scan

    def forget(self, scan: Reader) -> None:
        """Close a scan and remove it from the scope, before the scope ends."""
        scan.close()
        self._scans.remove(scan)

    def attach(
        self,
        unit: RecoveryUnit,
        verify: Callable[[Any], None] | None = None,
        check: Callable[[], None] | None = None,
        catalog: Any = None,
    ) -> None:
        """Continue all scans in this unit's transaction.

        Arguments:
            verify: called with the collection of each scan that is not finished; raises an error if the collection was dropped.
            check: the interrupt check of the current operation; None keeps the previous check.
            catalog: the catalog as the transaction of `unit` sees it.
        """
        self._unit = unit
        self.catalog = catalog
        if check is not None:
            self._check = check
        self._scans = [scan for scan in self._scans if not scan.finished]
        for scan in self._scans:
            if verify is not None and scan.collection is not None:
                verify(scan.collection)
            scan.attach(unit)

    def detach(self) -> None:
        """Detach all scans from the transaction."""
        for scan in self._scans:
            scan.detach()
        self._unit = None

    def close(self) -> None:
        """Close every scan."""
        for scan in self._scans:
            scan.close()
        self._scans.clear()
        self._unit = None
