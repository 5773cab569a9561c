"""The fail points maxTimeAlwaysTimeOut and maxTimeNeverTimeOut, for commands with `maxTimeMS`.

For getMore, `work/cursor_fail_points.py` applies them, because the time limit of a getMore belongs to its cursor.
"""

from __future__ import annotations

from secantus_server.dispatch.failing_time_limits import ALWAYS, NEVER, apply_to_limit
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.services import Services


class TimeLimits(Interceptor):
    """An interceptor that makes time limits expire immediately, or never. It is active while maxTimeAlwaysTimeOut or maxTimeNeverTimeOut
    is set.
    """

    def __init__(self, services: Services) -> None:
        self._points = services.fail_points

    @property
    def is_active(self) -> bool:
        """Return whether maxTimeAlwaysTimeOut or maxTimeNeverTimeOut is set."""
        return ALWAYS in self._points.active or NEVER in self._points.active

    def before(self, call: Call) -> None:
        """Raise a timeout error for a command with a time limit, or remove the limit.

        Raises:
            CommandError: 50 MaxTimeMSExpired.
        """
        apply_to_limit(self._points, call.operation)
