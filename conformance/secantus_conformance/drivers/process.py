"""Execution of the commands that prepare and run a driver's suite."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from secantus_conformance.failures import UsageError


def call(
    command: list[str],
    folder: Path,
    timeout: float,
    complaint: str | None,
    environment: dict[str, str] | None = None,
    output_file: Path | None = None,
) -> None:
    """Run a command and write its output to a file, by default `last-output.txt` in the folder.

    When the call returns, all processes that the command started have ended. Raise UsageError if the command does not exist, exceeds the
    time limit or, if `complaint` is given, fails.
    """
    log = output_file or folder / "last-output.txt"
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
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise UsageError(f"{command[0]} took longer than {timeout:g} seconds.") from error
        finally:
            end_group(process)
    if complaint and code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise UsageError(f"{complaint}: {lines[-1] if lines else 'no reason given'}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a session leader and all processes in its session, unless the leader has already exited."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
