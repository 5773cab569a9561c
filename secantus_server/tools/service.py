"""The commands `secantusdb status` and `secantusdb stop`, for a daemon with a pid file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from secantus_server.config.effective import load
from secantus_server.settings import SettingsError
from secantus_server.system._clock import monotonic
from secantus_server.system.conditions import Event
from secantus_server.system.pid_file import running_pid

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_INVALID: Final = 2
#: The exit code for "not running", from the LSB.
EXIT_NOT_RUNNING: Final = 3
_POLL_S: Final = 0.05


def status(arguments: Sequence[str]) -> int:
    """Print whether the daemon is running, and return the exit code."""
    path = _pid_file(_parser("status", "Print whether the daemon with a pid file runs."), arguments)
    if path is None:
        return EXIT_INVALID
    pid = running_pid(path)
    print(f"running, pid {pid}" if pid is not None else "not running")
    return EXIT_DONE if pid is not None else EXIT_NOT_RUNNING


def stop(arguments: Sequence[str]) -> int:
    """Stop the daemon, wait until its process has ended, and return the exit code."""
    parser = _parser("stop", "Stop the daemon with a pid file, and wait until it has ended.")
    parser.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="the seconds to wait (default: 60)")
    path = _pid_file(parser, arguments)
    if path is None:
        return EXIT_INVALID
    pid = running_pid(path)
    if pid is None:
        print("not running")
        return EXIT_NOT_RUNNING
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        print(f"secantusdb stop: process {pid} belongs to another user.", file=sys.stderr)
        return EXIT_FAILED
    pause = Event()
    deadline = monotonic() + parser.parse_args(arguments).timeout
    while running_pid(path) == pid:
        if monotonic() > deadline:
            print(f"secantusdb stop: process {pid} has not ended yet.", file=sys.stderr)
            return EXIT_FAILED
        pause.wait(_POLL_S)
    print(f"stopped, pid {pid}")
    return EXIT_DONE


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 on")
    return seconds


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"secantusdb {name}", description=description)
    parser.add_argument("--pid-file", metavar="FILE", help="the pid file (default: that of the config file)")
    parser.add_argument("--config", metavar="FILE", help="the config file that names the pid file")
    return parser


def _pid_file(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> Path | None:
    """Return the pid file from the command line or the config file. If neither specifies it, print an error and return None."""
    given = parser.parse_args(arguments)
    if given.pid_file is not None:
        return Path(given.pid_file)
    try:
        settings = load(["--config", given.config] if given.config is not None else [], "").settings
    except SettingsError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return None
    if not settings.pid_file:
        print(f"{parser.prog}: the configuration has no pid_file: give --pid-file.", file=sys.stderr)
        return None
    return Path(settings.pid_file)
