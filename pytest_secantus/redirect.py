"""The redirection of pymongo clients from given addresses to our server.

With it, a suite written for a mongod on ``localhost:27017`` runs unchanged, and in parallel. A client retains and reports the options
that it was given: addresses, replica set name, credentials, timeouts and others. Only its connections lead to our server. Options for
features that our server lacks are removed: TLS, load balancing, and authentication other than SCRAM. `logins.py` decides about the
credentials.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

from pytest_secantus.driver import SHADOW_NAME
from pytest_secantus.logins import Logins
from pytest_secantus.options import DEFAULT_PORT, Address, address

#: Options (in lower case) that our server does not support. Options that begin with tls, ssl or srv are removed too.
NOT_OURS = frozenset({"authmechanismproperties", "loadbalanced"})
#: Options that concern authentication.
LOGIN = frozenset({"username", "password", "authsource", "authmechanism"})
#: The authentication mechanisms that our server supports.
MECHANISMS = frozenset({"DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256"})


class Uri(NamedTuple):
    """The components of a connection string that a redirect uses."""

    scheme: str
    login: str
    hosts: str
    database: str
    options: str

    def kept_options(self, login: bool) -> list[str]:
        """Return the options that our server supports. Include options for authentication only if `login` is true."""
        return [option for option in self.options.split("&") if option and not is_foreign_option(option.partition("=")[0], login)]

    def mechanisms(self) -> Iterator[str]:
        """Yield the authentication mechanism in the connection string, if any."""
        for option in self.options.split("&"):
            name, _, value = option.partition("=")
            if name.lower() == "authmechanism":
                yield unquote(value)


def parse_uri(uri: str) -> Uri:
    """Split a connection string into its components, without validating it: the driver reports invalid strings."""
    scheme, _, rest = uri.partition("://")
    rest, _, options = rest.partition("?")
    place, _, database = rest.partition("/")
    login, _, hosts = place.rpartition("@")
    return Uri(scheme, login, hosts, database, options)


def is_foreign_option(name: str, login: bool) -> bool:
    """Return whether to remove an option: our server lacks the feature, or the option concerns authentication and `login` is false."""
    name = name.lower()
    return name in NOT_OURS or name.startswith(("tls", "ssl", "srv")) or (name in LOGIN and not login)


def addresses(hosts: str, port: int) -> Iterator[Address]:
    """Return the addresses in a list of hosts; `port` is the default port."""
    for host in unquote(hosts).split(","):
        name, colon, digits = host.rpartition(":")
        if colon and digits.isdigit():
            yield address(name.strip("[]"), int(digits))
        else:
            yield address(host.strip("[]"), port)


class Redirect:
    """The addresses to redirect, and their target.

    Arguments:
        taken: the addresses to redirect.
        target: our server's ``host:port``.
        in_place: whether clients retain their addresses, so that only their connections are redirected. If false, the client's address is
            replaced and its replica set name removed. This is required for an external server, because it reports its own hosts.
        checks_logins: check every login, even while the server has no users.
        tls: the client options for a server that requires TLS. They replace the TLS options that a redirected client was given.

    Threads: any thread may create clients; only `logins` is mutable.
    """

    def __init__(
        self, taken: frozenset[Address], target: str, in_place: bool = True, checks_logins: bool = False, tls: dict[str, Any] | None = None
    ) -> None:
        self._target = target
        # The certificate names our server, not the host that the client connects to.
        self._tls = {} if tls is None else {**tls, "tlsAllowInvalidHostnames": True}
        self.in_place = in_place
        host, _, port = target.rpartition(":")
        self._ours = (host.strip("[]"), int(port)) if in_place else ("", 0)
        self._taken = taken | {address(*self._ours)} if in_place else taken
        self.logins = Logins(checks_logins)

    def takes(self, host: str, port: int | None) -> bool:
        """Return whether connections to this address are redirected."""
        return address(host, port or DEFAULT_PORT) in self._taken

    def destination(self, asked: Any) -> Any:
        """Return the address to connect to instead of `asked`, in the type that the driver uses for addresses."""
        return self._ours if self.takes(*asked[:2]) else asked

    def keeps_login(self, host: str | Sequence[str] | None, options: dict[str, Any]) -> bool:
        """Return whether a client should retain its credentials, because our server supports its authentication mechanism."""
        given = [value for name, value in options.items() if name.lower() == "authmechanism" and value is not None]
        for entity in [host] if isinstance(host, str) else host or ():
            given += parse_uri(entity).mechanisms() if "://" in entity else ()
        return self.in_place and MECHANISMS.issuperset(given)

    def names_ours(self, host: str | Sequence[str] | None, port: int | None) -> bool:
        """Return whether a client connects to our server's own address and therefore needs no redirect."""
        asked = [host] if isinstance(host, str) else list(host or ())
        hosts = [parse_uri(entity).hosts if "://" in entity else entity for entity in asked]
        return bool(hosts) and all(place == address(*self._ours) for one in hosts for place in addresses(one, port or DEFAULT_PORT))

    def host(self, host: str | Sequence[str] | None, port: int | None, login: bool = False) -> str | list[str] | None:
        """Return the replacement for a client's `host` argument, or None if none of its addresses is redirected.

        Arguments:
            host, port: the client's arguments.
            login: retain the credentials.
        """
        asked = [host] if isinstance(host, str) else list(host or ["localhost"])
        uris = [parse_uri(entity) if "://" in entity else None for entity in asked]
        places = [addresses(uri.hosts if uri else entity, port or DEFAULT_PORT) for entity, uri in zip(asked, uris, strict=True)]
        if all(self._taken.isdisjoint(place) for place in places):
            return None
        if not login and any(uri is not None and uri.login for uri in uris):
            self.logins.leave_out()
        if not self.in_place:
            return next((self._replaced(uri) for uri in uris if uri is not None), self._target)
        return [self._without_foreign(uri, login) if uri else entity for entity, uri in zip(asked, uris, strict=True)]

    def options(self, options: dict[str, Any], login: bool = False) -> dict[str, Any]:
        """Return a redirected client's keyword arguments without the options for features that our server lacks."""
        if not login and any(name.lower() == "username" and value for name, value in options.items()):
            self.logins.leave_out()
        return {**{name: value for name, value in options.items() if not self._drops(name, login)}, **self._tls}

    def wrap(self, original: Callable[..., None]) -> Callable[..., None]:
        """Wrap a client's constructor so that it redirects the client's hosts."""

        @functools.wraps(original)
        def constructor(client: Any, host: Any = None, port: int | None = None, *args: Any, **kwargs: Any) -> None:
            if kwargs.get("appname") == SHADOW_NAME or (self._tls and self.names_ours(host, port)):
                original(client, host, port, *args, **kwargs)
                return
            login = self.keeps_login(host, kwargs)
            ours = self.host(host, port, login)
            if ours is None:
                original(client, host, port, *args, **kwargs)
            else:
                original(client, ours, port if self.in_place else None, *args, **self.options(kwargs, login))

        return constructor

    def _drops(self, name: str, login: bool) -> bool:
        return is_foreign_option(name, login) or (not self.in_place and name.lower() == "replicaset")

    def _without_foreign(self, uri: Uri, login: bool) -> str:
        """Return a connection string without options for features that our server lacks.

        A DNS seed list (mongodb+srv) is replaced by a host of the same name.
        """
        place = f"{uri.login}@{uri.hosts}" if login and uri.login else uri.hosts
        return join("mongodb" if uri.scheme == "mongodb+srv" else uri.scheme, place, uri.database, uri.kept_options(login))

    def _replaced(self, uri: Uri) -> str:
        kept = [option for option in uri.kept_options(False) if not self._drops(option.partition("=")[0], False)]
        return join("mongodb", self._target, uri.database, kept)


def join(scheme: str, hosts: str, database: str, options: list[str]) -> str:
    """Return the connection string that consists of these parts."""
    return f"{scheme}://{hosts}/{database}" + (f"?{'&'.join(options)}" if options else "")


@contextmanager
def clients_redirected(redirect: Redirect) -> Iterator[None]:
    """Patch pymongo's two client classes, and thereby all of their subclasses, within the block.

    Raises:
        UnknownDriver: this version of pymongo opens connections through unknown functions, which cannot be redirected.
    """
    from pymongo import AsyncMongoClient, MongoClient

    from pytest_secantus.driver import connections_redirected, logins_decided, replaced

    with ExitStack() as patches:
        for cls in (MongoClient, AsyncMongoClient):
            patches.enter_context(replaced(cls, "__init__", redirect.wrap(cls.__init__)))
        if redirect.in_place:
            patches.enter_context(connections_redirected(redirect))
            patches.enter_context(logins_decided(redirect, redirect.logins))
        yield
