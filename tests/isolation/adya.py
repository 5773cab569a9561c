"""The interface to an external checker of histories: the Rust crate `adya`, which cargo installs into a cache folder outside this
project.

`adya check` reads a history of transactions on lists and names the anomalies in it. The crate is not part of this project, and does not
depend on the server.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_secantus.locks import FileLock

VERSION = "0.1.0"

#: This model also excludes stale reads: a transaction sees everything that was acknowledged before it began. A single node must ensure it.
SNAPSHOT_ISOLATION = "strong-snapshot-isolation"
SERIALIZABLE = "serializable"

_VALID, _ANOMALIES, _UNKNOWN = 0, 1, 2
_SEARCH_TIMEOUT_MS = 60_000


class NoChecker(Exception):
    """The error if the checker is missing and cannot be installed. The message gives the reason."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check: the names of the anomalies that violate a consistency model, and a text that describes them."""

    anomalies: frozenset[str]
    text: str

    @property
    def valid(self) -> bool:
        """Whether the history is free of anomalies that the consistency model forbids."""
        return not self.anomalies


def checker() -> Path:
    """Return the path of the checker. Install it on the first call. Raise NoChecker if the installation fails."""
    program = _cache() / "bin" / "adya"
    if program.exists():
        return program
    cargo = shutil.which("cargo") or shutil.which("cargo", path=str(Path.home() / ".cargo" / "bin"))
    if cargo is None:
        raise NoChecker("cargo is not installed: it installs the checker of histories, the crate adya")
    _cache().mkdir(parents=True, exist_ok=True)
    with FileLock(_cache() / "lock"):
        if not program.exists():
            _install(cargo)
    return program


def check(history: Path, model: str) -> Verdict:
    """Check a history of transactions on lists against a consistency model, and return the verdict.

    Raise NoChecker if the checker is not available.
    """
    command = [str(checker()), "check", "--json", "-m", "list-append", "-c", model]
    command += ["--cycle-search-timeout", str(_SEARCH_TIMEOUT_MS), str(history)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (_VALID, _ANOMALIES), f"adya cannot judge {history} (exit code {done.returncode}): {done.stdout}{done.stderr}"
    report = json.loads(done.stdout)
    explained = [one.get("explanation") or json.dumps(one) for found in report.get("anomalies", {}).values() for one in found[:1]]
    types = frozenset(report["anomaly_types"] if done.returncode == _ANOMALIES else ())
    assert types or done.returncode == _VALID, done.stdout
    return Verdict(types, "\n".join(explained)[:4000])


def _cache() -> Path:
    chosen = os.environ.get("SECANTUS_TEST_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "secantus-tests"
    return Path(chosen) / f"adya-{VERSION}"


def _install(cargo: str) -> None:
    # Without the database drivers, which it needs only for its own workloads.
    command: Sequence[str] = [cargo, "install", "adya", "--version", VERSION, "--locked", "--no-default-features", "--root", str(_cache())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoChecker(f"cargo could not install adya {VERSION}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
