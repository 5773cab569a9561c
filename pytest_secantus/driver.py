"""The pymongo internals that a redirect patches: connection addresses, the replica set that a server reports, and logins.

None of this is a public interface. pymongo 4.9 to 4.20 open every connection through functions of two names in one of three modules,
report every server reply to ``Topology.on_change``, and log in through ``authenticate`` in the two `auth` modules.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

#: The names of the functions that open a connection. Their module depends on the version.
MODULES = ("pymongo.pool_shared", "pymongo.synchronous.pool", "pymongo.asynchronous.pool")
CONNECT = ("_create_connection", "_async_create_connection")
AUTHENTICATION = ("pymongo.synchronous.auth", "pymongo.asynchronous.auth")
TOPOLOGIES = ("pymongo.synchronous.topology", "pymongo.asynchronous.topology")

#: The modules that record where a client was created. Which one does depends on the version.
SETTINGS = ("pymongo.settings_shared", "pymongo.synchronous.settings", "pymongo.asynchronous.settings")

#: The application name, or comment, that marks the plugin's own commands.
OWN_NAME = "pytest-secantus"
#: The application name of the shadow's client, which must not be redirected.
SHADOW_NAME = "pytest-secantus-shadow"
#: The names of the functions that send a message. Their modules depend on the version.
SENDERS = {
    "pymongo.synchronous.pool": "sendall",
    "pymongo.synchronous.network": "sendall",
    "pymongo.asynchronous.pool": "async_sendall",
    "pymongo.asynchronous.network": "async_sendall",
}


#: Called with a message that is about to be sent.
Note = Callable[[bytes], object]


class SendHook:
    """What a replacement of the driver's sending functions calls before it sends a message. It is the attribute `hook` of the replacement.

    A second wrapper around the replacement would cost several times as much.
    """

    __slots__ = ("note",)

    def __init__(self) -> None:
        self.note: Note | None = None


class Destinations(Protocol):
    """Decides which addresses are redirected, and to which destination."""

    def takes(self, host: str, port: int | None) -> bool:
        """Return whether connections to this address are redirected."""

    def destination(self, asked: Any) -> Any:
        """Return the address to connect to in place of `asked`."""


class Acceptance(Protocol):
    """Decides whether a login is accepted unchecked; see `logins.Logins`."""

    strict: bool

    def is_accepted(self, credentials: Any) -> bool:
        """Return whether these credentials were accepted before."""

    def accept(self, credentials: Any) -> None:
        """Accept credentials unchecked."""


class UnknownDriver(Exception):
    """The error for a pymongo version that opens connections or logs in through functions that the plugin does not know."""


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute within the block, and restore it afterwards."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def connections_redirected(destinations: Destinations) -> Iterator[None]:
    """Redirect pymongo's connections within the block."""
    with ExitStack() as patches:
        opening = list(connect_functions())
        topologies = [getattr(importlib.import_module(name), "Topology", None) for name in TOPOLOGIES]
        if not opening or not all(hasattr(topology, "on_change") for topology in topologies):
            raise UnknownDriver
        for module, name in opening:
            patches.enter_context(replaced(module, name, to_destination(destinations, getattr(module, name))))
        for topology in topologies:
            patches.enter_context(replaced(topology, "on_change", as_asked(destinations, topology.on_change)))  # type: ignore[union-attr]
        yield


def connect_functions() -> Iterator[tuple[Any, str]]:
    """Yield pymongo's functions that open a connection, each as a module and a function name."""
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield from ((module, function) for function in CONNECT if getattr(getattr(module, function, None), "__module__", None) == name)


def to_destination(destinations: Destinations, original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a connecting function or coroutine function, so that it connects to the address to which its argument is redirected."""

    @functools.wraps(original)
    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        if is_of_shadow(args[0] if args else kwargs.get("options")):
            return original(address, *args, **kwargs)
        return original(destinations.destination(address), *args, **kwargs)

    return connect


def is_of_shadow(options: Any) -> bool:
    """Return whether a connection pool with these options belongs to the shadow's client."""
    return getattr(options, "appname", None) == SHADOW_NAME


def as_asked(destinations: Destinations, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for `Topology.on_change` that reports a redirected server under the address that the client uses.

    Otherwise the client would replace that address with the hosts in the server's reply.
    """

    @functools.wraps(original)
    def on_change(topology: Any, description: Any, *args: Any, **kwargs: Any) -> Any:
        of_shadow = is_of_shadow(topology._settings.pool_options)
        if description.replica_set_name is not None and not of_shadow and destinations.takes(*description.address):
            description._replica_set_name = topology.description.replica_set_name or description.replica_set_name
            description._all_hosts = {description.address}
            description._me = description._primary = description.address
        return original(topology, description, *args, **kwargs)

    return on_change


@contextmanager
def logins_decided(destinations: Destinations, logins: Acceptance) -> Iterator[None]:
    """Within the block, let redirected connections log in unchecked while the server has no users.

    Raises:
        UnknownDriver: this version of pymongo logs in through functions that the plugin does not know.
    """
    synchronous, asynchronous = (importlib.import_module(name) for name in AUTHENTICATION)
    if not hasattr(synchronous, "authenticate") or not hasattr(asynchronous, "authenticate"):
        raise UnknownDriver
    with (
        replaced(synchronous, "authenticate", checked_if_there_are_users(destinations, logins, synchronous.authenticate)),
        replaced(asynchronous, "authenticate", checked_if_there_are_users_async(destinations, logins, asynchronous.authenticate)),
    ):
        yield


def find_user() -> dict[str, Any]:
    """Return a command that finds any user. It is part of the stable API, because a client may be restricted to that API.

    Its comment excludes it from the command log.
    """
    return {"find": "system.users", "projection": {"_id": 1}, "limit": 1, "singleBatch": True, "comment": OWN_NAME}


def checked_if_there_are_users(destinations: Destinations, logins: Acceptance, original: Callable[..., None]) -> Callable[..., None]:
    """Wrap a login function, so that it accepts the login unchecked if the server has no users."""

    @functools.wraps(original)
    def authenticate(credentials: Any, conn: Any, *args: Any, **kwargs: Any) -> None:
        if not destinations.takes(*conn.address) or is_of_shadow(conn.opts):
            original(credentials, conn, *args, **kwargs)
        elif not logins.is_accepted(credentials):
            if logins.strict or conn.command("admin", find_user(), publish_events=False)["cursor"]["firstBatch"]:
                original(credentials, conn, *args, **kwargs)
            else:
                logins.accept(credentials)

    return authenticate


def checked_if_there_are_users_async(
    destinations: Destinations, logins: Acceptance, original: Callable[..., Awaitable[None]]
) -> Callable[..., Awaitable[None]]:
    """Wrap a login coroutine function, so that it accepts the login unchecked if the server has no users."""

    @functools.wraps(original)
    async def authenticate(credentials: Any, conn: Any, *args: Any, **kwargs: Any) -> None:
        if not destinations.takes(*conn.address) or is_of_shadow(conn.opts):
            await original(credentials, conn, *args, **kwargs)
        elif not logins.is_accepted(credentials):
            if logins.strict or (await conn.command("admin", find_user(), publish_events=False))["cursor"]["firstBatch"]:
                await original(credentials, conn, *args, **kwargs)
            else:
                logins.accept(credentials)

    return authenticate


@contextmanager
def messages_noted(note: Note) -> Iterator[None]:
    """Within the block, call `note` before each message that the driver sends.

    The driver sends messages in the thread or task that runs the command.
    """
    with ExitStack() as patches:
        for module_name, name in SENDERS.items():
            with suppress(ImportError, AttributeError):
                module = importlib.import_module(module_name)
                function = getattr(module, name)
                hook = getattr(function, "hook", None)
                if hook is None:
                    patches.enter_context(replaced(module, name, noting(note, function)))
                else:
                    patches.enter_context(replaced(hook, "note", note))
        yield


class NoStack:
    """A replacement for the module `traceback` in pymongo's settings of a client."""

    @staticmethod
    def format_stack() -> list[str]:
        """Return an empty stack."""
        return []


@contextmanager
def stacks_omitted() -> Iterator[None]:
    """Within the block, let new clients not record where they are created.

    The driver shows this in the warning about a client that was not closed. It reads the source files of all callers for it, which takes
    several milliseconds for the first client.
    """
    with ExitStack() as patches:
        for module in filter(None, map(sys.modules.get, SETTINGS)):
            if hasattr(module, "traceback"):
                patches.enter_context(replaced(module, "traceback", NoStack))
        yield


def leave_threads(client: Any) -> None:
    """Let the end of the process not wait for the threads of a closed client.

    These threads stop after a sleep of up to half a second, and the driver waits for each one before the interpreter ends. They are daemon
    threads, and do nothing after the sleep.
    """
    # Other versions of the driver may lack a part. Then the process waits.
    with suppress(AttributeError):
        monitors = [server._monitor for server in client._topology._servers.values()]
        executors = [monitor._executor for monitor in monitors] + [monitor._rtt_monitor._executor for monitor in monitors]
        for executor in (client._kill_cursors_executor, *executors):
            if executor._stopped:
                executor._thread = None


def noting(note: Note, original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function or coroutine function that sends a message, so that it first notes the message."""

    @functools.wraps(original)
    def send(connection: Any, message: bytes) -> Any:
        __tracebackhide__ = True
        note(message)
        return original(connection, message)

    return send
