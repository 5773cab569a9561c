"""What a server can be told: from the command line, from `secantusdb.toml`, or from Python; one frozen Settings."""

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
    """A setting that cannot be; the text says what to do."""


@dataclass(frozen=True)
class Settings:
    """A server's settings.

    Arguments:
        host: the address to listen on.
        port: the TCP port; 0 takes a free one.
        storage_path: a directory, made if it is not there, or ":memory:".
        log_level: the least severe level that is logged: debug, info, warning or error.
        replica_set: the name of the single-node replica set that the server presents; empty for a standalone server.
        sync_on_commit: wait for the disk at each commit, not for the operating system alone.
        cache_size_mb: the memory that storage may take; 0 takes half of the machine's, as it is needed.
        enable_test_commands: allow what only tests may do, such as setting fail points.
        ttl_interval_s: seconds between two passes of the TTL monitor.
        checkpoint_interval_s: seconds between two checkpoints.
        cursor_timeout_s: seconds after which an idle cursor is closed.
        max_connections: connections beyond this number are refused; 0 allows as many as the process may have open files.
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

    def __post_init__(self) -> None:
        if type(self.log_level) is str:
            object.__setattr__(self, "log_level", self.log_level.lower())
        _check(self)

    @property
    def in_memory(self) -> bool:
        """Whether the data ends with the process."""
        return self.storage_path == ":memory:"


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
        raise SettingsError("host must name an address to listen on.")
    if not settings.storage_path:
        raise SettingsError("storage_path must name a directory, or be ':memory:'.")


def _described(kind: type) -> str:
    return {int: "a whole number", str: "a text", bool: "true or false"}[kind]


def check_names(names: Mapping[str, Any], where: str) -> None:
    """Refuse a name that is no setting, naming the nearest one.

    Raises:
        SettingsError: there is such a name.
    """
    for name in names:
        if name not in _TYPES:
            near = difflib.get_close_matches(name, _TYPES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the settings are {', '.join(_TYPES)}."
            raise SettingsError(f"{where}: unknown setting {name!r}{hint}")


def read_config(path: str | Path) -> dict[str, Any]:
    """The settings of a TOML file: a flat table of the names above.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or has an unknown name or a value that cannot be.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = tomllib.loads(text)
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
