"""The config file's schema and the flags, derived from the fields of Settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from secantus_server.config.quantities import megabytes, milliseconds, seconds
from secantus_server.records import fields
from secantus_server.settings import FORMER_NAMES, MILLISECONDS, SECONDS, SIZE_MB, Settings, SettingsError

#: Sections whose keys become flags without the section's name as a prefix.
_UNPREFIXED: Final = ("server", "storage")
#: Additional flags of settings, by the setting's Python name.
_ALIASES: Final[dict[str, tuple[str, ...]]] = {"require_auth": ("--require-auth",)}


@dataclass(frozen=True)
class Entry:
    """The definition of one setting.

    Arguments:
        name: the name in Python.
        section: the section of the config file.
        key: the key in that section.
        help: the description of the setting.
        default: the default, in the unit that Python uses.
        unit: the unit in the config file, or None.
        choices: the possible values, or none.
    """

    name: str
    section: str
    key: str
    help: str
    default: Any
    unit: str | None
    choices: tuple[str, ...]

    @property
    def place(self) -> str:
        """Return the setting's position in the config file, as in "[server] port"."""
        return f"[{self.section}] {self.key}"

    @property
    def flags(self) -> tuple[str, ...]:
        """Return the setting's flags. Error messages use the first flag."""
        if self.key == "enabled":
            return (f"--{self.section}",)
        prefix = "" if self.section in _UNPREFIXED else f"{self.section}-"
        return (f"--{prefix}{self.key.replace('_', '-')}", *_ALIASES.get(self.name, ()))

    @property
    def plain_flag(self) -> str | None:
        """Return the flag that takes a plain number and has the unit in its name, such as "--cache-size-mb". Return None if there is no
        such flag.
        """
        return f"--{self.name.replace('_', '-')}" if self.unit is not None else None

    def read(self, value: Any, where: str) -> Any:
        """Convert a value from the config file or a flag to the setting's Python value.

        Arguments:
            where: the name of the key or flag, for error messages.

        Raises:
            SettingsError: if the value has no valid unit or the wrong type.
        """
        if self.unit == SIZE_MB:
            return megabytes(where, value)
        if self.unit == SECONDS:
            return seconds(where, value)
        if self.unit == MILLISECONDS:
            return milliseconds(where, value)
        if type(value) is not type(self.default):
            kind = {int: "a whole number", str: "a string", bool: "true or false"}[type(self.default)]
            raise SettingsError(f"{where} must be {kind}, not {value!r}.")
        return value

    def shown(self, value: Any) -> str:
        """Convert a value to its TOML form."""
        if self.unit == SIZE_MB:
            return "0" if value == 0 else f'"{value // 1024}G"' if value % 1024 == 0 else f'"{value}M"'
        if self.unit == MILLISECONDS:
            return f'"{value}ms"'
        if self.unit == SECONDS and not self.key.endswith("_seconds"):
            return f'"{value}s"'
        if type(value) is str:
            return '"' + re.sub(r'["\\]', r"\\\g<0>", value) + '"'
        return str(value).lower()


ENTRIES: Final = tuple(
    Entry(name=field.name, default=field.default, **field.metadata)
    for field in fields(Settings)
)  # fmt: skip
BY_NAME: Final = {entry.name: entry for entry in ENTRIES}
SECTIONS: Final[dict[str, dict[str, Entry]]] = {
    section: {entry.key: entry for entry in ENTRIES if entry.section == section}
    for section in dict.fromkeys(entry.section for entry in ENTRIES)
}


def formerly(name: str) -> Entry | None:
    """Return the setting for a key or flag of an earlier version, or None.

    In that version, the keys were the settings' Python names, at the top level of the config file.
    """
    return BY_NAME.get(FORMER_NAMES.get(name, name))
