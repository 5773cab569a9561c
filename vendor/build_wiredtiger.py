"""Build the static WiredTiger library to which the storage binding is linked.

The source comes from the package index through pip, at the version and sha256 of `wiredtiger.txt`, so that the user's
own mirror and proxy settings apply. It is patched, configured with its own CMake and compiled with ninja. The result is kept in
`build/wiredtiger-<key>`. The key depends on the pin, the patches and the options, so an unchanged library is not built again.

To run it by hand: `python vendor/build_wiredtiger.py`. It prints the directory of the result.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).resolve().parent
PIN = VENDOR / "wiredtiger.txt"
PATCHES = sorted((VENDOR / "patches").glob("*.patch"))
CMAKE_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DENABLE_STATIC=ON",
    "-DENABLE_SHARED=OFF",
    "-DWITH_PIC=ON",
    "-DHAVE_DIAGNOSTIC=OFF",
    "-DENABLE_DEBUG_INFO=OFF",
    "-DENABLE_STRICT=OFF",
    "-DENABLE_PYTHON=OFF",
    "-DENABLE_CPPSUITE=OFF",
    "-DENABLE_MODEL=OFF",
    "-DENABLE_LZ4=OFF",
    "-DENABLE_SNAPPY=OFF",
    "-DENABLE_ZLIB=OFF",
    "-DENABLE_ZSTD=OFF",
)


class BuildError(Exception):
    """WiredTiger cannot be built on this machine; the message is one sentence for the user."""


class Library(NamedTuple):
    """The location of the built library."""

    include: Path
    archive: Path


def build(build_root: Path) -> Library:
    """Build WiredTiger below `build_root` unless this exact configuration has been built there already.

    Raises BuildError if the source cannot be downloaded or does not compile.
    """
    home = build_root / f"wiredtiger-{_key()}"
    library = Library(home / "include", home / "libwiredtiger.a")
    if library.archive.exists():
        return library
    source = home / "source"
    if not source.exists():
        _unpack(_download(home), source)
    objects = home / "objects"
    _run([_tool("cmake"), "-G", "Ninja", "-S", str(source), "-B", str(objects), *CMAKE_OPTIONS], home, "configured")
    _run([_tool("ninja"), "-C", str(objects), "-j", str(os.cpu_count() or 1), "libwiredtiger.a"], home, "compiled")
    library.include.mkdir(exist_ok=True)
    shutil.copy(objects / "include" / "wiredtiger.h", library.include)
    # The archive is moved last: its presence means that the result is complete.
    (objects / "libwiredtiger.a").rename(library.archive)
    shutil.rmtree(objects)
    shutil.rmtree(source)
    return library


def _key() -> str:
    """Return a hash of everything on which the library's content depends."""
    digest = hashlib.sha256(PIN.read_bytes())
    for patch in PATCHES:
        digest.update(patch.read_bytes())
    digest.update(repr((CMAKE_OPTIONS, sys.platform, platform.machine())).encode())
    return digest.hexdigest()[:12]


def _tool(name: str) -> str:
    """Return the path of a build tool that is installed as a wheel."""
    path = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if path is None:
        raise BuildError(f"The build needs {name}, which pip installs by itself unless --no-build-isolation is given: pip install {name}.")
    return path


def _download(home: Path) -> Path:
    """Download the pinned source archive with pip, which checks its sha256."""
    target = home / "download"
    target.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    command += ["--require-hashes", "--dest", str(target), "--requirement", str(PIN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(target.glob("*.tar.gz"))
    if done.returncode or not archives:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR:")), "pip gave no reason")
        raise BuildError(
            f"WiredTiger's source ({PIN.read_text(encoding='utf-8').split()[0]}) could not be downloaded from the package index "
            f"that pip is set up to use; check the network or pip's index-url setting. pip said: {reason}"
        )
    return archives[0]


def _unpack(archive: Path, source: Path) -> None:
    """Unpack and patch the source; the directory gets its final name only once it is complete."""
    with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
        with tarfile.open(archive) as tar:
            # Python before 3.12 may lack the filter, and the archive's sha256 is pinned anyway.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(scratch)
        (unpacked,) = Path(scratch).iterdir()
        for patch in PATCHES:
            apply_patch(patch.read_text(encoding="utf-8"), unpacked)
        unpacked.rename(source)
    shutil.rmtree(archive.parent)


def _run(command: list[str], home: Path, what: str) -> None:
    """Run one step and write its output to a file. Raises BuildError with the end of the output if the step fails."""
    log = home / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise BuildError(f"WiredTiger could not be {what} with the C compiler found here. The end of {log}:\n{tail}")


sys.path.insert(0, str(VENDOR))
from unified_diff import apply_patch  # noqa: E402 - beside this file, which is run before anything is installed

if __name__ == "__main__":
    print(build(VENDOR.parent / "build").archive.parent)
