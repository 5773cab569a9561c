"""The effective settings, merged from the command line, the config file and the defaults, with the origin of each setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secantus_server.config.file import default_paths, read_config
from secantus_server.config.flags import build_parser, given_flags
from secantus_server.config.schema import BY_NAME, SECTIONS
from secantus_server.settings import Settings, SettingsError

DEFAULT = "default"
#: The settings that --ephemeral implies, unless a flag overrides them.
EPHEMERAL = {"storage_path": ":memory:", "port": 0, "enable_test_commands": True}


@dataclass(frozen=True)
class Effective:
    """The effective settings from a command line and the config file, with their origins.

    Arguments:
        settings: the settings.
        origins: the origin of each setting's value: "default", the path of the config file, or the flag.
        file: the config file that was read, or None.
        asked: the given command line options that are not settings, such as "check_config".
    """

    settings: Settings
    origins: dict[str, str]
    file: Path | None
    asked: dict[str, Any]

    def described(self) -> str:
        """Return the settings in the format of a config file, with the origin of each setting in a comment."""
        lines: list[str] = []
        for section, entries in SECTIONS.items():
            lines += ["" if lines else f"# config file: {self.file or 'none'}", f"[{section}]"]
            shown = [(f"{key} = {entry.shown(getattr(self.settings, entry.name))}", entry.name) for key, entry in entries.items()]
            width = max(len(text) for text, _name in shown)
            lines += [f"{text:<{width}}  # {self.origins[name]}" for text, name in shown]
        return "\n".join(lines) + "\n"


def load(arguments: Sequence[str] | None, version: str) -> Effective:
    """Merge the flags of a command line, the config file and the defaults. Flags override the config file, which overrides the defaults.

    Raises:
        SettingsError: if a setting is invalid.
        SystemExit: if the command line is invalid or requests help.
    """
    given = given_flags(build_parser(version), arguments)
    flags = {name: given.pop(name) for name in list(given) if name in BY_NAME}
    named = given.pop("config", None)
    file = Path(named) if named is not None else next((path for path in default_paths() if path.exists()), None)
    from_file = read_config(file) if file is not None else {}
    origins = dict.fromkeys(BY_NAME, DEFAULT) | {name: str(file) for name in from_file}
    if given.get("ephemeral"):
        if "storage_path" in flags:
            raise SettingsError("--ephemeral keeps everything in memory: leave out --storage-path.")
        from_file |= EPHEMERAL
        origins |= dict.fromkeys(EPHEMERAL, "--ephemeral")
    origins |= {name: BY_NAME[name].flags[0] for name in flags}
    try:
        settings = Settings(**{**from_file, **flags})
    except SettingsError as error:
        name = str(error).split(" ", 1)[0]
        raise SettingsError(str(error).replace(name, origins[name], 1) if name in flags else str(error)) from None
    return Effective(settings.check_together(), origins, file, given)
