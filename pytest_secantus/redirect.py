"""Send pymongo clients that ask for certain hosts to our server instead.

A suite written for a mongod on ``localhost:27017`` runs so unchanged, and in parallel. What a client asked for beside the
host stays, but for what only the other server could grant: credentials, TLS, the name of its replica set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

from pytest_secantus.options import DEFAULT_PORT, Address, address

#: Options (lower case) that are about the server which is not reached; those that begin with tls or ssl go too.
NOT_OURS = frozenset({"username", "password", "authsource", "authmechanism", "authmechanismproperties", "replicaset", "loadbalanced"})


class Uri(NamedTuple):
    """The parts of a connection string that matter here."""

    hosts: str
    database: str
    options: str


def parse_uri(uri: str) -> Uri:
    """Take a connection string apart; what is wrong with it is left for the driver to say."""
    rest, _, options = uri.partition("://")[2].partition("?")
    hosts, _, database = rest.rpartition("@")[2].partition("/")
    return Uri(hosts, database, options)


def is_foreign_option(name: str) -> bool:
    """Whether an option only makes sense for the server that was asked for."""
    name = name.lower()
    return name in NOT_OURS or name.startswith(("tls", "ssl", "srv"))


def addresses(hosts: str, port: int) -> Iterator[Address]:
    """The addresses in a list of hosts; without a port it is `port`."""
    for host in unquote(hosts).split(","):
        name, colon, digits = host.rpartition(":")
        if colon and digits.isdigit():
            yield address(name.strip("[]"), int(digits))
        else:
            yield address(host.strip("[]"), port)


class Redirect:
    """Which addresses are taken over, and where to: `target` is our server's ``host:port``."""

    def __init__(self, taken: frozenset[Address], target: str) -> None:
        self._taken = taken
        self._target = target

    def host(self, host: str | Sequence[str] | None, port: int | None) -> str | None:
        """The host argument to use instead, or None if none of those asked for is taken over."""
        for entity in [host] if isinstance(host, str) else host or ["localhost"]:
            uri = parse_uri(entity) if "://" in entity else None
            asked = addresses(uri.hosts if uri else entity, port or DEFAULT_PORT)
            if not self._taken.isdisjoint(asked):
                return self._rewrite(uri) if uri else self._target
        return None

    def _rewrite(self, uri: Uri) -> str:
        options = [option for option in uri.options.split("&") if option and not is_foreign_option(option.partition("=")[0])]
        return f"mongodb://{self._target}/{uri.database}" + (f"?{'&'.join(options)}" if options else "")

    def wrap(self, original: Callable[..., None]) -> Callable[..., None]:
        """A constructor of a client that looks at the hosts first."""

        @functools.wraps(original)
        def constructor(client: Any, host: Any = None, port: int | None = None, *args: Any, **kwargs: Any) -> None:
            ours = self.host(host, port)
            if ours is None:
                original(client, host, port, *args, **kwargs)
            else:
                kept = {name: value for name, value in kwargs.items() if not is_foreign_option(name)}
                original(client, ours, None, *args, **kept)

        return constructor


@contextmanager
def clients_redirected(taken: frozenset[Address], target: str) -> Iterator[None]:
    """Patch pymongo's two clients, and with them every class made of them, for as long as the block lasts."""
    if not taken:
        yield
        return
    from pymongo import AsyncMongoClient, MongoClient

    redirect = Redirect(taken, target)
    patched: list[tuple[Any, Callable[..., None]]] = [(cls, cls.__init__) for cls in (MongoClient, AsyncMongoClient)]
    for cls, original in patched:
        cls.__init__ = redirect.wrap(original)
    try:
        yield
    finally:
        for cls, original in patched:
            cls.__init__ = original
