"""Cooperation of parallel pytest processes: this process's identity, a shared directory, and work done once for all processes.

Every process of a run holds a lock on its file in the run's directory; the operating system releases the lock when the process ends,
even if the process was killed. A directory without a held lock belongs to a finished run, and the next run removes it. Workers leave
the removal to the process that started them, because one may finish before another has begun.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_secantus.locks import FileLock

MAIN = "main"
LOCK = ".lock"
JOURNAL = ".databases"


@dataclass(frozen=True)
class Identity:
    """This process's run and worker: `worker` is ``gw0`` and so on under xdist, otherwise ``main``."""

    worker: str
    run: str


def identify(environ: Mapping[str, str] = os.environ) -> Identity:
    """Read the identity from xdist's environment variables, which are set before a worker's configuration begins."""
    run = environ.get("PYTEST_XDIST_TESTRUNUID")
    return Identity(environ.get("PYTEST_XDIST_WORKER", MAIN), run or uuid.uuid4().hex)


def default_base() -> Path:
    """Return the parent directory of this user's run directories."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"pytest-secantus-{user}")


class RunDirectory:
    """The directory of one run, as used by one of its processes. `token` is a short id of the run."""

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
        """Create the directory if necessary, enter it, then remove dead runs.

        Return the journals of dead runs. They name databases on an external server.
        """
        self._base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with base_lock(self._base):
            self.path.mkdir(exist_ok=True)
            self._alive.acquire()
            return sweep(self._base)

    def close(self) -> None:
        """Leave the run, after this process's databases have been dropped. Remove the directory unless workers share it."""
        self.clear_storage()
        shutil.rmtree(self._certificates, ignore_errors=True)
        with base_lock(self._base):
            self._journal.unlink(missing_ok=True)
            self._alive.release()
            if self._is_main:
                sweep_run(self.path)

    def storage(self) -> Path:
        """Return a data directory for this process's server only."""
        return self._storage

    def certificates(self) -> Path:
        """Return a directory for this process's certificates and keys."""
        return self._certificates

    def clear_storage(self) -> None:
        """Remove the data files of this process's server, which has ended."""
        shutil.rmtree(self._storage, ignore_errors=True)

    def once(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return the directory `name`. The first process that needs it fills it with `build`, and the others wait.

        An error from `build` is raised in its caller, and the next process tries again.
        """
        finished = self.path / name
        with FileLock(self.path / f"once-{name}{LOCK}x"):
            if not finished.exists():
                unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self.path))
                build(unfinished)
                unfinished.rename(finished)
        return finished

    def note_database(self, uri: str, name: str) -> None:
        """Record a database in the journal before it is created on an external server."""
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{uri}\t{name}\n")


def base_lock(base: Path) -> FileLock:
    """Return the lock that is held while a run is entered, left or removed, so that no process removes a run that is being created."""
    return FileLock(base / "sweep.lock")


def sweep_if_there(base: Path) -> None:
    """Remove dead runs if the parent directory exists. Otherwise do nothing."""
    if base.exists():
        with base_lock(base):
            sweep(base)


def sweep(base: Path) -> list[Path]:
    """Remove the directories of dead runs, except those with journals. Return the journals."""
    journals: list[Path] = []
    for run in sorted(base.glob("run-*")):
        journals += sweep_run(run)
    return journals


def sweep_run(run: Path) -> list[Path]:
    """Remove a run's directory if none of its processes is alive and it has no journal; return its journals."""
    if any(FileLock(path).is_held() for path in run.glob(f"*{LOCK}")):
        return []
    journals = sorted(run.glob(f"*{JOURNAL}"))
    if not journals:
        shutil.rmtree(run, ignore_errors=True)
    return journals
