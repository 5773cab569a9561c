"""The fail points maxTimeAlwaysTimeOut and maxTimeNeverTimeOut, for commands with `maxTimeMS`.

The time limit of a getMore belongs to its cursor; see `work/cursor_fail_points.py`.
"""

from __future__ import annotations

from secantus_server.dispatch.failing_time_limits import ALWAYS, NEVER, apply_to_limit
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.services import Services


class TimeLimits(Interceptor):
    """The interceptor that makes time limits expire at once, or never. It is active while one of the two fail points is set."""

    def __init__(self, services: Services) -> None:
        self._points = services.fail_points

    @property
    def is_active(self) -> bool:
        """Return whether one of the two fail points is set."""
        return ALWAYS in self._points.active or NEVER in self._points.active

    def before(self, call: Call) -> None:
        """Make a command with a time limit fail, or remove its limit.

        Raises:
            CommandError: 50 MaxTimeMSExpired.
        """
        apply_to_limit(self._points, call.operation)
