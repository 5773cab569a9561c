"""The plugin's options: declared here, read from the command line and the ini file into one frozen `Options`.

Every mistake in them is a usage error, with a sentence that names the option. (This module is loaded in every pytest run, and defining a
dataclass or a named tuple would take a quarter of all the time that loading the plugin takes.)
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, get_args

import pytest

Isolation = Literal["restore", "namespace", "none"]
ISOLATIONS: Final[tuple[Isolation, ...]] = get_args(Isolation)
Process = Literal["auto", "yes", "no"]
PROCESSES: Final[tuple[Process, ...]] = get_args(Process)
MEMORY: Final = ":memory:"
DEFAULT_ENV: Final = ("MONGODB_URI", "MONGO_URL", "MONGO_URI")
DEFAULT_DATABASE: Final = "secantus_test"
DEFAULT_PORT: Final = 27017
TRUTHS: Final = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  (clients connect to it, nobody binds it)


#: A host and port that clients ask for.
Address = tuple[str, int]


def address(host: str, port: int) -> Address:
    """The address in its one spelling; all names of this machine's loopback are one host."""
    host = host.lower()
    return ("localhost" if host in LOOPBACK else host, port)


class Options:
    """What the user asked for; it does not change.

    Arguments:
        active: ``--secantus``: run the server and isolate every test, whether it uses our fixtures or not.
        uri: somebody else's server, to be used instead of one of our own.
        settings: of the server, by the names of `secantus_server.settings.Settings`.
        keep_definitions: what a test created and did not drop is there again, empty, when it is next used.
        process: whether the server has a process of its own; `auto` where this one is patched or tests are forked.
        forks: whether pytest-forked runs each test in a fork.
    """

    active: bool
    isolation: Isolation
    env: tuple[str, ...]
    redirect: frozenset[Address]
    seed: tuple[Path, ...]
    database: str
    storage: str
    uri: str | None
    settings: dict[str, Any]
    keep_definitions: bool
    process: Process
    forks: bool

    def __init__(self, **fields: object) -> None:
        assert fields.keys() == Options.__annotations__.keys()
        vars(self).update(fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"options do not change: {name}")


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; an option of the command line wins over the ini line of the same name."""
    group = parser.getgroup("secantus", "Secantus: a MongoDB server for tests")
    group.addoption(
        "--secantus",
        action="store_true",
        help="run a server for the whole suite, name it in the environment, and isolate every test",
    )
    group.addoption(
        "--secantus-isolation",
        metavar="MODE",
        help="restore (default): undo what each test wrote; namespace: a database per test; none",
    )
    group.addoption("--secantus-storage", metavar="WHERE", help=":memory: (default), or a directory for the servers' files")
    group.addoption(
        "--secantus-redirect",
        metavar="ADDRESSES",
        help="with --secantus: host:port, or several with commas, that pymongo clients ask for and do not get",
    )
    group.addoption("--secantus-uri", metavar="URI", help="use this server instead of an own one (isolation namespace or none)")
    group.addoption("--secantus-process", metavar="WHEN", help="auto (default), yes or no: run the server in a process of its own")
    parser.addini("secantus_isolation", "as --secantus-isolation", default="")
    parser.addini("secantus_storage", "as --secantus-storage", default="")
    parser.addini("secantus_uri", "as --secantus-uri", default="")
    parser.addini("secantus_process", "as --secantus-process", default="")
    parser.addini("secantus_env", "with --secantus: environment variables that get the URI", type="args", default=list(DEFAULT_ENV))
    parser.addini("secantus_redirect", "as --secantus-redirect, with spaces between addresses", type="args", default=[])
    parser.addini("secantus_settings", "settings of the server: lines such as ttl_interval_s = 1", type="linelist", default=[])
    parser.addini("secantus_keep_definitions", "keep collections and indexes that tests create, without data: yes, no", default="")
    parser.addini("secantus_seed", "files or directories to load when the server starts", type="paths", default=[])
    parser.addini("secantus_database", "the name of the database behind secantus_db", default=DEFAULT_DATABASE)


def read_options(config: pytest.Config, given: Namespace) -> Options:
    """Read and check the options.

    Arguments:
        config: a configuration that has found its ini file.
        given: the command line: `config.option`, or `config.known_args_namespace` before the initial conftests are loaded.

    Raises:
        pytest.UsageError: an option cannot be what it says.
    """
    uri = choose(config, given.secantus_uri, "secantus_uri") or None
    isolation = read_isolation(choose(config, given.secantus_isolation, "secantus_isolation"), uri)
    redirect = config.getini("secantus_redirect") if given.secantus_redirect is None else given.secantus_redirect.split(",")
    return Options(
        active=given.secantus,
        isolation=isolation,
        env=read_names(config.getini("secantus_env")),
        redirect=frozenset(read_address(text) for text in redirect if text),
        seed=read_seed(config.getini("secantus_seed"), uri, isolation),
        database=read_database(config.getini("secantus_database")),
        storage=read_storage(choose(config, given.secantus_storage, "secantus_storage"), config, uri),
        uri=read_uri(uri),
        settings=read_settings(config.getini("secantus_settings"), uri, given),
        keep_definitions=read_truth("secantus_keep_definitions", config.getini("secantus_keep_definitions"), given.secantus),
        process=read_process(choose(config, given.secantus_process, "secantus_process")),
        forks=bool(getattr(given, "forked", False)),
    )


def choose(config: pytest.Config, given: str | None, name: str) -> str:
    """What the command line gave, else the ini line."""
    return given if given is not None else str(config.getini(name))


def read_isolation(text: str, uri: str | None) -> Isolation:
    """The isolation; a server that is not ours has no snapshots, so there it is `namespace` unless said otherwise."""
    mode = text or ("namespace" if uri else "restore")
    if mode not in ISOLATIONS:
        raise pytest.UsageError(f"secantus_isolation is {mode!r}; it can be {', '.join(ISOLATIONS)}")
    if mode == "restore" and uri:
        raise pytest.UsageError("secantus_isolation = restore needs a server of our own; with secantus_uri use namespace or none")
    return mode


def read_truth(name: str, text: str, otherwise: bool) -> bool:
    """Yes or no."""
    if text and text.lower() not in TRUTHS:
        raise pytest.UsageError(f"{name} is {text!r}; it can be yes or no")
    return TRUTHS[text.lower()] if text else otherwise


def read_settings(lines: list[str], uri: str | None, given: Namespace) -> dict[str, Any]:
    """The server's settings; what knows them is imported only where there are some. A fixed port is left to xdist's workers."""
    if not lines:
        return {}
    if uri:
        raise pytest.UsageError("secantus_settings is for a server of our own; it cannot go with secantus_uri")
    from pytest_secantus.server_settings import is_worker, parse_settings

    try:
        settings = parse_settings(lines)
    except ValueError as error:
        raise pytest.UsageError(f"secantus_settings: {error}") from error
    if not is_worker() and (getattr(given, "numprocesses", None) or getattr(given, "tx", None)):
        settings.pop("port", None)
    return settings


def read_process(text: str) -> Process:
    """Whether the server has a process of its own."""
    when = text or "auto"
    if when not in PROCESSES:
        raise pytest.UsageError(f"secantus_process is {when!r}; it can be {', '.join(PROCESSES)}")
    return when


def read_names(names: list[str]) -> tuple[str, ...]:
    """The environment variables to set."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise pytest.UsageError(f"secantus_env: {name!r} is not the name of an environment variable")
    return tuple(names)


def read_address(text: str) -> Address:
    """An address written as ``host``, ``host:port`` or ``[host]:port``."""
    match = re.fullmatch(r"(?P<host>\[[^\]]+\]|[^:/@\s]+)(?::(?P<port>\d{1,5}))?", text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise pytest.UsageError(f"secantus_redirect: {text!r} is not a host:port such as localhost:27017")
    return address(match["host"].strip("[]"), port)


def read_seed(paths: list[Path], uri: str | None, isolation: Isolation) -> tuple[Path, ...]:
    """The files and directories to load, which must be there, and must not go into somebody's own database."""
    if paths and uri and isolation == "none":
        raise pytest.UsageError("secantus_seed: with secantus_uri and isolation none it would be loaded into a database that is not ours")
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(f"secantus_seed: there is no {path}")
    return tuple(paths)


def read_database(name: str) -> str:
    """A name that MongoDB takes for a database, and that is not one of its own."""
    if not re.fullmatch(r"[^\s/\\.\"$*<>:|?\0]{1,38}", name) or name in {"admin", "local", "config"}:
        raise pytest.UsageError(f"secantus_database: {name!r} cannot be the name of a test database")
    return name


def read_storage(text: str, config: pytest.Config, uri: str | None) -> str:
    """``:memory:`` or a directory, which is made when needed; a relative one starts at the root directory."""
    if uri and text:
        raise pytest.UsageError("secantus_storage is for a server of our own; it cannot go with secantus_uri")
    if text in {"", MEMORY}:
        return MEMORY
    path = config.rootpath / text
    if path.exists() and not path.is_dir():
        raise pytest.UsageError(f"secantus_storage: {path} is not a directory")
    return str(path)


def read_uri(uri: str | None) -> str | None:
    """A connection string that the driver can read; one that names a DNS record is only looked up by the client."""
    if uri is None or re.match(r"mongodb\+srv://.", uri):
        return uri
    try:
        from pymongo.uri_parser import parse_uri

        parse_uri(uri, validate=False)
    except Exception as error:
        raise pytest.UsageError(f"secantus_uri: {error}") from error
    return uri
