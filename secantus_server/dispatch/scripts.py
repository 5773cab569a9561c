"""Creates the JavaScript engine of a command and sets its limits.

https://www.mongodb.com/docs/manual/core/server-side-javascript/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.differences import JAVASCRIPT_UTC
from secantus_server.dispatch.operations import Operation
from secantus_server.errors import CommandError
from secantus_server.modules import import_late

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.javascript import Engine

#: MongoDB's parameters that limit the memory of a command's scripts and the time of one call, with their defaults.
HEAP_LIMIT, HEAP_LIMIT_MB = "internalQueryJavaScriptHeapSizeLimitMB", 100
CALL_LIMIT, CALL_LIMIT_MS = "internalQueryJavaScriptFnTimeoutMillis", 60_000

_DISABLED = {
    "$where": (2, "no globalScriptEngine in $where parsing"),
    "mapReduce": (16149, "cannot run map reduce without the js engine"),
}
_DISABLED_OTHERWISE = (31264, "Cannot run server-side javascript without the javascript engine enabled")
_SHORTEST_CALL_S = 0.001


def open_engine(services: Services, operation: Operation, name: str) -> Engine:
    """Return a new JavaScript engine for a command.

    Arguments:
        operation: the command's operation. A getMore on the command's cursor uses the same engine, with the getMore's time limit.
        name: the operator or command that needs the engine.

    Raises:
        CommandError: 238 if the JavaScript package is not installed; 2, 16149 or 31264 if JavaScript is disabled on the server.
    """
    if not services.settings.javascript_enabled:
        raise CommandError(*_DISABLED.get(name, _DISABLED_OTHERWISE))

    def max_seconds() -> float:
        seconds = float(services.parameters.get(CALL_LIMIT, CALL_LIMIT_MS)) / 1000
        current = services.operations.current(operation)
        if current is None:
            return seconds
        current.check()
        return seconds if current.deadline is None else max(min(seconds, current.seconds_left()), _SHORTEST_CALL_S)

    megabytes = int(services.parameters.get(HEAP_LIMIT, HEAP_LIMIT_MB))
    offset_ms = services.clock.now_ms() - services.clock.system_ms()
    engine: Engine = import_late("secantus_server.javascript.engine").Engine(
        megabytes << 20, max_seconds, offset_ms, has_utc_dates=services.release.has(JAVASCRIPT_UTC)
    )
    return engine
