"""The server's settings, as a frozen record.

The command-line flags, the config file's schema and the tables in docs/config.md are derived from its fields.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from secantus_server.records import fields, record
from secantus_server.version import MONGODB_8_2, RELEASES

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("text", "json")
# MongoDB's TLS modes. allowTLS and preferTLS differ only in connections that a server opens itself. This server opens none, so the two
# modes mean the same.
TLS_MODES: Final = ("disabled", "allowTLS", "preferTLS", "requireTLS")
TLS_VERSIONS: Final = ("1.2", "1.3")

#: How a number is written in the config file and as a flag: as a size with a unit, or as a duration.
SIZE_MB: Final = "size in MB"
SECONDS: Final = "seconds"
MILLISECONDS: Final = "milliseconds"
#: The minimum number of storage engine sessions that a server with a few clients needs.
MIN_SESSIONS: Final = 20
#: The lower limit of SCRAM iteration counts, as in MongoDB.
MIN_ITERATIONS: Final = 5000
#: The names of settings in earlier versions, with the names that replace them.
FORMER_NAMES: Final = {"oplog_min_retention_hours": "oplog_retention_s", "auth": "require_auth"}


class SettingsError(Exception):
    """An invalid setting. The message explains how to fix it."""


def setting(default: Any, place: str, help: str, *, unit: str | None = None, choices: tuple[str, ...] = ()) -> Any:
    """Return the field of a setting.

    Arguments:
        default: the default value, whose type is the type of the setting.
        place: the section and the key in the config file, as in "server.port".
        help: one or two sentences in Markdown, for `--help` and for the table in docs/config.md.
        unit: `SIZE_MB`, `SECONDS` or `MILLISECONDS` if the config file takes a unit.
        choices: the possible values.
    """
    section, key = place.split(".")
    return field(default=default, metadata={"section": section, "key": key, "help": help, "unit": unit, "choices": choices})


@record(frozen=True)
class Settings:
    """A server's settings.

    The fields have the names and units that are used in Python. `config.schema` derives the names and units of the config file and flags.
    """

    host: str = setting(
        "127.0.0.1",
        "server.host",
        "The address to listen on: a host name, an IPv4 or an IPv6 address. If a name has several addresses, an IPv4 address is used.",
    )
    advertised_host: str = setting(
        "",
        "server.advertised_host",
        "The host, or `host:port`, by which clients reach the server, and which `hello` tells them; by default `host`, and the loopback "
        "address if that is a wildcard. A driver that discovers the replica set connects to it, so a certificate must contain it.",
    )
    port: int = setting(27017, "server.port", "The TCP port; 0 selects a free one, which is printed.")
    unix_socket_prefix: str = setting(
        "",
        "server.unix_socket_prefix",
        "A directory in which the server also listens on the Unix domain socket `mongodb-PORT.sock`, to which only the user who runs the "
        "server can connect; empty for none. MongoDB's default is `/tmp`. A driver stays on the socket with `directConnection=true`; "
        "otherwise it connects to the TCP address of the replica set that it discovers.",
    )
    storage_path: str = setting(
        "./secantus-data",
        "server.storage_path",
        "The data directory, created if it does not exist; `:memory:` keeps all data in memory.",
    )
    pid_file: str = setting(
        "",
        "server.pid_file",
        "A file that contains the id of the daemon's process while it runs, for `secantusdb status` and `secantusdb stop`. A server in "
        "your own process writes none.",
    )
    log_level: str = setting(
        "info", "server.log_level", "The lowest level that is logged, in upper or lower case. The log goes to stderr.", choices=LOG_LEVELS
    )
    log_format: str = setting(
        "text",
        "server.log_format",
        "The form of the log's lines: text, or JSON with the fields of MongoDB's structured log (`t`, `s`, `c`, `id`, `ctx`, `msg`, "
        "`attr`). In your own process without a log file, Python's `logging` formats them.",
        choices=LOG_FORMATS,
    )
    log_file: str = setting(
        "",
        "server.log_file",
        "A file to which the log is appended, instead of stderr. The command `logRotate` and the signal SIGUSR1 begin a new one.",
    )
    log_rotate: str = setting(
        "rename",
        "server.log_rotate",
        "What beginning a new log file does with the old one: `rename` appends the time to its name; `reopen` expects that another "
        "program, such as logrotate, has renamed it.",
        choices=("rename", "reopen"),
    )
    metrics_port: int = setting(
        0,
        "server.metrics_port",
        "The TCP port on which the server answers HTTP requests for `/metrics` with its metrics in Prometheus' text format, without "
        "authentication; 0 for none.",
    )
    metrics_host: str = setting("127.0.0.1", "server.metrics_host", "The address of that port.")
    replica_set: str = setting(
        "secantus",
        "server.replica_set",
        "The name of the single-node replica set that the server presents; an empty name, or `--standalone`, means a standalone server.",
    )
    sync_on_commit: bool = setting(
        False,
        "storage.sync_on_commit",
        "Sync each write to disk. Otherwise a write waits only until the operating system has received it "
        "([durability](#shutdown-and-durability)).",
    )
    cache_size_mb: int = setting(
        0,
        "storage.cache_size",
        "The memory limit of the storage. 0 means a quarter of the machine's memory, but at most 1 GB, for a directory, and half of the "
        "machine's memory for an in-memory store. In a directory, one transaction can write at most half of the limit (error 388 "
        "otherwise). An index build and `$out` are single transactions; updates and deletes of many documents are split.",
        unit=SIZE_MB,
    )
    enable_test_commands: bool = setting(
        False,
        "server.enable_test_commands",
        "Allow the commands that are reserved for tests, such as those of [fail points](fail-points.md). On by default in the plugin and "
        "in `SecantusDBServer`.",
    )
    compat: str = setting(
        MONGODB_8_2.name,
        "server.compat",
        "The release of MongoDB that the server presents and answers like ([compatibility](compatibility.md)). The data in a directory "
        "does not depend on it.",
        choices=tuple(RELEASES),
    )
    ttl_interval_s: int = setting(60, "storage.ttl_interval", "The time between two passes of the TTL monitor.", unit=SECONDS)
    checkpoint_interval_s: int = setting(
        60,
        "storage.checkpoint_interval",
        "The time between two checkpoints. A checkpoint is also taken after every 64 MB of writes, which limits the log to be replayed "
        "after a crash to about that size.",
        unit=SECONDS,
    )
    cursor_timeout_s: int = setting(600, "server.cursor_timeout", "The time after which an idle cursor is closed.", unit=SECONDS)
    max_connections: int = setting(
        0,
        "server.max_connections",
        "The maximum number of connections. Further connections are refused: their first message gets an error that says what to do. 0 "
        "means as many as the process may open files; at start the server raises its soft limit to the hard limit.",
    )
    session_max: int = setting(
        5000,
        "server.session_max",
        "The maximum number of sessions of the storage engine: one for each command that runs and for each open transaction.",
    )
    oplog_size_mb: int = setting(
        0,
        "oplog.size",
        "The size of the oplog from which on its oldest entries are removed; 0 means 64 MB for a directory, and for an in-memory store "
        "8 MB, which becomes 40 MB when the first change stream is opened. `replSetResizeOplog` changes it while the server runs.",
        unit=SIZE_MB,
    )
    oplog_retention_s: int = setting(0, "oplog.retention_seconds", "How long oplog entries are kept even beyond that size.", unit=SECONDS)
    oplog_noop_heartbeat_s: int = setting(
        10,
        "oplog.noop_heartbeat_seconds",
        "The interval at which a server in a directory adds a no-op entry to the oplog while nobody writes to it, so that change streams "
        "get newer resume tokens; 0 for never. An in-memory store does this only after `setParameter: {writePeriodicNoops: true}`.",
        unit=SECONDS,
    )
    javascript_enabled: bool = setting(
        True,
        "server.javascript_enabled",
        "Run server-side [JavaScript](javascript.md): `$where`, `$function`, `$accumulator` and `mapReduce`.",
    )
    search: bool = setting(
        False,
        "server.search",
        "Enable search indexes and the stages that use them ([search](search.md)): `$vectorSearch`, `$search` and `$searchMeta`. MongoDB "
        "has them only with MongoDB Search; without it, as here by default, they are error 31082.",
    )
    require_auth: bool = setting(
        False,
        "server.auth",
        "Require clients to authenticate, and restrict them to what their roles allow; see [security](security.md).",
    )
    login_delay_ms: int = setting(
        100,
        "server.login_delay",
        "After ten failed logins of a user from an address, or a hundred of all its users, each further one is delayed by this, which "
        "doubles with each failure up to 64 times. The failures are forgotten after a minute without another. 0 for no delay, the default "
        "of `SecantusDBServer`.",
        unit=MILLISECONDS,
    )
    scram_iteration_count: int = setting(
        10_000,
        "server.scram_iteration_count",
        "The iteration count of new passwords for SCRAM-SHA-1, at least 5000; `setParameter` changes it while the server runs.",
    )
    scram_sha256_iteration_count: int = setting(
        15_000, "server.scram_sha256_iteration_count", "The same for SCRAM-SHA-256. A higher count makes guesses and logins slower."
    )
    tls_mode: str = setting(
        "",
        "tls.mode",
        "Which connections are encrypted ([TLS](tls.md)); `allowTLS` and `preferTLS` take encrypted and plain connections. Empty means "
        "`requireTLS` if there is a `cert_file`, otherwise `disabled`.",
        choices=("", *TLS_MODES),
    )
    tls_cert_file: str = setting(
        "", "tls.cert_file", "The server's certificate in PEM form, followed by intermediate certificates if there are any."
    )
    tls_key_file: str = setting("", "tls.key_file", "The private key of the certificate, if it is not in the same file.")
    tls_ca_file: str = setting(
        "", "tls.ca_file", "The certificates of the authorities that sign clients' certificates. Without it, no client is asked for one."
    )
    tls_require_client_cert: bool = setting(
        False, "tls.require_client_cert", "Refuse clients that have no certificate of these authorities."
    )
    tls_min_version: str = setting("1.2", "tls.min_version", "The oldest version of TLS that is accepted.", choices=TLS_VERSIONS)
    handshake_timeout_s: int = setting(
        30,
        "server.handshake_timeout",
        "With TLS or `auth`: the time within which a client must have sent its first command; 0 is no limit.",
        unit=SECONDS,
    )
    max_unauthenticated_connections: int = setting(
        0,
        "server.max_unauthenticated_connections",
        "With `auth`: the maximum number of connections that have not authenticated. Beyond it, the oldest one of the address with most "
        "of them is closed. Each client keeps one or two for monitoring, which never authenticate. 0 means half of all connections, at "
        "least 16 and at most 4,096.",
    )
    oplog_archive_path: str = setting(
        "",
        "oplog.archive_path",
        "A directory to which the oplog is archived continuously, for a restore to any point in time ([disaster recovery]"
        "(production.md#point-in-time)). Empty for no archive. It is created if it does not exist.",
    )
    oplog_archive_interval_s: int = setting(
        60,
        "oplog.archive_interval",
        "The longest time after which a change is archived. The server also archives when it stops.",
        unit=SECONDS,
    )

    console: bool = setting(
        False,
        "console.enabled",
        "Run [the console](console.md), a page in the browser, in a process beside the server. `--console PORT` also selects its port.",
    )
    console_port: int = setting(27080, "console.port", "The TCP port of the console; 0 selects a free one, which is printed.")
    console_host: str = setting(
        "127.0.0.1",
        "console.host",
        "The address that the console listens on. It speaks HTTP without encryption: reach a console on loopback from elsewhere through "
        "an SSH tunnel, and use another address only in a network that you trust.",
    )
    console_write: bool = setting(
        False,
        "console.write",
        "Let the console, if there is one, change documents, collections, users and settings; otherwise it only reads.",
    )

    def __post_init__(self) -> None:
        if type(self.log_level) is str:
            object.__setattr__(self, "log_level", self.log_level.lower())
        _check(self)

    @property
    def in_memory(self) -> bool:
        """Return whether the data is in memory and is lost when the process ends."""
        return self.storage_path == ":memory:"

    @property
    def effective_tls_mode(self) -> str:
        """Return the effective TLS mode, which is one of `TLS_MODES`."""
        return self.tls_mode or ("requireTLS" if self.tls_cert_file else "disabled")

    @property
    def takes_tls(self) -> bool:
        """Return whether clients can use TLS."""
        return self.effective_tls_mode != "disabled"

    @property
    def requires_tls(self) -> bool:
        """Return whether clients must use TLS."""
        return self.effective_tls_mode == "requireTLS"

    def check_together(self) -> Settings:
        """Validate the settings that depend on each other, and return these settings unchanged.

        This is a separate check because flags and the config file may each contain only some of the settings.

        Raises:
            SettingsError: if a setting requires another setting.
        """
        if self.takes_tls and not self.tls_cert_file:
            raise SettingsError(f"tls_mode = {self.tls_mode} needs a certificate: set tls_cert_file.")
        for name in ("tls_key_file", "tls_ca_file"):
            if getattr(self, name) and not self.tls_cert_file:
                raise SettingsError(f"{name} has no effect without tls_cert_file.")
        if self.tls_require_client_cert and not self.tls_ca_file:
            raise SettingsError("tls_require_client_cert needs tls_ca_file, the authorities whose certificates are accepted.")
        if self.console and self.tls_require_client_cert:
            raise SettingsError("The console has no certificate for tls_require_client_cert: use secantusdb-admin with a URI that has.")
        return self


_TYPES: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}


# A host name or an IPv4 address, with or without a port; or an IPv6 address, either in brackets with or without a port, or without brackets
# and port.
_MOST_PORT = 65535
_ADVERTISED = r"[^\s:/,@\[\]]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"


def _check(settings: Settings) -> None:
    for name, kind in _TYPES.items():
        value = getattr(settings, name)
        if type(value) is not kind:
            raise SettingsError(f"{name} must be {_described(kind)}, not {value!r}.")
        if isinstance(value, int) and value < 0:
            raise SettingsError(f"{name} must not be negative: {value}.")
    for name in ("port", "metrics_port", "console_port"):
        if getattr(settings, name) > _MOST_PORT:
            raise SettingsError(f"{name} must be between 0 and {_MOST_PORT}, not {getattr(settings, name)}.")
    for entry in fields(settings):
        choices, value = entry.metadata["choices"], getattr(settings, entry.name)
        if choices and value not in choices:
            raise SettingsError(f"{entry.name} must be one of {', '.join(filter(None, choices))}, not {value!r}.")
    if not settings.host:
        raise SettingsError("host must be a host name or an address to listen on.")
    _check_advertised(settings.advertised_host)
    if not settings.storage_path:
        raise SettingsError("storage_path must be a directory or ':memory:'.")
    for name in ("scram_iteration_count", "scram_sha256_iteration_count"):
        if not MIN_ITERATIONS <= getattr(settings, name) < 2**31:
            raise SettingsError(f"{name} must be between {MIN_ITERATIONS} and {2**31 - 1}, not {getattr(settings, name)}.")
    if settings.session_max < MIN_SESSIONS:
        raise SettingsError(f"session_max must be at least {MIN_SESSIONS}, not {settings.session_max}.")


def _check_advertised(host: str) -> None:
    if not host:
        return
    found = re.fullmatch(_ADVERTISED, host)
    if found is None or not 0 < int((found[1] or found[2] or ":1")[1:]) <= _MOST_PORT:
        raise SettingsError(f"advertised_host must be a host name or an address, with or without a port, not {host!r}.")


def _described(kind: type) -> str:
    return {int: "a whole number", str: "a string", bool: "true or false"}[kind]


def check_names(names: Mapping[str, Any], where: str) -> None:
    """Raise an error if a setting's name is unknown. The message suggests the closest name.

    Raises:
        SettingsError: if a name is unknown.
    """
    for name in names:
        if name not in _TYPES:
            # Imported here, because it is rarely needed, and an import at the top would slow down every start of a server.
            import difflib

            near = [FORMER_NAMES[name]] if name in FORMER_NAMES else difflib.get_close_matches(name, _TYPES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the settings are {', '.join(_TYPES)}."
            raise SettingsError(f"{where}: unknown setting {name!r}{hint}")


#: The keys of the argument `tls` of `SecantusDBServer`, which are the names of the `tls_*` settings without the prefix.
TLS_KEYS = tuple(name.removeprefix("tls_") for name in _TYPES if name.startswith("tls_"))


def tls_settings(tls: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `tls_*` settings for a mapping such as `{"cert_file": "server.pem", "ca_file": "ca.pem"}`.

    Paths may be strings or `Path`s.

    Raises:
        SettingsError: if a key is unknown, or if there is no certificate.
    """
    if tls is None:
        return {}
    for name in tls:
        if name not in TLS_KEYS:
            raise SettingsError(f"tls: unknown key {name!r}; the keys are {', '.join(TLS_KEYS)}.")
    if not tls.get("cert_file"):
        raise SettingsError("tls needs a cert_file.")
    return {f"tls_{name}": os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in tls.items()}
