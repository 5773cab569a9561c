"""The flags of `secantusdb`, one for each setting."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from secantus_server.config.file import default_paths
from secantus_server.config.schema import ENTRIES, Entry, formerly
from secantus_server.settings import SIZE_MB, SettingsError

_DESCRIPTION = (
    "A MongoDB server for tests and single-node applications: it speaks MongoDB's wire protocol and stores its data with WiredTiger."
)
_EPILOG = (
    "Flags override the config file, which overrides the defaults. SIGINT or SIGTERM stops the server cleanly. "
    "Subcommands, each with its own --help: secantusdb status, stop, backup, check, salvage. "
    "Another program, secantusdb-restore-archive, restores a backup."
)


#: The subcommands of `secantusdb`.
COMMANDS: Final = ("status", "stop", "backup", "check", "salvage")
# The list of all flags would hide the error below it.
_USAGE: Final = f"%(prog)s [FLAG ...]\n       %(prog)s {{{','.join(COMMANDS)}}} ..."


class FlagParser(argparse.ArgumentParser):
    """An argument parser whose error message for an unknown flag or subcommand suggests the most similar one."""

    def error(self, message: str) -> NoReturn:
        """Print an error message and exit with code 2."""
        unknown = re.match(r"unrecognized arguments: ([\w-]+)", message)
        super().error(self._correction(unknown[1], message) if unknown else message)

    def _correction(self, word: str, message: str) -> str:
        entry = formerly(word[2:].replace("-", "_")) if word.startswith("--") else None
        if entry is not None:
            return f"{word} is now {entry.flags[0]}"
        if word == "restore":
            return f"{message}; secantusdb-restore-archive restores a backup"
        near = difflib.get_close_matches(word, self._option_string_actions if word.startswith("-") else COMMANDS, n=1)
        return f"{message}; did you mean {near[0]}?" if near else message


class _Console(argparse.Action):
    """The flag `--console [PORT]`, which sets two settings: whether the console runs, and its port."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        """Store both settings."""
        namespace.console = True
        if values is not None:
            namespace.console_port = values


def build_parser(version: str) -> argparse.ArgumentParser:
    """Return the command line parser. Flags have no defaults, so that omitted flags can be distinguished from given flags."""
    parser = FlagParser(
        prog="secantusdb", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    places = ", ".join(map(str, default_paths()))
    parser.add_argument("--config", metavar="FILE", help=f"the config file (default: the first that exists of {places})")
    parser.add_argument("--check-config", action="store_true", help="check the config file and the flags, and exit")
    parser.add_argument("--print-config", action="store_true", help="print each setting and where its value comes from, and exit")
    parser.add_argument(
        "--ephemeral",
        action="store_true",
        help="for a test suite: keep everything in memory, select a free port unless --port is given, allow test commands, and end with "
        "the process that started the server",
    )
    parser.add_argument("--print-uri", action="store_true", help="print only the URI when the server is ready")
    for entry in ENTRIES:
        _add(parser, entry)
    parser.add_argument("--standalone", action="store_const", const="", dest="replica_set", help="the same as --replica-set ''")
    parser.add_argument("--version", action="version", version=f"secantusdb {version}")
    return parser


def _add(parser: argparse.ArgumentParser, entry: Entry) -> None:
    """Add the flag of a setting."""
    options: dict[str, Any] = {"dest": entry.name, "help": _help(entry)}
    if entry.name == "console":
        options |= {"action": _Console, "nargs": "?", "type": _whole_number, "metavar": "PORT"}
    elif type(entry.default) is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif entry.choices:
        options |= {"choices": entry.choices, "type": str.lower if all(choice.islower() for choice in entry.choices) else str}
    else:
        options |= {"type": _converter(entry), "metavar": _metavar(entry)}
    parser.add_argument(*entry.flags, **options)
    if entry.plain_flag is not None:
        parser.add_argument(entry.plain_flag, dest=entry.name, type=_whole_number, help=argparse.SUPPRESS)


def _metavar(entry: Entry) -> str:
    if entry.unit is not None:
        return "SIZE" if entry.unit == SIZE_MB else "DURATION"
    return "N" if type(entry.default) is int else entry.key.rpartition("_")[2].upper()


def _converter(entry: Entry) -> Callable[[str], Any]:
    """Return the function that converts a flag's text to the setting's value."""
    if entry.unit is None:
        return _whole_number if type(entry.default) is int else type(entry.default)

    def convert(text: str) -> Any:
        try:
            return entry.read(text, "the value")
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _help(entry: Entry) -> str:
    """Return a flag's help text: the setting's description without Markdown links, and the default."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", entry.help).replace("%", "%%")
    default = entry.shown(entry.default).strip('"')
    return text if default in ("", "false", "0") else f"{text} (default: {default})"


def given_flags(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> dict[str, Any]:
    """Return the values of the flags on a command line, with the names of the settings as keys.

    Raises:
        SystemExit: if the command line is invalid or requests help.
    """
    return vars(parser.parse_args(arguments))
