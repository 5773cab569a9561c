"""The server's settings, from the command line, from `secantusdb.toml` or from Python, as one frozen Settings object."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOG_LEVELS = ("debug", "info", "warning", "error")
# MongoDB's modes. This server opens no connections itself, so allowTLS and preferTLS, which differ only in those, mean the same.
TLS_MODES = ("disabled", "allowTLS", "preferTLS", "requireTLS")
TLS_VERSIONS = ("1.2", "1.3")


class SettingsError(Exception):
    """Invalid setting; the message says how to fix it."""


@dataclass(frozen=True)
class Settings:
    """A server's settings.

    Arguments:
        host: the address to listen on.
        port: the TCP port; 0 selects a free one.
        storage_path: a directory, created if missing, or ":memory:".
        log_level: the minimum log level: debug, info, warning or error.
        replica_set: the name of the single-node replica set; empty for a standalone server.
        sync_on_commit: sync each commit to disk instead of only passing it to the operating system.
        cache_size_mb: the memory for storage; 0 means up to half of the machine's, as needed.
        enable_test_commands: allow commands intended for tests; `SecantusDBServer` allows them by default.
        ttl_interval_s: seconds between two passes of the TTL monitor.
        checkpoint_interval_s: seconds between two checkpoints.
        cursor_timeout_s: seconds after which an idle cursor is closed.
        max_connections: the connection limit; 0 means the process's limit on open files.
        oplog_size_mb: the size from which on the oldest oplog entries are removed; 0 means 64 MB, or in memory 8 MB, and 40 MB from the
            first change stream on.
        oplog_min_retention_hours: hours for which oplog entries are kept in any case.
        require_auth: whether clients must authenticate, and may do only what their roles allow.
        login_delay_ms: the delay of a user's logins from an address after ten failed ones; it doubles with each further one. 0 for none.
        tls_mode: which connections are encrypted: one of `TLS_MODES`; empty means requireTLS with a certificate, disabled without one.
        tls_cert_file: the server's certificate, followed by the intermediate ones, in PEM form.
        tls_key_file: its private key; empty if it is in `tls_cert_file`.
        tls_ca_file: the certificates of the authorities that sign clients' certificates.
        tls_require_client_cert: refuse clients without a certificate.
        tls_min_version: the oldest version of TLS that is accepted.
        handshake_timeout_s: seconds within which a client must have sent its first command, with TLS or access control; 0 is no limit.
        max_unauthenticated_connections: with access control, the maximum number of connections that have not authenticated; 0 lets the
            server choose.
    """

    host: str = "127.0.0.1"
    port: int = 27017
    storage_path: str = "./secantus-data"
    log_level: str = "info"
    replica_set: str = "secantus"
    sync_on_commit: bool = False
    cache_size_mb: int = 0
    enable_test_commands: bool = False
    ttl_interval_s: int = 60
    checkpoint_interval_s: int = 60
    cursor_timeout_s: int = 600
    max_connections: int = 0
    oplog_size_mb: int = 0
    oplog_min_retention_hours: int = 0
    require_auth: bool = False
    login_delay_ms: int = 100
    tls_mode: str = ""
    tls_cert_file: str = ""
    tls_key_file: str = ""
    tls_ca_file: str = ""
    tls_require_client_cert: bool = False
    tls_min_version: str = "1.2"
    handshake_timeout_s: int = 30
    max_unauthenticated_connections: int = 0

    def __post_init__(self) -> None:
        if type(self.log_level) is str:
            object.__setattr__(self, "log_level", self.log_level.lower())
        _check(self)

    @property
    def in_memory(self) -> bool:
        """Whether the data ends with the process."""
        return self.storage_path == ":memory:"

    @property
    def effective_tls_mode(self) -> str:
        """One of `TLS_MODES`."""
        return self.tls_mode or ("requireTLS" if self.tls_cert_file else "disabled")

    @property
    def takes_tls(self) -> bool:
        """Whether clients can use TLS."""
        return self.effective_tls_mode != "disabled"

    @property
    def requires_tls(self) -> bool:
        """Whether clients must use TLS."""
        return self.effective_tls_mode == "requireTLS"

    def check_together(self) -> Settings:
        """Check the settings that depend on each other; return the settings. Flags and the config file may each contain a part of them.

        Raises:
            SettingsError: a setting requires another one.
        """
        if self.takes_tls and not self.tls_cert_file:
            raise SettingsError(f"tls_mode = {self.tls_mode} needs a certificate: set tls_cert_file.")
        for name in ("tls_key_file", "tls_ca_file"):
            if getattr(self, name) and not self.tls_cert_file:
                raise SettingsError(f"{name} has no effect without tls_cert_file.")
        if self.tls_require_client_cert and not self.tls_ca_file:
            raise SettingsError("tls_require_client_cert needs tls_ca_file, the authorities whose certificates are accepted.")
        return self


# Keys of the config file that are not the names of settings.
_KEYS = {"auth": "require_auth"}

_TYPES: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}


def _check(settings: Settings) -> None:
    for name, kind in _TYPES.items():
        value = getattr(settings, name)
        if type(value) is not kind:
            raise SettingsError(f"{name} must be {_described(kind)}, not {value!r}.")
        if isinstance(value, int) and value < 0:
            raise SettingsError(f"{name} must not be negative: {value}.")
    if settings.port > 65535:
        raise SettingsError(f"port must be between 0 and 65535, not {settings.port}.")
    if settings.log_level not in LOG_LEVELS:
        raise SettingsError(f"log_level must be one of {', '.join(LOG_LEVELS)}, not {settings.log_level!r}.")
    if settings.tls_mode and settings.tls_mode not in TLS_MODES:
        raise SettingsError(f"tls_mode must be one of {', '.join(TLS_MODES)}, not {settings.tls_mode!r}.")
    if settings.tls_min_version not in TLS_VERSIONS:
        raise SettingsError(f"tls_min_version must be one of {', '.join(TLS_VERSIONS)}, not {settings.tls_min_version!r}.")
    if not settings.host:
        raise SettingsError("host must be a host name or an address to listen on.")
    if not settings.storage_path:
        raise SettingsError("storage_path must be a directory or ':memory:'.")


def _described(kind: type) -> str:
    return {int: "a whole number", str: "a string", bool: "true or false"}[kind]


def check_names(names: Mapping[str, Any], where: str) -> None:
    """Raise for an unknown setting, suggesting the closest name.

    Raises:
        SettingsError: a name is unknown.
    """
    for name in names:
        if name not in _TYPES:
            near = difflib.get_close_matches(name, _TYPES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the settings are {', '.join(_TYPES)}."
            raise SettingsError(f"{where}: unknown setting {name!r}{hint}")


#: The keys of the argument `tls` of `SecantusDBServer`, which are those of the `tls_*` settings.
TLS_KEYS = tuple(name.removeprefix("tls_") for name in _TYPES if name.startswith("tls_"))


def tls_settings(tls: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `tls_*` settings for a mapping such as `{"cert_file": "server.pem", "ca_file": "ca.pem"}`; paths may be `Path`s.

    Raises:
        SettingsError: a key is unknown, or there is no certificate.
    """
    if tls is None:
        return {}
    for name in tls:
        if name not in TLS_KEYS:
            raise SettingsError(f"tls: unknown key {name!r}; the keys are {', '.join(TLS_KEYS)}.")
    if not tls.get("cert_file"):
        raise SettingsError("tls needs a cert_file.")
    return {f"tls_{name}": os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in tls.items()}


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file: a flat table of setting names.

    Raises:
        SettingsError: the file is unreadable or not TOML, or has an unknown name or an invalid value.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = {_KEYS.get(key, key): value for key, value in tomllib.loads(text).items()}
    except OSError as error:
        raise SettingsError(f"cannot read the config file {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    check_names(values, str(path))
    try:
        Settings(**values)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return values
