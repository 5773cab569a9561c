"""Execution of commands with read concern "snapshot" outside of transactions. All batches of such a command read the same state of the
store.

https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar, cast

from secantus_server.dispatch.cluster_time import reach
from secantus_server.dispatch.registry import Command, Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction, Check, ReadTransaction, Transaction, UnitOfWork
from secantus_server.errors import not_supported
from secantus_server.work.snapshot_history import HeldSnapshot, SnapshotHistory

if TYPE_CHECKING:
    from secantus_server.sessions.namespace_locks import Namespace

T = TypeVar("T")


class SnapshotWork:
    """A `dispatch.unit_of_work.UnitOfWork` that reads one pinned state and delegates writes to another unit of work.

    Arguments:
        held: the pinned state that the command's thread reads.
        work: the unit of work that performs the writes.
    """

    def __init__(self, held: HeldSnapshot, work: UnitOfWork) -> None:
        self._held = held
        self._work = work

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Return a context manager for a read of the pinned state; see `UnitOfWork.reading`."""
        return nullcontext(self._held)

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Run a function that writes in the unit of work `work`; see `UnitOfWork.write`. The command must have paused its read."""
        return self._work.write(body, check)

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Run a function that changes the catalog in the unit of work `work`; see `UnitOfWork.change_catalog`.

        The command must have paused its read.
        """
        return self._work.change_catalog(body, check, exclusive=exclusive, namespaces=namespaces)


def run_in_snapshot(
    command: Command, request: Request, arguments: dict[str, Any], run: Callable[[Command, Request, dict[str, Any]], Reply]
) -> Reply:
    """Run a command with read concern "snapshot".

    Arguments:
        run: the function that runs the command.

    Raises:
        CommandError: 72 for a null or future `atClusterTime`, 239 SnapshotTooOld, 246 SnapshotUnavailable, and the command's errors.
    """
    history = cast(SnapshotHistory, request.services.history)
    held = _snapshot(request, history)
    with history.reading(held):
        request.snapshot, request.work = held, SnapshotWork(held, request.services.work)
        return run(command, request, arguments)


def _snapshot(request: Request, history: SnapshotHistory) -> HeldSnapshot:
    """Return the pinned state that the command reads, according to its read concern."""
    if request.body.get("tailable"):
        raise not_supported("readConcern snapshot with a tailable cursor", "use only one of them")
    wanted = request.body["readConcern"].get("atClusterTime")
    if wanted is None:
        return history.newest()
    reach(request.services, wanted, "atClusterTime")
    return history.at(wanted)
