"""The fail point onPrimaryTransactionalWrite, which makes a retryable write fail before its commit.

It can also close the connection, either before or after the commit.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/tests/README.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from secantus_server.dispatch import fail_point_data as fields
from secantus_server.dispatch.fail_points import FailPoints, InjectedError, fail_point
from secantus_server.errors import CloseConnection
from secantus_server.records import record

if TYPE_CHECKING:
    from secantus_server.dispatch.registry import Reply
    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.unit_of_work import CatalogTransaction, Check, ReadTransaction, Transaction, UnitOfWork
    from secantus_server.sessions.namespace_locks import Namespace

FAIL_POINT = "onPrimaryTransactionalWrite"
_FIELDS = frozenset(["closeConnection", "failBeforeCommitExceptionCode"])

T = TypeVar("T")


@record(frozen=True)
class Failure:
    """The parsed data of the fail point onPrimaryTransactionalWrite.

    Arguments:
        closes: whether to close the connection.
        code: the code of the error that is raised before the commit; None to let the write commit.
    """

    closes: bool
    code: int | None


@fail_point(FAIL_POINT)
def parse_failure(data: dict[str, Any]) -> Failure:
    """Parse the data of onPrimaryTransactionalWrite.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue, 238 for an unknown field.
    """
    fields.check_fields(FAIL_POINT, data, _FIELDS)
    return Failure(fields.flag(data, "closeConnection", True), fields.whole(data, "failBeforeCommitExceptionCode"))


class _FailingWork:
    """A unit of work that triggers the fail point onPrimaryTransactionalWrite when documents are written.

    After the command, `closes` is True if the connection must be closed.

    Arguments:
        work: the wrapped unit of work, which executes the writes.
    """

    def __init__(self, work: UnitOfWork, points: FailPoints) -> None:
        self._work = work
        self._points = points
        self.closes = False

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """Start a read in the wrapped unit of work; see `UnitOfWork.reading`."""
        return self._work.reading()

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """Write through the wrapped unit of work, as `UnitOfWork.write` does, but enter the fail point before the commit.

        Raises:
            CloseConnection: the fail point closes the connection before the commit.
        """
        acting: Failure | None = None
        has_entered = False

        def run(transaction: Transaction) -> T:
            # The body runs again after a write conflict, but the write must enter the fail point only once.
            nonlocal acting, has_entered
            result = body(transaction)
            changed = sum(len(one.changes) for one in transaction.writes)
            if changed and not has_entered:
                acting, has_entered = self._enter(changed), True
            if changed and acting is not None and acting.code is not None:
                raise _failure(acting.code, acting.closes)
            return result

        result = self._work.write(run, check)
        self.closes = self.closes or (acting is not None and acting.closes)
        return result

    def _enter(self, documents: int) -> Failure | None:
        """Enter the fail point once for each document that a commit changes, until the fail point is triggered."""
        for _ in range(documents):
            found = self._points.enter(FAIL_POINT)
            if found is not None:
                failure: Failure = found.data
                return failure
        return None

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """Change the catalog through the wrapped unit of work; see `UnitOfWork.change_catalog`."""
        return self._work.change_catalog(body, check, exclusive=exclusive, namespaces=namespaces)


def _failure(code: int, closes: bool) -> Exception:
    """Return the exception that the fail point raises before the commit of a write, so that nothing is committed."""
    if closes:
        return CloseConnection(f"{FAIL_POINT} fails a write and closes the connection")
    return InjectedError(code, f"Failing write due to the fail point {FAIL_POINT}: it is not committed", None)


def run_failing(request: Request, run: Callable[[], Reply]) -> Reply:
    """Run a retryable write while the fail point onPrimaryTransactionalWrite is set.

    Arguments:
        run: executes the write with `request.work`.

    Raises:
        CloseConnection: the fail point closes the connection.
        CommandError: the errors of the write.
    """
    request.work = work = _FailingWork(request.work, request.services.fail_points)
    reply = run()
    if work.closes:
        raise CloseConnection(f"{FAIL_POINT} closes the connection after a commit")
    return reply
