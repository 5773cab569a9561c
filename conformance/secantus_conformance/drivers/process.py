"""Runs the commands that prepare and run a driver's suite."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from secantus_conformance.failures import UsageError


def call(command: list[str], folder: Path, timeout: float, complaint: str | None, environment: dict[str, str] | None = None) -> None:
    """Runs a command, whose output is kept in `last-output.txt`. With a complaint, its failure is a UsageError.

    Raises UsageError if the command does not exist or takes too long; it is killed with everything that it started.
    """
    log = folder / "last-output.txt"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be run: {error}") from error
        code = _wait(process, command[0], timeout)
    if complaint and code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise UsageError(f"{complaint}: {lines[-1] if lines else 'no reason given'}")


def _wait(process: subprocess.Popen[bytes], name: str, timeout: float) -> int:
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise UsageError(f"{name} took longer than {timeout:g} seconds.") from error
