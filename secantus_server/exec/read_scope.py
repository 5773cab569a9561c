"""Read scopes: all scans of one cursor, their current transaction, and the operation that may interrupt them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from secantus_server.exec._scan import ScopeCheck
from secantus_server.exec.interruption import never_interrupt
from secantus_server.records import Protocol
from secantus_server.storage import RecoveryUnit


class Reader(Protocol):
    """The interface of scans and of other objects that read in a sequence of transactions."""

    @property
    def collection(self) -> Any:
        """Return the collection that the reader depends on, or None. The cursor fails if this collection is dropped."""

    @property
    def finished(self) -> bool:
        """Return whether the reader has reached the end of its data."""

    def attach(self, unit: RecoveryUnit) -> None:
        """Attach the reader to this unit's transaction."""

    def detach(self) -> None:
        """Detach the reader from its transaction."""

    def close(self) -> None:
        """Close the reader permanently."""


class Tie:
    """A reader that reads nothing but makes a cursor depend on a collection.

    It is used by a cursor that looks up documents in a collection without a scan, so that the cursor fails if the collection is dropped.

    Arguments:
        collection: the collection.
    """

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.finished = False

    def attach(self, unit: RecoveryUnit) -> None:
        """Do nothing, because this reader reads nothing."""

    def detach(self) -> None:
        """Do nothing, because this reader reads nothing."""

    def close(self) -> None:
        """Release the reference to the collection."""
        self.finished = True


AnyReader = TypeVar("AnyReader", bound=Reader)


class ReadScope:
    """All scans of a cursor. Together, they detach from one transaction and continue in another one.

    Code that reads in the scope calls `check` regularly, which raises an error if the current operation was interrupted. A getMore passes
    its own check to `attach`.

    Arguments:
        unit: the first recovery unit; its transaction must have begun.
        check: the interruption check of the operation.
        catalog: the catalog in the transaction of `unit`.

    Attributes:
        check: a function that raises if the current operation was interrupted; its errors are those of `Operation.check`.
    """

    def __init__(self, unit: RecoveryUnit | None = None, check: Callable[[], None] = never_interrupt, catalog: Any = None) -> None:
        self._unit = unit
        self.check = ScopeCheck(check)
        self.catalog = catalog
        self._scans: list[Reader] = []

    @property
    def unit(self) -> RecoveryUnit:
        """Return the recovery unit of the current transaction."""
        assert self._unit is not None, "the scope is detached"
        return self._unit

    def open(self, scan: AnyReader) -> AnyReader:
        """Add a new scan to this scope, attach it to the current transaction, and return it."""
        scan.attach(self.unit)
        self._scans.append(scan)
        return scan

    def forget(self, scan: Reader) -> None:
        """Close one scan and remove it from the scope."""
        scan.close()
        self._scans.remove(scan)

    def attach(
        self,
        unit: RecoveryUnit,
        verify: Callable[[Any], None] | None = None,
        check: Callable[[], None] | None = None,
        catalog: Any = None,
    ) -> None:
        """Attach all scans to this unit's transaction, in which they continue.

        Arguments:
            verify: called with the collection of each scan that is not finished; raises an error if the collection was dropped.
            check: the interruption check of the current operation; None retains the previous check.
            catalog: the catalog in the transaction of `unit`.
        """
        self._unit = unit
        self.catalog = catalog
        if check is not None:
            self.check.target = check
        self._scans = [scan for scan in self._scans if not scan.finished]
        for scan in self._scans:
            if verify is not None and scan.collection is not None:
                verify(scan.collection)
            scan.attach(unit)

    def detach(self) -> None:
        """Detach all scans from their transaction."""
        for scan in self._scans:
            scan.detach()
        self._unit = None

    def close(self) -> None:
        """Close all scans."""
        for scan in self._scans:
            scan.close()
        self._scans.clear()
        self._unit = None
