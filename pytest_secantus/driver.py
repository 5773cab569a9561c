"""The inside of pymongo that a redirect has to change: where connections lead, and which replica set a server says it belongs to.

None of this is public. pymongo 4.9 to 4.20 open every connection through functions of two names in one of three modules, and report every
answer of a server to ``Topology.on_change``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

#: Where a connection is opened: the module differs with the version.
MODULES = ("pymongo.pool_shared", "pymongo.synchronous.pool", "pymongo.asynchronous.pool")
CONNECT = ("_create_connection", "_async_create_connection")
TOPOLOGIES = ("pymongo.synchronous.topology", "pymongo.asynchronous.topology")


class Destinations(Protocol):
    """What is redirected."""

    def takes(self, host: str, port: int | None) -> bool:
        """Whether connections to this address lead elsewhere."""

    def destination(self, asked: Any) -> Any:
        """Where a connection to this address leads."""


class UnknownDriver(Exception):
    """This pymongo opens connections in a way that is not known here."""


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an attribute another value for as long as the block lasts."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def connections_redirected(destinations: Destinations) -> Iterator[None]:
    """Redirect what pymongo connects to, for as long as the block lasts.

    Raises:
        UnknownDriver: this version cannot be redirected.
    """
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
    """The functions that open a connection, as module and name."""
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        yield from ((module, function) for function in CONNECT if getattr(getattr(module, function, None), "__module__", None) == name)


def to_destination(destinations: Destinations, original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that opens a connection, or a coroutine function, to where the address leads."""

    @functools.wraps(original)
    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        return original(destinations.destination(address), *args, **kwargs)

    return connect


def as_asked(destinations: Destinations, original: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a topology that learns what a server says of itself: a redirected one is the member that was asked for."""

    @functools.wraps(original)
    def on_change(topology: Any, description: Any, *args: Any, **kwargs: Any) -> Any:
        if description.replica_set_name is not None and destinations.takes(*description.address):
            description._replica_set_name = topology.description.replica_set_name or description.replica_set_name
            description._all_hosts = {description.address}
            description._me = description._primary = description.address
        return original(topology, description, *args, **kwargs)

    return on_change
