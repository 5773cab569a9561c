"""The open scans of a cursor, and the transaction that they currently read in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from secantus_server.storage import RecoveryUnit


class Reader(Protocol):
    """A scan, or any other source that reads in successive transactions."""

    @property
    def collection(self) -> Any:
        """The collection that is read, or None if its drop does not matter."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the reader is exhausted."""
        ...

    def attach(self, unit: RecoveryUnit) -> None:
        """Read in this unit's transaction."""
        ...

    def detach(self) -> None:
        """Detach from the transaction."""
        ...

    def close(self) -> None:
        """Detach for good."""
        ...


class Tie:
    """A reader that reads nothing: it makes the cursor end when the collection is dropped, for repeated lookups in it.

    Arguments:
        collection: the collection.
    """

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.finished = False

    def attach(self, unit: RecoveryUnit) -> None:
        """Do nothing."""

    def detach(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Finish, so that the collection's drop no longer ends the cursor."""
        self.finished = True


AnyReader = TypeVar("AnyReader", bound=Reader)


class ReadScope:
    """All scans of a cursor, which are detached from a transaction and attached to the next one together.

    Arguments:
        unit: the recovery unit to begin with; its transaction has begun.
        catalog: the catalog as that transaction sees it.
    """

    def __init__(self, unit: RecoveryUnit | None = None, catalog: Any = None) -> None:
        self._unit = unit
        self.catalog = catalog
        self._scans: list[Reader] = []

    @property
    def unit(self) -> RecoveryUnit:
        """The recovery unit that the scans currently read in."""
        assert self._unit is not None, "the scope is detached"
        return self._unit

    def open(self, scan: AnyReader) -> AnyReader:
        """Attach a new scan to this scope."""
        scan.attach(self.unit)
        self._scans.append(scan)
        return scan

    def forget(self, scan: Reader) -> None:
        """Close a scan before the scope ends."""
        scan.close()
        self._scans.remove(scan)

    def attach(self, unit: RecoveryUnit, verify: Callable[[Any], None] | None = None, catalog: Any = None) -> None:
        """Go on in this unit's transaction.

        Arguments:
            verify: asked about the collection of each scan that is not finished; it raises if that is not there any more.
            catalog: the catalog as that transaction sees it.
        """
        self._unit = unit
        self.catalog = catalog
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
