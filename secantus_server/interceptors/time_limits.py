"""The fail points maxTimeAlwaysTimeOut and maxTimeNeverTimeOut, which concern the commands with a time limit (`maxTimeMS`)."""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.fail_point_data import check_fields
from secantus_server.dispatch.fail_points import fail_point
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError

ALWAYS, NEVER = "maxTimeAlwaysTimeOut", "maxTimeNeverTimeOut"


@fail_point(ALWAYS)
def parse_always(data: dict[str, Any]) -> None:
    """Parse the data of maxTimeAlwaysTimeOut, which takes none."""
    check_fields(ALWAYS, data, ())


@fail_point(NEVER)
def parse_never(data: dict[str, Any]) -> None:
    """Parse the data of maxTimeNeverTimeOut, which takes none."""
    check_fields(NEVER, data, ())


class TimeLimits(Interceptor):
    """Makes time limits pass at once, or never; active while one of the two fail points is set."""

    def __init__(self, services: Services) -> None:
        self._points = services.fail_points

    @property
    def is_active(self) -> bool:
        """Whether one of the fail points is set."""
        return ALWAYS in self._points.active or NEVER in self._points.active

    def before(self, call: Call) -> None:
        """Make a command with a time limit fail, or lift the limit.

        Raises:
            CommandError: 50 MaxTimeMSExpired.
        """
        if call.operation.deadline is None:
            return
        if ALWAYS in self._points.active and self._points.enter(ALWAYS) is not None:
            raise CommandError(50, "operation exceeded time limit")
        if NEVER in self._points.active and self._points.enter(NEVER) is not None:
            call.operation.deadline = None
