"""The plugin's options: their declaration, and their parser, which returns one frozen `Options`.

Every invalid option is a usage error whose message names the option. `Options` is neither a dataclass nor a named tuple, because either
would take a quarter of the plugin's import time, and every pytest run imports this module.
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, get_args

import pytest

from pytest_secantus.truths import TRUTHS

if TYPE_CHECKING:
    from pytest_secantus.users import User

Isolation = Literal["restore", "namespace", "none"]
ISOLATIONS: Final[tuple[Isolation, ...]] = get_args(Isolation)
Transport = Literal["direct", "tcp"]
TRANSPORTS: Final[tuple[Transport, ...]] = get_args(Transport)
Process = Literal["auto", "yes", "no"]
PROCESSES: Final[tuple[Process, ...]] = get_args(Process)
Tls = Literal["no", "yes", "mutual"]
TLS: Final[tuple[Tls, ...]] = get_args(Tls)
DumpFormat = Literal["json", "bson"]
DUMP_FORMATS: Final[tuple[DumpFormat, ...]] = get_args(DumpFormat)
RESETS: Final = ("examples", "subtests")
MEMORY: Final = ":memory:"
DEFAULT_ENV: Final = ("MONGODB_URI", "MONGO_URL", "MONGO_URI")
DEFAULT_DATABASE: Final = "secantus_test"
DEFAULT_PORT: Final = 27017
REPORT: Final = "secantus-report.html"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  (clients connect to it; no server binds it)


#: A host and port to which clients connect.
Address = tuple[str, int]


def address(host: str, port: int) -> Address:
    """Normalize an address, so that all names of the loopback interface become the same host."""
    host = host.lower()
    return ("localhost" if host in LOOPBACK else host, port)


#: The ini options that are a single word or path.
INI_TEXTS: Final = {
    "secantus_isolation": "as --secantus-isolation",
    "secantus_storage": "as --secantus-storage",
    "secantus_uri": "as --secantus-uri",
    "secantus_process": "as --secantus-process",
    "secantus_transport": "how pymongo clients of this process reach the server: direct (default, without sockets), tcp",
    "secantus_shadow": "as --secantus-shadow",
    "secantus_tls": "as --secantus-tls",
    "secantus_keep_definitions": "keep the definitions of collections and indexes that tests create: yes, no",
    "secantus_search": "enable search indexes, $vectorSearch and $search: yes, no",
    "secantus_check_logins": "check the logins of redirected clients even while there are no users: yes, no",
    "secantus_block": "keep tests that request no fixture of the plugin from the server: yes, no",
    "secantus_thread_guard": "warn about threads that tests leave writing: yes, no",
    "secantus_compat": "the release of MongoDB that the server answers like: 8.2 (default), 9.0",
    "secantus_clock": "system (default), or follow: the server's clock follows time-machine and freezegun",
}


class Options:
    """The options of a run; immutable.

    Arguments:
        active: ``--secantus``: run the server and isolate every test, even without our fixtures.
        uri: an external server to use instead of our own.
        settings: the server's settings, by the names of `secantus_server.settings.Settings`.
        keep_definitions: retain the definitions of collections and indexes that tests create; they reappear, empty, at their next use.
        check_logins: check the logins of redirected clients even while the server has no users.
        dump: the directory for dumps of the databases after failed tests, or None.
        dump_format: the format of the dumps.
        pause: whether to wait after each failure, with the server running.
        console: whether to wait after each failure, and show the test in the web console.
        reset: the parts of a test before which the databases are reset: `examples` of Hypothesis, `subtests`.
        guards_threads: whether to warn about threads that write after their test has ended.
        block: whether tests that request none of our fixtures are blocked from the server.
        follows_clock: whether the server's clock follows time-machine and freezegun.
        process: whether to run the server in a child process; `auto` does so if this process is patched or tests run in forks.
        transport: how pymongo clients of this process reach a server that runs in this process.
        auth: the users of a server that requires authentication; the URI contains the credentials of the first user.
        tls: whether clients use TLS; `mutual` also requires client certificates.
        forks: whether pytest-forked runs each test in a fork.
        fail_on: the plan checks of every test, with their thresholds.
        report: the HTML file of the report, or None for no report.
        shadow: the URI of a second server whose replies are compared with ours, or None.
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
    dump: Path | None
    dump_format: DumpFormat
    pause: bool
    console: bool
    reset: tuple[str, ...]
    block: bool
    guards_threads: bool
    check_logins: bool
    follows_clock: bool
    process: Process
    transport: Transport
    auth: tuple[User, ...]
    tls: Tls
    forks: bool
    fail_on: dict[str, int]
    report: Path | None
    shadow: str | None

    def __init__(self, **fields: object) -> None:
        assert fields.keys() == Options.__annotations__.keys()
        vars(self).update(fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"options do not change: {name}")


def add_options(parser: pytest.Parser) -> None:
    """Declare the options. A command-line option takes precedence over the ini option of the same name."""
    _add_flags(parser)
    for name, text in INI_TEXTS.items():
        parser.addini(name, text, default="")
    parser.addini("secantus_auth", "require authentication of these users: name password role@database ...", type="linelist", default=[])
    parser.addini("secantus_env", "with --secantus: variables to set to the server's URI", type="args", default=list(DEFAULT_ENV))
    parser.addini("secantus_redirect", "as --secantus-redirect, but separated by spaces", type="args", default=[])
    parser.addini("secantus_settings", "settings of the server, one per line, such as ttl_interval_s = 1", type="linelist", default=[])
    parser.addini("secantus_fail_on", "plan checks for every test, such as: collscan n_plus_one=20", type="args", default=[])
    parser.addini("secantus_reset", "reset the databases before each of these in a test: examples, subtests", type="args", default=[])
    parser.addini("secantus_seed", "files or directories to load when the server starts", type="paths", default=[])
    parser.addini("secantus_database", "the name of the database behind secantus_db", default=DEFAULT_DATABASE)


def _add_flags(parser: pytest.Parser) -> None:
    """Declare the command-line options."""
    group = parser.getgroup("secantus", "Secantus: a MongoDB server for tests")
    group.addoption(
        "--secantus",
        action="store_true",
        help="run a server for the whole suite, set environment variables to its URI, and isolate every test",
    )
    group.addoption(
        "--secantus-isolation",
        metavar="MODE",
        help="restore (default): undo each test's writes; namespace: a database per test; none",
    )
    group.addoption("--secantus-storage", metavar="WHERE", help=":memory: (default), or a directory for the servers' data")
    group.addoption(
        "--secantus-redirect",
        metavar="ADDRESSES",
        help="with --secantus: host:port, or several separated by commas, from which pymongo clients are redirected to the test server",
    )
    group.addoption("--secantus-uri", metavar="URI", help="use an external server instead of starting one (isolation namespace or none)")
    group.addoption("--secantus-process", metavar="WHEN", help="auto (default), yes or no: run the server in a child process")
    group.addoption(
        "--secantus-report",
        metavar="FILE",
        nargs="?",
        const=REPORT,
        help=f"report the commands of all tests: a summary, an HTML page (default {REPORT}) and a JSON file beside it",
    )
    group.addoption("--secantus-shadow", metavar="URI", help="send each test's commands to a second server, too, and compare the answers")
    group.addoption("--secantus-tls", metavar="WHEN", help="no (default), yes, or mutual: clients use TLS, with certificates of their own")
    group.addoption("--secantus-dump", metavar="DIR", help="write the databases of each failed test, as they were then, to a directory")
    group.addoption("--secantus-dump-format", metavar="FORMAT", help="json (default): canonical Extended JSON; bson: as mongodump")
    group.addoption("--secantus-pause", action="store_true", help="wait after each failure, with the server running, and show its URI")
    group.addoption("--secantus-console", action="store_true", help="wait after each failure, and show the test in the browser")


def read_options(config: pytest.Config, given: Namespace) -> Options:
    """Read and validate the options.

    Arguments:
        config: a configuration whose ini file has been found.
        given: the command-line options: `config.option`, or `config.known_args_namespace` before the initial conftests are loaded.

    Raises:
        pytest.UsageError: an option is invalid.
    """
    check_values(given)
    ini, uri = config.getini, choose(config, given.secantus_uri, "secantus_uri") or None
    isolation = read_isolation(choose(config, given.secantus_isolation, "secantus_isolation"), uri)
    return Options(
        active=given.secantus,
        isolation=isolation,
        env=read_names(ini("secantus_env")),
        redirect=read_redirect(given, ini("secantus_redirect")),
        seed=read_seed(ini("secantus_seed"), uri, isolation),
        database=read_database(ini("secantus_database")),
        storage=read_storage(choose(config, given.secantus_storage, "secantus_storage"), config, uri),
        uri=read_uri(uri),
        tls=read_tls(choose(config, given.secantus_tls, "secantus_tls"), uri, ini("secantus_settings")),
        settings=read_settings(ini("secantus_settings"), ini("secantus_compat"), uri, given) | read_search(ini("secantus_search"), uri),
        keep_definitions=read_truth("secantus_keep_definitions", ini("secantus_keep_definitions"), given.secantus),
        **read_failures(config, given, uri),
        reset=read_reset(ini("secantus_reset"), isolation),
        guards_threads=read_truth("secantus_thread_guard", ini("secantus_thread_guard"), False),
        block=read_own_truth("secantus_block", ini("secantus_block"), uri),
        check_logins=read_own_truth("secantus_check_logins", ini("secantus_check_logins"), uri),
        follows_clock=read_clock(ini("secantus_clock"), uri),
        process=read_process(choose(config, given.secantus_process, "secantus_process")),
        transport=read_transport(ini("secantus_transport")),
        auth=read_auth(ini("secantus_auth"), uri),
        forks=bool(getattr(given, "forked", False)),
        fail_on=read_fail_on(ini("secantus_fail_on"), uri),
        report=read_report(given.secantus_report, config, uri),
        shadow=read_shadow(choose(config, given.secantus_shadow, "secantus_shadow"), uri, given),
    )


def read_failures(config: pytest.Config, given: Namespace, uri: str | None) -> dict[str, Any]:
    """Return the options for the handling of failed tests, by their names in `Options`."""
    return {
        "dump": read_dump(given.secantus_dump, config, uri),
        "dump_format": read_dump_format(given.secantus_dump_format, given.secantus_dump),
        "pause": read_pause(given),
        "console": read_console(given),
    }


def check_values(given: Namespace) -> None:
    """Raise a usage error if a command-line option has an empty value, for example because a shell variable is not set."""
    for name in (name for name, value in vars(given).items() if value == "" and name.startswith("secantus_")):
        option = f"--{name.replace('_', '-')}"
        raise pytest.UsageError(f"{option} has an empty value: write {option}=VALUE, or leave it out")


def choose(config: pytest.Config, given: str | None, name: str) -> str:
    """Return the command-line value of an option, or its ini value if it is not on the command line."""
    return given if given is not None else str(config.getini(name))


def read_isolation(text: str, uri: str | None) -> Isolation:
    """Return the isolation mode. The default is `restore`, but `namespace` for an external server, which has no snapshots."""
    mode = text or ("namespace" if uri else "restore")
    if mode not in ISOLATIONS:
        raise pytest.UsageError(f"secantus_isolation is {mode!r}; it must be one of {', '.join(ISOLATIONS)}")
    if mode == "restore" and uri:
        raise pytest.UsageError("secantus_isolation = restore does not work with secantus_uri; use namespace or none")
    return mode


def read_truth(name: str, text: str, otherwise: bool) -> bool:
    """Parse a yes/no option. Return `otherwise` if the option is not set."""
    if text and text.lower() not in TRUTHS:
        raise pytest.UsageError(f"{name} is {text!r}; it must be yes or no")
    return TRUTHS[text.lower()] if text else otherwise


def read_own_truth(name: str, text: str, uri: str | None) -> bool:
    """Parse a yes/no option that is not available with an external server. The default is no.

    Raises:
        pytest.UsageError: the value is neither yes nor no, or is yes with an external server.
    """
    chosen = read_truth(name, text, False)
    if chosen and uri:
        raise pytest.UsageError(f"{name} cannot be combined with secantus_uri")
    return chosen


def read_fail_on(words: list[str], uri: str | None) -> dict[str, int]:
    """Return the plan checks with their thresholds. Import the module of the checks only if any are requested."""
    if not words:
        return {}
    if uri:
        raise pytest.UsageError("secantus_fail_on cannot be combined with secantus_uri")
    from pytest_secantus.check_names import parse_checks

    return parse_checks(words, "secantus_fail_on")


def read_report(text: str | None, config: pytest.Config, uri: str | None) -> Path | None:
    """Return the HTML file of the report, or None. A relative path is relative to the directory in which pytest was started.

    Raises:
        pytest.UsageError: the file cannot be written, or its suffix is wrong, for example because a test file was given by mistake.
    """
    if text is None:
        return None
    if uri:
        raise pytest.UsageError("--secantus-report cannot be combined with secantus_uri")
    path = config.invocation_params.dir / text
    if path.suffix not in (".html", ".htm"):
        raise pytest.UsageError(f"--secantus-report: {text!r} does not end with .html; write --secantus-report={REPORT}")
    if not hasattr(config, "workerinput"):
        from pytest_secantus.writable import check_file

        for file in (path, path.with_suffix(".json")):
            check_file(file, "--secantus-report")
    return path


def read_settings(lines: list[str], compat: str, uri: str | None, given: Namespace) -> dict[str, Any]:
    """Parse the server's settings. Import the settings module only if any are given. xdist workers adjust a fixed port later."""
    chosen = read_compat(compat, uri)
    if not lines:
        return chosen
    if uri:
        raise pytest.UsageError("secantus_settings cannot be combined with secantus_uri")
    from pytest_secantus.server_settings import is_worker, parse_settings

    try:
        settings = parse_settings(lines)
    except ValueError as error:
        raise pytest.UsageError(f"secantus_settings: {error}") from error
    if not is_worker() and (getattr(given, "numprocesses", None) or getattr(given, "tx", None)):
        settings.pop("port", None)
    return {**settings, **chosen}


def read_compat(text: str, uri: str | None) -> dict[str, Any]:
    """Return the setting for the MongoDB release that the server emulates, if one is given.

    Raises:
        pytest.UsageError: the release is unknown, or the server is an external one.
    """
    if not text:
        return {}
    if uri:
        raise pytest.UsageError("secantus_compat cannot be combined with secantus_uri")
    return {"compat": check_compat(text)}


def check_compat(text: object) -> str:
    """Validate and return the name of a release.

    Raises:
        pytest.UsageError: the release is unknown.
    """
    from secantus_server.version import RELEASES

    if not isinstance(text, str) or text not in RELEASES:
        raise pytest.UsageError(f"secantus_compat is {text!r}; it must be one of {', '.join(RELEASES)}")
    return text


def read_search(text: str, uri: str | None) -> dict[str, Any]:
    """Return the setting that enables search indexes, or no setting if the option does not request them."""
    return {"search": True} if read_own_truth("secantus_search", text, uri) else {}


def read_dump(text: str | None, config: pytest.Config, uri: str | None) -> Path | None:
    """Return the directory for dumps after failed tests, and create it. Return None if dumps are not requested.

    A relative path is relative to the working directory.

    Raises:
        pytest.UsageError: the directory cannot be written, or the server is an external one.
    """
    if text is None:
        return None
    if uri:
        raise pytest.UsageError("--secantus-dump cannot be combined with secantus_uri")
    from pytest_secantus.writable import probe

    path = config.invocation_params.dir / text
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe(path)
    except OSError as error:
        raise pytest.UsageError(f"--secantus-dump: {path} cannot be written: {error.strerror}") from error
    return path


def read_dump_format(text: str | None, directory: str | None) -> DumpFormat:
    """Return the format of dumps.

    Raises:
        pytest.UsageError: the format is unknown, or dumps are not enabled.
    """
    if text is not None and directory is None:
        raise pytest.UsageError("--secantus-dump-format needs --secantus-dump=DIR")
    if text not in {None, *DUMP_FORMATS}:
        raise pytest.UsageError(f"--secantus-dump-format is {text!r}; it must be one of {', '.join(DUMP_FORMATS)}")
    return "bson" if text == "bson" else "json"


def read_pause(given: Namespace) -> bool:
    """Return whether to wait after each failure.

    Raises:
        pytest.UsageError: the tests run in several processes, which have no access to the terminal.
    """
    if given.secantus_pause and (getattr(given, "numprocesses", None) or getattr(given, "tx", None)):
        raise pytest.UsageError("--secantus-pause cannot be combined with -n: the workers have no terminal")
    return bool(given.secantus_pause)


def read_console(given: Namespace) -> bool:
    """Return whether to show each failed test in the web console and wait.

    Raises:
        pytest.UsageError: the tests run in several processes, or the console's packages are not installed.
    """
    if given.secantus_console:
        if getattr(given, "numprocesses", None) or getattr(given, "tx", None):
            raise pytest.UsageError("--secantus-console cannot be combined with -n: the tests of all workers would pause")
        from secantus_server.console_process import check_installed
        from secantus_server.settings import SettingsError

        try:
            check_installed()
        except SettingsError as error:
            raise pytest.UsageError(f"--secantus-console: {error}") from None
    return bool(given.secantus_console)


def read_reset(kinds: list[str], isolation: Isolation) -> tuple[str, ...]:
    """Validate and return the kinds of test parts (`examples`, `subtests`) before which `secantus_reset` resets the databases.

    Raises:
        pytest.UsageError: a kind is unknown, or the isolation mode has no snapshots.
    """
    for kind in kinds:
        if kind not in RESETS:
            raise pytest.UsageError(f"secantus_reset: {kind!r} is not one of {', '.join(RESETS)}")
    if kinds and isolation != "restore":
        raise pytest.UsageError(f"secantus_reset does not work with secantus_isolation = {isolation}; use restore")
    return tuple(kinds)


def read_clock(text: str, uri: str | None) -> bool:
    """Return whether the server's clock follows the libraries that move the test's time (time-machine and freezegun)."""
    if text not in {"", "system", "follow"}:
        raise pytest.UsageError(f"secantus_clock is {text!r}; it must be system or follow")
    if text == "follow" and uri:
        raise pytest.UsageError("secantus_clock = follow cannot be combined with secantus_uri")
    return text == "follow"


def read_process(text: str) -> Process:
    """Return the value of the option that decides whether the server runs in a child process."""
    when = text or "auto"
    if when not in PROCESSES:
        raise pytest.UsageError(f"secantus_process is {when!r}; it must be one of {', '.join(PROCESSES)}")
    return when


def read_transport(text: str) -> Transport:
    """Return how clients of this process reach the server."""
    transport = text or "direct"
    if transport not in TRANSPORTS:
        raise pytest.UsageError(f"secantus_transport is {text!r}; it must be one of {', '.join(TRANSPORTS)}")
    return transport


def read_auth(lines: list[str], uri: str | None) -> tuple[User, ...]:
    """Parse the users of the server. Import the module for users only if any are given.

    Raises:
        pytest.UsageError: a user is invalid, or the server is an external one.
    """
    if not lines:
        return ()
    if uri:
        raise pytest.UsageError("secantus_auth cannot be combined with secantus_uri; add the credentials to that URI")
    from pytest_secantus.users import parse_users

    try:
        return parse_users(lines)
    except ValueError as error:
        raise pytest.UsageError(f"secantus_auth: {error}") from error


def read_tls(text: str, uri: str | None, settings: list[str]) -> Tls:
    """Return whether clients use TLS, and whether they need certificates.

    Raises:
        pytest.UsageError: the value is unknown, certificates cannot be created, or the value contradicts a different option.
    """
    tls = text or "no"
    if tls not in TLS:
        raise pytest.UsageError(f"secantus_tls is {tls!r}; it must be one of {', '.join(TLS)}")
    if tls == "no":
        return tls
    if uri:
        raise pytest.UsageError("secantus_tls cannot be combined with secantus_uri; add tls=true to that URI")
    if any(line.startswith("tls_") for line in settings):
        raise pytest.UsageError("secantus_tls cannot be combined with tls_* in secantus_settings; use one of them")
    from pytest_secantus.certificates import MISSING, is_available

    if not is_available():
        raise pytest.UsageError(MISSING)
    return tls


def read_names(names: list[str]) -> tuple[str, ...]:
    """Return the names of the environment variables to set."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise pytest.UsageError(f"secantus_env: {name!r} is not the name of an environment variable")
    return tuple(names)


def read_redirect(given: Namespace, ini: list[str]) -> frozenset[Address]:
    """Return the addresses to redirect, from the command line or else from the ini file.

    Raises:
        pytest.UsageError: an address is invalid, or the command line has addresses, which have no effect without ``--secantus``.
    """
    asked = given.secantus_redirect
    if asked and not given.secantus:
        raise pytest.UsageError("--secantus-redirect needs --secantus, which runs the server for the whole suite")
    return frozenset(read_address(text) for text in (ini if asked is None else asked.split(",")) if text)


def read_address(text: str) -> Address:
    """Parse an address of the form ``host``, ``host:port`` or ``[host]:port``."""
    match = re.fullmatch(r"(?P<host>\[[^\]]+\]|[^:/@\s]+)(?::(?P<port>\d{1,5}))?", text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise pytest.UsageError(f"secantus_redirect: {text!r} is not a host:port such as localhost:27017")
    return address(match["host"].strip("[]"), port)


def read_seed(paths: list[Path], uri: str | None, isolation: Isolation) -> tuple[Path, ...]:
    """Return the seed paths. Raise a usage error if one is missing, or if they would be loaded into an existing external database."""
    if paths and uri and isolation == "none":
        raise pytest.UsageError("secantus_seed with secantus_uri and isolation none would load into an existing database")
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(f"secantus_seed: {path} does not exist")
    return tuple(paths)


def read_database(name: str) -> str:
    """Validate and return the name of the test database: MongoDB must accept it, and it must not be a system database."""
    if not re.fullmatch(r"[^\s/\\.\"$*<>:|?\0]{1,38}", name) or name in {"admin", "local", "config"}:
        raise pytest.UsageError(f"secantus_database: {name!r} is not allowed as the name of a test database")
    return name


def read_storage(text: str, config: pytest.Config, uri: str | None) -> str:
    """Return ``:memory:`` or a directory, which is created on first use. A relative path is relative to pytest's root directory."""
    if uri and text:
        raise pytest.UsageError("secantus_storage cannot be combined with secantus_uri")
    if text in {"", MEMORY}:
        return MEMORY
    path = config.rootpath / text
    if path.exists() and not path.is_dir():
        raise pytest.UsageError(f"secantus_storage: {path} is not a directory")
    from pytest_secantus.writable import probe

    existing = next(one for one in (path, *path.parents) if one.exists())
    try:
        probe(existing)
    except OSError as error:
        where = f"{existing} is not a directory that this user may write to"
        raise pytest.UsageError(f"secantus_storage: {path} cannot be written: {where}") from error
    return str(path)


def read_uri(uri: str | None, where: str = "secantus_uri") -> str | None:
    """Validate a connection string with the driver's parser, and return it. If `uri` is None, return None.

    DNS records are not resolved here but later, by clients.
    """
    if uri is None or re.match(r"mongodb\+srv://.", uri):
        return uri
    try:
        from pymongo.uri_parser import parse_uri

        parse_uri(uri, validate=False)
    except Exception as error:
        raise pytest.UsageError(f"{where}: {error}") from error
    return uri


def read_shadow(text: str, uri: str | None, given: Namespace) -> str | None:
    """Return the URI of the shadow (the second server for ``--secantus-shadow``), or None.

    Whether the shadow responds is checked later, because the suite may have to patch the process before the driver is imported.

    Raises:
        pytest.UsageError: the value is not a URI, or the plugin cannot see the commands of tests.
    """
    if not text:
        return None
    if uri:
        raise pytest.UsageError("--secantus-shadow cannot be combined with secantus_uri: the shadow is compared with the plugin's server")
    if getattr(given, "forked", False):
        raise pytest.UsageError("--secantus-shadow cannot be combined with --forked")
    if not re.match(r"mongodb(\+srv)?://", text):
        raise pytest.UsageError(f"--secantus-shadow: {text!r} is not a URI such as mongodb://localhost:27017")
    return text
