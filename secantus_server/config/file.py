"""The config file, a TOML file with one table per section."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from secantus_server.config.schema import SECTIONS, Entry, formerly
from secantus_server.settings import Settings, SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME: Final = "secantusdb.toml"


def default_paths() -> tuple[Path, ...]:
    """Return the default paths of the config file, in search order. They apply if --config is not given."""
    return (Path(FILE_NAME), Path("~/.config/secantus").expanduser() / FILE_NAME, Path("/etc/secantus") / FILE_NAME)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a config file, and return its settings as a dict whose keys are the settings' Python names.

    Raises:
        SettingsError: if the file is unreadable or not TOML, or has an unknown section or key or an invalid value.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the config file {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    values: dict[str, Any] = {}
    try:
        for section, table in tables.items():
            _check_section(section, table)
            for key, value in table.items():
                entry = _entry(section, key)
                values[entry.name] = entry.read(value, entry.place)
                _check_value(entry, values[entry.name])
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return values


def _check_section(section: str, table: Any) -> None:
    """Raise SettingsError for an unknown section, or for a key that is outside any section."""
    if section in SECTIONS and type(table) is dict:
        return
    entry = formerly(section)
    if entry is not None and type(table) is not dict:
        raise SettingsError(f"{section} is outside the sections of the config file: write it as {entry.place}.")
    if section in SECTIONS:
        raise SettingsError(f"{section} must be a section, [{section}], not a value.")
    what = "section" if type(table) is dict else "setting"
    names = SECTIONS if type(table) is dict else {key for keys in SECTIONS.values() for key in keys}
    raise SettingsError(f"unknown {what} {section!r}{_suggestion(section, names)}")


def _entry(section: str, key: str) -> Entry:
    """Return the setting for a key in a section.

    Raise SettingsError for an unknown key. If the key is valid in another section, the message mentions that section.
    """
    entry = SECTIONS[section].get(key)
    if entry is not None:
        return entry
    others = [keys[key] for keys in SECTIONS.values() if key in keys]
    known = others[0] if others else formerly(key)
    if known is not None:
        raise SettingsError(f"[{section}] has no key {key!r}: write it as {known.place}.")
    raise SettingsError(f"[{section}] has an unknown key {key!r}{_suggestion(key, SECTIONS[section])}")


def _suggestion(name: str, names: Iterable[str]) -> str:
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; the possible names are {', '.join(known)}."


def _check_value(entry: Entry, value: Any) -> None:
    """Raise SettingsError if a value is invalid. The message contains the key."""
    try:
        Settings(**{entry.name: value})
    except SettingsError as error:
        raise SettingsError(str(error).replace(entry.name, entry.place, 1)) from None
