"""The fail point onPrimaryTransactionalWrite: a retryable write whose connection closes after its commit, or that fails before it.

https://github.com/mongodb/specifications/blob/master/source/retryable-writes/tests/README.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from secantus_server.dispatch import fail_point_data as fields
from secantus_server.dispatch.fail_points import FailPoints, InjectedError, fail_point
from secantus_server.errors import CloseConnection

if TYPE_CHECKING:
    from secantus_server.dispatch.registry import Reply
    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.unit_of_work import CatalogTransaction, Check, ReadTransaction, Transaction, UnitOfWork
    from secantus_server.sessions.namespace_locks import Namespace

FAIL_POINT = "onPrimaryTransactionalWrite"
_FIELDS = frozenset(["closeConnection", "failBeforeCommitExceptionCode"])

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """The data of onPrimaryTransactionalWrite.

    Arguments:
        closes: whether the connection is closed.
        code: the error that a write fails with before its commit; None if it commits.
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
    """A unit of work whose commits of documents enter the fail point.

    `has_committed` tells whether one was committed, `has_failed` whether one was prevented, `closes` whether the connection is to be
    closed after the command.

    Arguments:
        work: commits.
    """

    def __init__(self, work: UnitOfWork, points: FailPoints) -> None:
        self._work = work
        self._points = points
        self.has_committed = self.has_failed = self.closes = False

    def reading(self) -> AbstractContextManager[ReadTransaction]:
        """See `UnitOfWork.reading`."""
        return self._work.reading()

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        """See `UnitOfWork.write`.

        Raises:
            CloseConnection: the fail point closes the connection before the commit.
        """
        acting: Failure | None = None
        writes = False

        def run(transaction: Transaction) -> T:
            nonlocal acting, writes
            result = body(transaction)
            writes = any(one.changes for one in transaction.writes)
            if writes and acting is None and (found := self._points.enter(FAIL_POINT)) is not None:
                acting = found.data
            if writes and acting is not None and acting.code is not None:
                self._fail(acting)
            return result

        result = self._work.write(run, check)
        self.has_committed = self.has_committed or writes
        self.closes = self.closes or (writes and acting is not None and acting.closes)
        return result

    def change_catalog(
        self, body: Callable[[CatalogTransaction], T], check: Check, *, exclusive: bool = False, namespaces: Sequence[Namespace] = ()
    ) -> T:
        """See `UnitOfWork.change_catalog`."""
        return self._work.change_catalog(body, check, exclusive=exclusive, namespaces=namespaces)

    def _fail(self, failure: Failure) -> None:
        self.has_failed = True
        if failure.closes:
            raise CloseConnection("onPrimaryTransactionalWrite fails a write and closes the connection")
        assert failure.code is not None, "it fails with a code"
        raise InjectedError(failure.code, f"Failing write due to the fail point {FAIL_POINT}: it is not committed", None)


def run_failing(request: Request, run: Callable[[], Reply]) -> Reply:
    """Run a retryable write while the fail point is set.

    Arguments:
        run: runs it once.

    Raises:
        CloseConnection: the fail point closes the connection.
        CommandError: the errors of the write.
    """
    retries, session = request.services.sessions.retries, request.session
    before = None if session is None else retries.of(session)
    request.work = work = _FailingWork(request.work, request.services.fail_points)
    try:
        reply = run()
    finally:
        if work.has_failed and not work.has_committed and session is not None:
            retries.withdraw(session, before)
    if work.closes:
        raise CloseConnection(f"{FAIL_POINT} closes the connection after a commit")
    return reply
