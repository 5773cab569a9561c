"""The fail point failCommand, which makes commands fail or wait, closes their connection, or adds a write concern error to the reply.

https://github.com/mongodb/specifications/blob/master/source/unified-test-format/unified-test-format.md#failpoint
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import decode
from secantus_server.dispatch import fail_point_data as fields
from secantus_server.dispatch.error_labels import OVERLOADED, backoff_fields, concern_labels
from secantus_server.dispatch.fail_points import InjectedError, base_name, fail_point
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.registry import command_to_run, is_command, writes
from secantus_server.dispatch.services import Services
from secantus_server.errors import CloseConnection, CommandError
from secantus_server.records import record

NAME = "failCommand"
_FIELDS = frozenset(
    """
    appName blockConnection blockTimeMS closeConnection errorCode errorExtraInfo errorLabels exceptCommands failAllCommands failCommands
    failInternalCommands namespace threadName writeConcernError
    """.split()
)
# Fields that have no effect. Tests of drivers set them, and MongoDB ignores them.
_IGNORED = frozenset(["codeName", "errmsg"])
# The error codes that tell a driver that the server is no longer the primary or is shutting down.
ROLE_CODES = frozenset([91, 189, 10107, 11600, 11602, 13435, 13436])
# The commands that configure fail points are never affected by failCommand.
_EXEMPT = frozenset(["configureFailPoint", "waitForFailPoint"])


@record(frozen=True)
class Failure:
    """The parsed data of the fail point failCommand.

    Arguments:
        commands: the names of the commands to which the fail point applies; None for all commands except `excepted`.
        excepted: the names of the commands to which the fail point never applies.
        app_name, thread_name, namespace: the fail point applies only to commands with these properties; None for any. The thread of a
            connection is named "conn" followed by the connection's number.
        internal: whether the fail point also applies to connections of other members of the cluster.
        block_s: how long the command waits before the fail point does anything else.
        closes: whether to close the connection without a reply.
        code: the code of the error to return, or None.
        labels: the error labels of the reply; None for the labels that the server usually adds.
        extra: further fields of the error.
        concern_error: the `writeConcernError` to add to the reply of the executed command, or None.
    """

    commands: frozenset[str] | None
    excepted: frozenset[str]
    app_name: str | None
    thread_name: str | None
    namespace: str | None
    internal: bool
    block_s: float
    closes: bool
    code: int | None
    labels: tuple[str, ...] | None
    extra: dict[str, Any]
    concern_error: dict[str, Any] | None

    @property
    def acts_before(self) -> bool:
        """Return whether the fail point takes effect before the command runs."""
        return self.ends_command or self.block_s > 0

    @property
    def ends_command(self) -> bool:
        """Return whether the fail point prevents the command from running."""
        return self.closes or self.code is not None


@fail_point(NAME, repeated=True)
def parse_failure(data: dict[str, Any]) -> Failure:
    """Parse the data of failCommand.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue, 72 InvalidOptions if `blockTimeMS` is missing, 238 for an unknown field.
    """
    fields.check_fields(NAME, data, _FIELDS | _IGNORED)
    every = fields.flag(data, "failAllCommands")
    # As in MongoDB, a fail point without command names is valid and acts on no command.
    commands = fields.texts(data, "failCommands") or ()
    block_ms = fields.whole(data, "blockTimeMS")
    blocks = fields.flag(data, "blockConnection")
    if blocks and block_ms is None:
        raise CommandError(72, "must specify 'blockTimeMS' when 'blockConnection' is true")
    return Failure(
        commands=None if every else _canonical(commands),
        excepted=_canonical(fields.texts(data, "exceptCommands") or ()),
        app_name=fields.text(data, "appName"),
        thread_name=fields.text(data, "threadName"),
        namespace=fields.text(data, "namespace"),
        internal=fields.flag(data, "failInternalCommands"),
        block_s=(block_ms or 0) / 1000 if blocks else 0,
        closes=fields.flag(data, "closeConnection"),
        code=fields.whole(data, "errorCode"),
        labels=fields.texts(data, "errorLabels"),
        extra=fields.document(data, "errorExtraInfo") or {},
        concern_error=fields.document(data, "writeConcernError"),
    )


def _canonical(names: tuple[str, ...]) -> frozenset[str]:
    """Return a set of command names in which each alias is replaced by the command's canonical name."""
    return frozenset(command_to_run(name).name if is_command(name) else name for name in names)


class FailCommand(Interceptor):
    """The interceptor for the fail point failCommand. It is active while failCommand is set, with or without a label.

    If several fail points apply to a command, those that do not prevent it from running are triggered first. The remaining fail points
    follow in the order in which they were set, until one of them ends the command.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._points = services.fail_points

    @property
    def is_active(self) -> bool:
        """Return whether failCommand is set."""
        return any(base_name(name) == NAME for name in self._points.active)

    def before(self, call: Call) -> None:
        """Trigger the failCommand fail points that match a command.

        Raises:
            CommandError: the error that the fail point injects, or the error that interrupted the operation.
            CloseConnection: the fail point closes the connection.
        """
        active = self._points.active
        found = [name for name, point in active.items() if base_name(name) == NAME and _concerns(point.data, call)]
        for name in sorted(found, key=lambda name: active[name].data.ends_command):
            if (acting := self._points.enter(name)) is not None:
                self._act(acting.data, call, is_fault=name != NAME)

    def _act(self, failure: Failure, call: Call, *, is_fault: bool) -> None:
        """Make a command wait, fail, or report a write concern error.

        Arguments:
            is_fault: whether the fail point has a label. After an error in `ROLE_CODES`, a driver uses the server again only when its
                awaitable hello (which waits for a topology change) returns. With MongoDB's fail point, this takes up to 10 seconds. A
                fail point with a label makes that hello return immediately, so that tests need not wait.

        Raises:
            CommandError: see `before`.
            CloseConnection: see `before`.
        """
        if failure.block_s:
            self._points.block(call.operation, failure.block_s)
        if failure.closes:
            raise CloseConnection(f"failCommand closes the connection of {call.name}")
        if failure.code is not None:
            extra = failure.extra
            if is_fault and failure.code in ROLE_CODES:
                extra = {"topologyVersion": self._services.topology.renew(), **extra}
            raise InjectedError(failure.code, "Failing command via 'failCommand' failpoint", failure.labels, extra)
        if failure.concern_error is not None and writes(command_to_run(call.name), call.body):
            call.injected = self._concern_fields(failure, call)
            if is_fault and failure.concern_error.get("code") in ROLE_CODES:
                call.injected["topologyVersion"] = self._services.topology.renew()

    def _concern_fields(self, failure: Failure, call: Call) -> dict[str, Any]:
        """Return the fields with which a reply reports a write concern error."""
        error = failure.concern_error
        assert error is not None, "the caller has looked"
        labels = failure.labels
        if labels is None:
            labels = concern_labels(command_to_run(call.name), call, error["code"]) if type(error.get("code")) is int else ()
        fields = {"writeConcernError": error, **({"errorLabels": list(labels)} if labels else {})}
        return {**fields, **backoff_fields(self._services)} if OVERLOADED in labels else fields


def _concerns(failure: Failure, call: Call) -> bool:
    """Return whether a fail point's data matches a command."""
    name = command_to_run(call.name).name
    if name in _EXEMPT or name in failure.excepted or (failure.commands is not None and name not in failure.commands):
        return False
    if not failure.acts_before and (failure.concern_error is None or not writes(command_to_run(call.name), call.body)):
        return False
    client = call.client
    return (
        (failure.internal or not client.is_internal)
        and failure.app_name in (None, _application(call))
        and failure.thread_name in (None, f"conn{client.connection_id}")
        and (failure.namespace is None or failure.namespace in _namespaces(call))
    )


def _application(call: Call) -> str:
    """Return the client's application name. While the connection's first hello runs, read the name from that hello."""
    if call.client.metadata is not None:
        return call.client.application
    client = call.body.get("client")
    application = client.get("application") if type(client) is dict else None
    return str(application.get("name", "")) if type(application) is dict else ""


def _namespaces(call: Call) -> Iterator[str]:
    """Yield the namespaces that occur in a command."""
    target = call.body["collection"] if "collection" in call.body else call.body[call.name]
    yield f"{call.db}.{target}" if type(target) is str else f"{call.db}.$cmd"
    inside = call.body.get("nsInfo")
    entries = [decode(entry) for entry in call.message.sequences.get("nsInfo", ())]
    for entry in [*(inside if type(inside) is list else ()), *entries]:
        if type(entry) is dict and type(entry.get("ns")) is str:
            yield entry["ns"]
