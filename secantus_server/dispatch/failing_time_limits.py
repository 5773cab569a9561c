"""The fail points maxTimeAlwaysTimeOut and maxTimeNeverTimeOut, which affect commands with a time limit (`maxTimeMS`)."""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.fail_point_data import check_fields
from secantus_server.dispatch.fail_points import FailPoints, fail_point
from secantus_server.dispatch.operations import Operation
from secantus_server.errors import CommandError

ALWAYS, NEVER = "maxTimeAlwaysTimeOut", "maxTimeNeverTimeOut"


@fail_point(ALWAYS)
def parse_always(data: dict[str, Any]) -> None:
    """Parse the data of maxTimeAlwaysTimeOut, which must be empty."""
    check_fields(ALWAYS, data, ())


@fail_point(NEVER)
def parse_never(data: dict[str, Any]) -> None:
    """Parse the data of maxTimeNeverTimeOut, which must be empty."""
    check_fields(NEVER, data, ())


def apply_to_limit(points: FailPoints, operation: Operation) -> None:
    """Trigger maxTimeAlwaysTimeOut or maxTimeNeverTimeOut for an operation with a time limit.

    The first makes the limit expire immediately, and the second removes the limit.

    Raises:
        CommandError: 50 MaxTimeMSExpired.
    """
    if operation.deadline is None:
        return
    if ALWAYS in points.active and points.enter(ALWAYS) is not None:
        raise CommandError(50, "operation exceeded time limit")
    if NEVER in points.active and points.enter(NEVER) is not None:
        operation.deadline = None
