"""The fail points of find and getMore: waitInFindBeforeMakingBatch, waitAfterPinningCursorBeforeGetMoreBatch and
failGetMoreAfterCursorCheckout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from secantus_server.dispatch import fail_point_data as fields
from secantus_server.dispatch.fail_points import InjectedError, fail_point
from secantus_server.dispatch.failing_time_limits import apply_to_limit
from secantus_server.dispatch.request import Request
from secantus_server.errors import CloseConnection, CommandError

WAIT_IN_FIND = "waitInFindBeforeMakingBatch"
WAIT_IN_GET_MORE = "waitAfterPinningCursorBeforeGetMoreBatch"
FAIL_GET_MORE = "failGetMoreAfterCursorCheckout"
_IGNORED = ("failCommands", "errmsg")


@dataclass(frozen=True)
class Failure:
    """The parsed data of the fail point failGetMoreAfterCursorCheckout.

    Arguments:
        closes: whether to close the connection instead of replying.
        code: the error code of the reply.
        labels: the error labels; None means the labels that the server adds for this code.
    """

    closes: bool
    code: int
    labels: tuple[str, ...] | None


@fail_point(FAIL_GET_MORE)
def parse_failure(data: dict[str, Any]) -> Failure:
    """Parse the data of failGetMoreAfterCursorCheckout.

    As in MongoDB, `failCommands` and `errmsg` are ignored. Driver tests set them because the fail point failCommand supports them.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue, 72 InvalidOptions without an error code, 238 for an unknown field.
    """
    fields.check_fields(FAIL_GET_MORE, data, ("closeConnection", "errorCode", "errorLabels", *_IGNORED))
    code, closes = fields.whole(data, "errorCode"), fields.flag(data, "closeConnection")
    if code is None and not closes:
        raise CommandError(72, f"{FAIL_GET_MORE} needs an 'errorCode'")
    return Failure(closes, code or 0, fields.texts(data, "errorLabels"))


def _parse_wait(name: str, data: dict[str, Any]) -> str | None:
    """Return the namespace to which a waiting fail point is limited, or None.

    Raises:
        CommandError: 14 TypeMismatch, 238 for an unknown field.
    """
    fields.check_fields(name, data, ("nss",))
    return fields.text(data, "nss")


for _name in (WAIT_IN_FIND, WAIT_IN_GET_MORE):
    fail_point(_name)(partial(_parse_wait, _name))


def enter_find(request: Request, namespace: str) -> None:
    """Block a find before it reads, until the fail point waitInFindBeforeMakingBatch is disabled.

    Raises:
        CommandError: if the find was interrupted.
    """
    _hold(request, WAIT_IN_FIND, namespace)


def enter_get_more(request: Request, namespace: str) -> None:
    """Apply the fail points of getMore after the cursor is checked out and before it is read: block, fail, or close the connection.

    Raises:
        CommandError: if the getMore must fail or was interrupted.
        CloseConnection: if failGetMoreAfterCursorCheckout closes the connection.
    """
    points = request.services.fail_points
    apply_to_limit(points, request.operation)
    _hold(request, WAIT_IN_GET_MORE, namespace)
    if (acting := points.enter(FAIL_GET_MORE)) is None:
        return
    failure: Failure = acting.data
    if failure.closes:
        raise CloseConnection(f"{FAIL_GET_MORE} closes the connection")
    raise InjectedError(failure.code, f"Hit the '{FAIL_GET_MORE}' failpoint", failure.labels)


def _hold(request: Request, name: str, namespace: str) -> None:
    points = request.services.fail_points
    found = points.active.get(name)
    if found is not None and found.data in (None, namespace):
        points.hold(name, request.operation)
