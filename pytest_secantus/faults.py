"""Faults that a test injects into the server: commands that fail, are delayed, or lose their connection.

A `Fault` is immutable data, so a parametrized test can list faults. The fixture `secantus_faults` is a `Faults` object, which activates
them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypedDict

import pytest

from pytest_secantus.tracebacks import hidden_for
from secantus_server.diagnostics.plurals import counted
from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from typing_extensions import Unpack

__tracebackhide__ = hidden_for(pytest.UsageError)

#: MongoDB's IngressRequestRateLimitExceeded, and the labels of an overloaded server.
OVERLOAD_CODE: Final = 462
OVERLOADED: Final = "SystemOverloadedError"
RETRYABLE: Final = "RetryableError"
TIMED_OUT: Final = "waiting for replication timed out"
MAX_DELAY_S: Final = 1_000_000
#: The largest code and the largest count of MongoDB's fail points, which are 32-bit integers.
MAX_COUNT: Final = 2**31 - 1
#: The former name of hello, which drivers use for the first message of a connection.
LEGACY_HELLO: Final = "isMaster"
#: The commands with which a driver connects, watches the server and disconnects. A fault that names no commands does not affect them.
OF_CONNECTIONS: Final = ("hello", LEGACY_HELLO, "saslStart", "saslContinue", "logout", "endSessions")

_NUMBERS = count(1)


@dataclass(frozen=True, repr=False)
class Fault:
    """A fault that can be activated in the server.

    Arguments:
        name: the function that creates faults of this kind.
        title: describes the fault in the id of a parametrized test.
        commands: the commands that the fault affects. Empty for all commands except those that manage connections.
        arguments: the other arguments, for `repr`.
        data: the data of MongoDB's fail point failCommand.
        times: the number of commands that the fault affects; None for all.
        skip: the number of commands to let pass first.
    """

    name: str
    title: str
    commands: tuple[str, ...]
    arguments: Mapping[str, object]
    data: Mapping[str, Any] = field(hash=False)
    times: int | None = None
    skip: int = 0

    def __repr__(self) -> str:
        words = [*map(repr, self.commands), *(f"{name}={value!r}" for name, value in self.arguments.items())]
        return f"{self.name}({', '.join(words)})"

    def __hash__(self) -> int:
        return hash(repr(self))

    @property
    def id(self) -> str:
        """The fault's name in the id of a parametrized test, such as ``insert-fails-11600-twice``."""
        often = {None: "", 1: "-once", 2: "-twice"}.get(self.times, f"-{self.times}-times")
        limits = [str(self.arguments[name]) for name in ("client", "namespace") if name in self.arguments]
        skips = f"-after-{self.skip}" if self.skip else ""
        return "-".join(["+".join(self.commands) or "any-command", self.title]) + often + skips + "".join(f"-{one}" for one in limits)


class Limits(TypedDict, total=False):
    """Restrictions of a fault.

    Arguments:
        times: the number of commands that the fault affects. By default, the fault affects all commands until it is deactivated.
        skip: the number of commands to let pass first.
        client: affect only clients with this application name (``appname``).
        namespace: affect only commands on this collection, ``database.collection``.
    """

    times: int | None
    skip: int
    client: str | None
    namespace: str | None


def fail(
    *commands: str, code: int, labels: Sequence[str] | None = None, info: Mapping[str, Any] | None = None, **limits: Unpack[Limits]
) -> Fault:
    """Return a fault that makes commands fail: they are not executed, and the server replies with an error.

    Arguments:
        commands: the command names. By default, all commands except those with which a driver connects and disconnects.
        code: the error code of the reply.
        labels: the error labels of the reply, instead of those that the server would set.
        info: further fields of the error.
        limits: see `Limits`.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    check_count("fail", "code", code, 1)
    data = {"errorCode": code, **given(errorLabels=read_labels("fail", labels), errorExtraInfo=read_info("fail", info))}
    return make("fail", f"fails-{code}", commands, given(code=code, labels=labels, info=info), data, limits)


def drop_connection(*commands: str, **limits: Unpack[Limits]) -> Fault:
    """Return a fault that drops connections: the commands are not executed, and the server closes the connection without a reply.

    Arguments:
        commands: the command names, as for `fail`.
        limits: see `Limits`.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    return make("drop_connection", "drops-connection", commands, {}, {"closeConnection": True}, limits)


def delay(*commands: str, seconds: float, **limits: Unpack[Limits]) -> Fault:
    """Return a fault that delays commands: they wait before they are executed. Their `maxTimeMS` shortens the wait, as in MongoDB.

    Arguments:
        commands: the command names, as for `fail`.
        seconds: the duration of the delay.
        limits: see `Limits`.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < MAX_DELAY_S:
        raise pytest.UsageError(f"delay: seconds is {seconds!r}; it must be a positive number below {MAX_DELAY_S}")
    data = {"blockConnection": True, "blockTimeMS": max(round(seconds * 1000), 1)}
    return make("delay", f"waits-{seconds:g}s", commands, {"seconds": seconds}, data, limits)


def write_concern_error(
    *commands: str, code: int = 64, message: str = TIMED_OUT, labels: Sequence[str] | None = None, **limits: Unpack[Limits]
) -> Fault:
    """Return a fault that adds a write concern error to the replies of write commands. The commands are executed.

    Arguments:
        commands: the command names, as for `fail`.
        code: the code of the error; 64 is WriteConcernTimeout.
        message: the message of the error.
        labels: the error labels of the reply, instead of those that the server would set.
        limits: see `Limits`.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    check_count("write_concern_error", "code", code, 1)
    check_text("write_concern_error", "message", message)
    data = {"writeConcernError": {"code": code, "errmsg": message}, **given(errorLabels=read_labels("write_concern_error", labels))}
    title = f"reports-write-concern-error-{code}"
    return make("write_concern_error", title, commands, given(code=code, labels=labels), data, limits)


def overload(*commands: str, retryable: bool = True, **limits: Unpack[Limits]) -> Fault:
    """Return a fault that makes the server refuse commands because of overload: error 462 with the label SystemOverloadedError.

    Arguments:
        commands: the command names, as for `fail`.
        retryable: whether the reply also has the label RetryableError, which allows a driver to retry.
        limits: see `Limits`.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    if not isinstance(retryable, bool):
        raise pytest.UsageError(f"overload: retryable is {retryable!r}; it must be True or False")
    data = {"errorCode": OVERLOAD_CODE, "errorLabels": [OVERLOADED, *([RETRYABLE] if retryable else [])]}
    title = "is-overloaded" if retryable else "is-overloaded-for-good"
    return make("overload", title, commands, {} if retryable else {"retryable": False}, data, limits)


def make(name: str, title: str, commands: tuple[str, ...], own: dict[str, Any], data: dict[str, Any], limits: Limits) -> Fault:
    """Validate the arguments that all kinds of faults share, and return a fault.

    Arguments:
        own: the arguments specific to this kind, for `repr`.
        data: the fields of failCommand that define this kind.

    Raises:
        pytest.UsageError: an argument is invalid.
    """
    if unknown := limits.keys() - Limits.__annotations__.keys():
        raise pytest.UsageError(f"{name}: unknown argument {min(unknown)}; a fault is limited by {', '.join(Limits.__annotations__)}")
    if any(not isinstance(command, str) for command in commands):
        raise pytest.UsageError(f"{name}: {commands!r} must be names of commands, such as 'insert'; name other arguments, such as times=1")
    times, skip, namespace = limits.get("times"), limits.get("skip", 0), limits.get("namespace")
    check_count(name, "skip", skip, 0)
    if times is not None:
        check_count(name, "times", times, 1)
    if limits.get("client") is not None:
        check_text(name, "client", limits["client"])
    if namespace is not None and not (isinstance(namespace, str) and re.fullmatch(r"[^.]+\..+", namespace)):
        raise pytest.UsageError(f"{name}: namespace is {namespace!r}; it must be database.collection")
    names = [*commands, LEGACY_HELLO] if "hello" in commands else list(commands)
    concerned: dict[str, Any] = {"failCommands": names} if commands else {"failAllCommands": True, "exceptCommands": list(OF_CONNECTIONS)}
    limited = given(appName=limits.get("client"), namespace=namespace)
    return Fault(name, title, commands, {**own, **given(**limits)}, {**data, **concerned, **limited}, times, skip)


def check_count(name: str, argument: str, value: object, least: int) -> None:
    """Check that an argument is a whole number from `least` to `MAX_COUNT`.

    Raises:
        pytest.UsageError: the value is not a whole number, or is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise pytest.UsageError(f"{name}: {argument} is {value!r}; it must be a whole number of at least {least}")
    if value > MAX_COUNT:
        raise pytest.UsageError(f"{name}: {argument} is {value!r}; it must be at most {MAX_COUNT}")


def check_text(name: str, argument: str, value: object) -> None:
    """Check that an argument is a text and not empty.

    Raises:
        pytest.UsageError: the value is not a text, or is empty.
    """
    if not isinstance(value, str) or not value:
        raise pytest.UsageError(f"{name}: {argument} is {value!r}; it must be a text that is not empty")


def given(**fields: object) -> dict[str, Any]:
    """Return the keyword arguments that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def read_labels(name: str, labels: object) -> list[str] | None:
    """Return labels as the list that the server expects, or None.

    Raises:
        pytest.UsageError: the labels are not a list of texts, for example because they are a single text.
    """
    if labels is None:
        return None
    if not isinstance(labels, Collection) or isinstance(labels, (str, bytes, Mapping)) or not all(isinstance(x, str) and x for x in labels):
        raise pytest.UsageError(f"{name}: labels is {labels!r}; it must be a list of texts, such as ['{RETRYABLE}']")
    return list(labels)


def read_info(name: str, info: object) -> dict[str, Any] | None:
    """Return the further fields of an error, with the values of the server's decoder, or None.

    Raises:
        pytest.UsageError: the value is not a document that BSON can hold.
    """
    if info is None:
        return None
    # Imported here, because few faults have further fields.
    import bson

    from secantus_server.bson import decode

    if not isinstance(info, Mapping):
        raise pytest.UsageError(f"{name}: info is {info!r}; it must be a document, such as {{'reason': 'on purpose'}}")
    try:
        return decode(bson.encode(info))
    except (bson.errors.BSONError, OverflowError) as error:
        raise pytest.UsageError(f"{name}: info is {info!r}, which BSON cannot hold: {error}") from None


class FaultyServer(Protocol):
    """A server in which faults can be activated."""

    def set_fault(self, label: str, data: dict[str, Any], *, times: int | None = None, skip: int = 0) -> None:
        """Activate a fault."""

    def end_fault(self, label: str) -> None:
        """Deactivate a fault."""

    def fault_count(self, label: str) -> int:
        """Return the number of commands that a fault has affected."""


class SetFault:
    """The handle of a fault that is active in the server. As a context manager, it deactivates the fault at the end of the `with` block."""

    def __init__(self, server: FaultyServer, label: str, fault: Fault) -> None:
        self._server = server
        self._label = label
        self.fault = fault

    def __repr__(self) -> str:
        return f"<{self.fault!r}, has acted {counted(self.count, 'time')}>"

    @property
    def count(self) -> int:
        """The number of commands that the fault has affected."""
        return self._server.fault_count(self._label)

    def end(self) -> None:
        """Deactivate the fault. A second call does nothing."""
        self._server.end_fault(self._label)

    def __enter__(self) -> SetFault:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.end()


class Faults:
    """The faults that a test activates in its server.

    Arguments:
        server: the server.
    """

    def __init__(self, server: FaultyServer) -> None:
        self._server = server
        self._set: list[SetFault] = []

    def __getattr__(self, name: str) -> NoReturn:
        kinds = "fail, drop_connection, delay, write_concern_error, overload"
        raise AttributeError(f"secantus_faults has no {name!r}; the faults are {kinds}")

    def set(self, fault: Fault) -> SetFault:
        """Activate a fault, in addition to the faults that are already active.

        Raises:
            pytest.UsageError: the fault names an unknown command.
        """
        if not isinstance(fault, Fault):
            raise pytest.UsageError(f"secantus_faults.set: {fault!r} is not a fault; make one with pytest_secantus.faults")
        label = f"{os.getpid()}-{next(_NUMBERS)}"
        try:
            self._server.set_fault(label, dict(fault.data), times=fault.times, skip=fault.skip)
        except CommandError as error:
            raise pytest.UsageError(f"{fault!r}: {error.message}") from None
        self._set.append(SetFault(self._server, label, fault))
        return self._set[-1]

    def fail(
        self,
        *commands: str,
        code: int,
        labels: Sequence[str] | None = None,
        info: Mapping[str, Any] | None = None,
        **limits: Unpack[Limits],
    ) -> SetFault:
        """Make commands fail with an error. The arguments are those of the function `fail`."""
        return self.set(fail(*commands, code=code, labels=labels, info=info, **limits))

    def drop_connection(self, *commands: str, **limits: Unpack[Limits]) -> SetFault:
        """Make the server close the connection of commands. The arguments are those of the function `drop_connection`."""
        return self.set(drop_connection(*commands, **limits))

    def delay(self, *commands: str, seconds: float, **limits: Unpack[Limits]) -> SetFault:
        """Delay commands. The arguments are those of the function `delay`."""
        return self.set(delay(*commands, seconds=seconds, **limits))

    def write_concern_error(
        self, *commands: str, code: int = 64, message: str = TIMED_OUT, labels: Sequence[str] | None = None, **limits: Unpack[Limits]
    ) -> SetFault:
        """Make writes report a write concern error. The arguments are those of the function `write_concern_error`."""
        return self.set(write_concern_error(*commands, code=code, message=message, labels=labels, **limits))

    def overload(self, *commands: str, retryable: bool = True, **limits: Unpack[Limits]) -> SetFault:
        """Make the server refuse commands because of overload. The arguments are those of the function `overload`."""
        return self.set(overload(*commands, retryable=retryable, **limits))

    def end(self) -> None:
        """Deactivate all faults that this object has activated."""
        while self._set:
            self._set.pop().end()
