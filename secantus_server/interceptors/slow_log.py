"""Logs slow commands, or all commands if logComponentVerbosity requests that.

https://www.mongodb.com/docs/manual/reference/log-messages/#logging-slow-operations
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.concealed import shown_error
from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.dispatch.observer import NEVER_OBSERVED
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.modules import import_late

#: The module of the details. It imports the planner, so it is imported when the first command is logged.
_DETAILS = "secantus_server.work.operation_details"
#: The fields about the plan that a text log line shows.
_IN_TEXT = ("planSummary", "keysExamined", "docsExamined", "nreturned")
_IN_LOG = {"numYield": "numYields"}


class SlowLog(Interceptor):
    """An interceptor that logs commands that took longer than `slowms`."""

    def __init__(self, services: Services) -> None:
        self._observer = services.observer
        self._log = services.log

    @property
    def threshold_s(self) -> float:
        """Return the duration in seconds above which commands are logged."""
        return self._observer.log_threshold_s

    def after(self, call: Call, outcome: Outcome) -> None:
        """Log the command if it was slow, or if all commands are logged."""
        if call.seconds <= self._observer.log_threshold_s or call.name in NEVER_OBSERVED:
            return
        target = call.body.get("collection") if call.name == "getMore" else call.body[call.name]
        namespace = f"{call.db}.{target}" if type(target) is str else call.db
        line = f"{call.name} on {namespace}: {int(call.seconds * 1000)} ms (conn{call.client.connection_id})"
        details = import_late(_DETAILS)
        plan = {**details.plan_details(call), **details.cursor_details(outcome)}
        line += "".join(f" {name}:{plan[name]}" for name in _IN_TEXT if name in plan)
        if self._observer.is_slow(call):
            self._log.info(f"Slow command {line}", **_details(call, namespace, plan, outcome))
        elif self._observer.logs_all:
            self._log.debug(f"Command {line}", **_details(call, namespace, plan, outcome))


def _details(call: Call, namespace: str, plan: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Return the attributes of a command's log line for the structured log.

    They include MongoDB's message "Slow query", because log analysers search for it.
    """
    attributes: dict[str, Any] = {"type": "command", "ns": namespace, "appName": call.client.application}
    attributes["command"] = dict(call.operation.body)
    if call.operation.origin is not None:
        attributes["originatingCommand"] = dict(call.operation.origin.body)
    attributes |= {_IN_LOG.get(name, name): value for name, value in plan.items()}
    if isinstance(outcome, CommandError):
        attributes |= {"ok": 0, "errCode": outcome.code, "errName": outcome.code_name, "errMsg": shown_error(call, outcome.message)}
    details = import_late(_DETAILS)
    attributes |= {"reslen": details.reply_length(call, outcome), "locks": details.lock_counts(call)}
    attributes["remote"] = f"{call.client.address[0]}:{call.client.address[1]}"
    attributes["protocol"] = "op_msg"
    attributes["workingMillis"] = attributes["durationMillis"] = int(call.seconds * 1000)
    context = f"conn{call.client.connection_id}"
    return {"component": "COMMAND", "id": 51803, "context": context, "summary": "Slow query", "attributes": attributes}
