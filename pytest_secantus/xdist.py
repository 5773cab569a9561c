"""Cooperation of parallel pytest processes: this process's identity, a shared directory, and work done once for all processes.

Every process of a run locks its own file in the run's directory. The operating system releases the lock when the process ends, even if
the process was killed. A directory without a locked file therefore belongs to a finished run, and the next run removes it. Workers do not
remove their directory, because a worker may finish before the next one starts; the process that started them removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_secantus.locks import FileLock

MAIN = "main"
LOCK = ".lock"
JOURNAL = ".databases"


class Identity(NamedTuple):
    """The identity of this process: its run, and its worker. `worker` is ``gw0`` and so on under xdist, otherwise ``main``."""

    worker: str
    run: str


def identify(environ: Mapping[str, str] = os.environ) -> Identity:
    """Read the identity from xdist's environment variables, which are set before a worker is configured."""
    run = environ.get("PYTEST_XDIST_TESTRUNUID")
    return Identity(environ.get("PYTEST_XDIST_WORKER", MAIN), run or uuid.uuid4().hex)


def default_base() -> Path:
    """Return the parent directory of this user's run directories."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"pytest-secantus-{user}")


class RunDirectory:
    """The shared directory of one run, opened by one of its processes. `token` is a short id of the run."""

    def __init__(self, base: Path, identity: Identity) -> None:
        self._base = base
        self._is_main = identity.worker == MAIN
        self.worker = identity.worker
        self.path = base / f"run-{identity.run}"
        self.token = identity.run[:8]
        process = f"{identity.worker}-{os.getpid()}"
        self._alive = FileLock(self.path / f"{process}{LOCK}")
        self._journal = self.path / f"{process}{JOURNAL}"
        self._storage = self.path / f"{process}-data"
        self._certificates = self.path / f"{process}-tls"

    def open(self) -> list[Path]:
        """Create the run's directory if necessary, lock this process's file in it, and remove the directories of dead runs.

        Return the journals of dead runs, which list databases on an external server.
        """
        self._base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with base_lock(self._base):
            self.path.mkdir(exist_ok=True)
            self._alive.acquire()
            return sweep(self._base)

    def close(self) -> None:
        """Unlock this process's file in the run's directory. Remove the directory unless workers share it.

        Call this after the databases of this process have been dropped.
        """
        self.clear_storage()
        shutil.rmtree(self._certificates, ignore_errors=True)
        with base_lock(self._base):
            self._journal.unlink(missing_ok=True)
            self._alive.release()
            if self._is_main:
                sweep_run(self.path)

    def storage(self) -> Path:
        """Return a data directory that only this process's server uses."""
        return self._storage

    def certificates(self) -> Path:
        """Return a directory for this process's certificates and keys."""
        return self._certificates

    def clear_storage(self) -> None:
        """Remove the data files of this process's server, which has stopped."""
        shutil.rmtree(self._storage, ignore_errors=True)

    def once(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return the directory `name`. The first process that requests it fills it with `build`, while all other processes wait.

        If `build` raises an error, this call raises it, and the next process calls its own `build`.
        """
        finished = self.path / name
        with FileLock(self.path / f"once-{name}{LOCK}x"):
            if not finished.exists():
                unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self.path))
                build(unfinished)
                unfinished.rename(finished)
        return finished

    def note_database(self, uri: str, name: str) -> None:
        """Record the name of a database in the journal. Call this before the database is created on an external server."""
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{uri}\t{name}\n")


def base_lock(base: Path) -> FileLock:
    """Return the lock that is acquired while a run's directory is opened, closed or removed.

    It prevents a process from removing the directory of a run that is just being created.
    """
    return FileLock(base / "sweep.lock")


def sweep_if_there(base: Path) -> None:
    """Remove the directories of dead runs, if their parent directory exists."""
    if base.exists():
        with base_lock(base):
            sweep(base)


def sweep(base: Path) -> list[Path]:
    """Remove the directories of dead runs, except those that contain journals. Return the journals."""
    journals: list[Path] = []
    for run in sorted(base.glob("run-*")):
        journals += sweep_run(run)
    return journals


def sweep_run(run: Path) -> list[Path]:
    """Remove a run's directory if none of its processes is alive and it contains no journal. Return its journals."""
    if any(FileLock(path).is_held() for path in run.glob(f"*{LOCK}")):
        return []
    journals = sorted(run.glob(f"*{JOURNAL}"))
    if not journals:
        shutil.rmtree(run, ignore_errors=True)
    return journals
