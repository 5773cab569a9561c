"""Many pytest processes side by side: who this one is, a directory they share, and work that one of them does for all.

Every process of a run holds a lock file in the run's directory for as long as it lives; the operating system drops the lock of
a process that was killed. A directory none of whose locks is held belongs to a run that is over, and the next run removes it. Workers leave
it to the process that started them, since one may be done before another has begun.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

MAIN = "main"
LOCK = ".lock"
JOURNAL = ".databases"


@dataclass(frozen=True)
class Identity:
    """Which process of which run this is: `worker` is ``gw0`` and so on under xdist, else ``main``."""

    worker: str
    run: str


def identify(environ: Mapping[str, str] = os.environ) -> Identity:
    """Read what xdist tells its workers, which it does before their configuration begins."""
    run = environ.get("PYTEST_XDIST_TESTRUNUID")
    return Identity(environ.get("PYTEST_XDIST_WORKER", MAIN), run or uuid.uuid4().hex)


def default_base() -> Path:
    """Where the directories of this user's runs are."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"pytest-secantus-{user}")


def file_lock(path: Path, *, blocking: bool = True) -> BaseFileLock:
    """A lock file; what makes it is imported only where one is needed.

    Arguments:
        blocking: whether to wait for it. There is no timeout, which would never end in a test that has stopped the clock.
    """
    from filelock import FileLock

    return FileLock(path, blocking=blocking)


class RunDirectory:
    """The directory of one run, seen from one of its processes. `token` is short and tells runs apart."""

    def __init__(self, base: Path, identity: Identity) -> None:
        self._base = base
        self._is_main = identity.worker == MAIN
        self.path = base / f"run-{identity.run}"
        self.token = identity.run[:8]
        process = f"{identity.worker}-{os.getpid()}"
        self._alive = file_lock(self.path / f"{process}{LOCK}")
        self._journal = self.path / f"{process}{JOURNAL}"
        self._storage = self.path / f"{process}-data"

    def open(self) -> list[Path]:
        """Make the directory if need be and enter it, then sweep what dead runs left.

        Returns the journals of dead runs that name databases on a server which is not ours.
        """
        self._base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with base_lock(self._base):
            self.path.mkdir(exist_ok=True)
            self._alive.acquire()
            return sweep(self._base)

    def close(self) -> None:
        """Leave the run; the databases made by this process are dropped by now. Without workers the directory goes."""
        self.clear_storage()
        with base_lock(self._base):
            self._journal.unlink(missing_ok=True)
            self._alive.release()
            if self._is_main:
                sweep_run(self.path)

    def storage(self) -> Path:
        """A directory for this process's server and nobody else's."""
        return self._storage

    def clear_storage(self) -> None:
        """Remove what this process's server has left, which has ended."""
        shutil.rmtree(self._storage, ignore_errors=True)

    def once(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return the directory `name`, filled by `build` in whichever process of the run comes first; the others wait for it.

        What `build` raises goes to its caller, and the next process to ask tries again.
        """
        finished = self.path / name
        with file_lock(self.path / f"once-{name}{LOCK}x"):
            if not finished.exists():
                unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self.path))
                build(unfinished)
                unfinished.rename(finished)
        return finished

    def note_database(self, uri: str, name: str) -> None:
        """Write down a database that is about to be made on a server which is not ours."""
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{uri}\t{name}\n")


def base_lock(base: Path) -> BaseFileLock:
    """Held while runs are entered, left and swept, so that nobody sweeps a run that is just being made."""
    return file_lock(base / "sweep.lock")


def sweep_if_there(base: Path) -> None:
    """Sweep, where there ever was a run that needed a directory; otherwise this costs nothing."""
    if base.exists():
        with base_lock(base):
            sweep(base)


def sweep(base: Path) -> list[Path]:
    """Remove the directories of dead runs; returns the journals found there, whose directories stay."""
    journals: list[Path] = []
    for run in sorted(base.glob("run-*")):
        journals += sweep_run(run)
    return journals


def sweep_run(run: Path) -> list[Path]:
    """Remove one run's directory if nobody in it lives and it has no journal; returns its journals."""
    if any(is_held(path) for path in run.glob(f"*{LOCK}")):
        return []
    journals = sorted(run.glob(f"*{JOURNAL}"))
    if not journals:
        shutil.rmtree(run, ignore_errors=True)
    return journals


def is_held(path: Path) -> bool:
    """Whether some living process holds this lock file."""
    from filelock import Timeout

    try:
        with file_lock(path, blocking=False):
            return False
    except Timeout:
        return True
