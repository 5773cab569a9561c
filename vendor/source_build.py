"""The steps that the vendored libraries share: download a pinned source archive with pip, unpack it, build it with CMake and ninja.

The source comes from the package index through pip, at the version and sha256 of a requirements file beside this module, so that the
user's own mirror, proxy and find-links settings apply. Nothing is built twice: `Recipe.key` names everything that a result depends on.
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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).resolve().parent
sys.path.insert(0, str(VENDOR))
from unified_diff import apply_patch  # noqa: E402 - beside this file, which runs before anything is installed


class BuildError(Exception):
    """A library cannot be built here; the message tells the user why."""


class Library(NamedTuple):
    """Where the built library lies."""

    include: Path
    archive: Path


@dataclass(frozen=True)
class Recipe:
    """How one library is built.

    Arguments:
        title: the library's name for messages.
        name: the name of its pin, `vendor/<name>.txt`, and of its directory below the build root, `<name>-<key>`.
        options: what CMake is given.
        target: the static library, a target of the ninja build and a file in its directory.
        header: the public header, relative to the ninja build's directory.
        subdirectory: where the sources lie in the archive.
        patches: diffs that are applied to the archive's content.
    """

    title: str
    name: str
    options: tuple[str, ...]
    target: str
    header: str
    subdirectory: str = "."
    patches: tuple[Path, ...] = ()

    @property
    def pin(self) -> Path:
        """The requirements file that holds version and sha256."""
        return VENDOR / f"{self.name}.txt"

    @property
    def script(self) -> Path:
        """The program that builds the library."""
        return VENDOR / f"build_{self.name}.py"

    @property
    def key(self) -> str:
        """A digest of everything that the library's content depends on."""
        digest = hashlib.sha256(self.pin.read_bytes())
        for patch in self.patches:
            digest.update(patch.read_bytes())
        digest.update(repr((self.options, sys.platform, platform.machine())).encode())
        return digest.hexdigest()[:12]


def library_of(recipe: Recipe, build_root: Path) -> Library:
    """Return where the library lies after its build."""
    home = build_root / f"{recipe.name}-{recipe.key}"
    return Library(home / "include", home / Path(recipe.target).name)


def build(recipe: Recipe, build_root: Path) -> Library:
    """Build a library below `build_root` unless this very version of it is already there.

    Raises:
        BuildError: the source cannot be downloaded, or does not compile.
    """
    library = library_of(recipe, build_root)
    home = library.archive.parent
    if library.archive.exists():
        return library
    source = home / "source"
    if not source.exists():
        _unpack(_download(recipe, home), source, recipe.patches)
    objects = home / "objects"
    configure = [_tool("cmake"), "-G", "Ninja", "-S", str(source / recipe.subdirectory), "-B", str(objects), *recipe.options]
    _run(recipe, configure, home, "configured")
    _run(recipe, [_tool("ninja"), "-C", str(objects), "-j", str(os.cpu_count() or 1), recipe.target], home, "compiled")
    library.include.mkdir(exist_ok=True)
    shutil.copy(objects / recipe.header, library.include)
    # The archive is moved last: where it exists, the result is complete.
    (objects / recipe.target).rename(library.archive)
    shutil.rmtree(objects)
    shutil.rmtree(source)
    return library


def main(recipe: Recipe) -> None:
    """Build a library below `build` and print its directory. If that fails, exit with a message for the user."""
    try:
        print(build(recipe, VENDOR.parent / "build").archive.parent)
    except BuildError as error:
        sys.exit(str(error))


def _tool(name: str) -> str:
    """Return the path of a build tool that came as a wheel."""
    path = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if path is None:
        raise BuildError(f"The build needs {name}, which pip installs by itself unless --no-build-isolation is given: pip install {name}.")
    return path


def _download(recipe: Recipe, home: Path) -> Path:
    """Fetch the pinned source archive through pip, which checks its sha256.

    pip also asks the archive's build backend for the metadata. It gets the backend below `metadata_only`, so that neither the archive's
    own code runs nor the packages are installed that its code needs.
    """
    target = home / "download"
    target.mkdir(parents=True, exist_ok=True)
    package = recipe.pin.read_text(encoding="utf-8").split("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]
    command += ["--no-build-isolation", "--use-pep517"]
    command += ["--require-hashes", "--dest", str(target), "--requirement", str(recipe.pin)]
    path = [str(VENDOR / "metadata_only"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    archives = list(target.glob("*.tar.gz"))
    if done.returncode or not archives:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR:")), "pip gave no reason")
        raise BuildError(
            f"{recipe.title}'s source ({recipe.pin.read_text(encoding='utf-8').split()[0]}) could not be downloaded from the package index "
            f"that pip is set up to use; check the network or pip's index-url setting. pip said: {reason}"
        )
    return archives[0]


def _unpack(archive: Path, source: Path, patches: tuple[Path, ...]) -> None:
    """Unpack and patch; the directory gets its final name only when it is complete."""
    with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
        with tarfile.open(archive) as tar:
            # Python before 3.12 may lack the filter, and the archive's sha256 is pinned anyway.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(scratch)
        (unpacked,) = Path(scratch).iterdir()
        for patch in patches:
            apply_patch(patch.read_text(encoding="utf-8"), unpacked)
        unpacked.rename(source)
    shutil.rmtree(archive.parent)


def _run(recipe: Recipe, command: list[str], home: Path, what: str) -> None:
    """Run one step with its output in a file.

    Raises:
        BuildError: it failed; the message has the output's end.
    """
    log = home / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise BuildError(f"{recipe.title} could not be {what} with the C compiler found here. The end of {log}:\n{tail}")
