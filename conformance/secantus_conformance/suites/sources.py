"""The sources of the test suites: the pymongo source distribution, pinned by version and hash, or a checkout of the specifications.

Suites are downloaded into the user's cache and never become part of this project, because their licenses differ from ours.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.archives import open_archive
from secantus_conformance.failures import UsageError

PYMONGO_VERSION = "4.20.1"
PYMONGO_SHA256 = "1ac112b3ffa3d010cfc2fc54e3ae677a12c63d18c6115db4451df64f1a1175eb"


@dataclass(frozen=True)
class Source:
    """A directory tree of test suites. `layout` is "pymongo" (the driver's test folders) or "specifications" (the specifications'
    folders).
    """

    name: str
    version: str
    root: Path
    layout: str

    def describe(self) -> dict[str, str]:
        """Return a description of the source for reports."""
        return {"name": self.name, "version": self.version}


def cache_folder() -> Path:
    """Return the folder for suites and driver environments: the value of SECANTUS_CONFORMANCE_CACHE, or a folder in the user's cache."""
    chosen = os.environ.get("SECANTUS_CONFORMANCE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "secantus-conformance"


def archive_path() -> Path:
    """Return the path at which the downloaded archive is stored."""
    return cache_folder() / f"pymongo-{PYMONGO_VERSION}.tar.gz"


def fetch() -> Path:
    """Download the pinned archive into the cache unless it exists, and unpack its tests. Return the folder of the tests.

    Raise UsageError if the download fails or the hash differs.
    """
    archive = archive_path()
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        _download(archive)
    _verify(archive)
    root = archive.with_name(f"pymongo-{PYMONGO_VERSION}")
    if not root.is_dir():
        unpack(archive, root)
    return root / "test"


def _download(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"pymongo=={PYMONGO_VERSION} --hash=sha256:{PYMONGO_SHA256}\n", encoding="ascii")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pymongo", "--require-hashes"]
        done = subprocess.run([*command, "-d", folder, "-r", str(wanted)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise UsageError(f"pip could not download the suites ({last}); to work offline, copy {archive.name} into {archive.parent}.")
        _verify(Path(folder, archive.name))
        Path(folder, archive.name).replace(archive)


def _verify(archive: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != PYMONGO_SHA256:
        raise UsageError(f"{archive} has the hash {digest}, not {PYMONGO_SHA256}: delete it and fetch again.")


def unpack(archive: Path, root: Path, wanted: tuple[str, ...] = ("",)) -> None:
    """Unpack those files from the archive's top folder whose names start with a wanted prefix. Afterwards either all or none of them
    exist.
    """
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch, open_archive(archive) as tar:
        whole = Path(scratch, root.name)
        for member in tar.getmembers():
            _, _, name = member.name.partition("/")
            if member.isfile() and name.startswith(wanted) and ".." not in Path(name).parts:
                member.name = name
                tar.extract(member, whole)
        try:
            whole.rename(root)
        except OSError:
            if not root.is_dir():  # another process was faster
                raise


def open_source(specifications: Path | None) -> Source:
    """Return the suites to run, from a checkout of the specifications or from the pinned archive. Raise UsageError if there are none."""
    if specifications is None:
        return Source("pymongo", PYMONGO_VERSION, fetch(), "pymongo")
    root = specifications / "source" if (specifications / "source").is_dir() else specifications
    if not (root / "unified-test-format").is_dir():
        raise UsageError(f"{specifications} is not a checkout of mongodb/specifications: it has no source/unified-test-format.")
    return Source("mongodb/specifications", _head(specifications), root, "specifications")


def _head(checkout: Path) -> str:
    done = subprocess.run(["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
