"""The server's settings, from the command line, from `secantusdb.toml` or from Python, as one frozen Settings object."""

from __future__ import annotations

import difflib
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

    def __post_init__(self) -> None:
        if type(self.log_level) is str:
            object.__setattr__(self, "log_level", self.log_level.lower())
        _check(self)

    @property
    def in_memory(self) -> bool:
        """Whether the data ends with the process."""
        return self.storage_path == ":memory:"


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
