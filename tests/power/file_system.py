"""The interface to the file system in `power_fs.c`: compiling it, opening stores on it, and reading the images that it creates."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from secantus_server.storage import configuration
from tests.conftest import ROOT

CLIENTS = 64
MOST_IMAGES = 256
MODES = ("nothing", "the first part", "random sectors")


def include_directory() -> Path:
    """Return the directory of WiredTiger's header file. Skip the test if it does not exist."""
    sys.path.append(str(ROOT / "vendor"))
    try:
        from build_wiredtiger import WIREDTIGER  # not in an installed package
    finally:
        sys.path.remove(str(ROOT / "vendor"))
    found = ROOT / "build" / f"wiredtiger-{WIREDTIGER.key}" / "include"
    if not (found / "wiredtiger.h").exists():
        pytest.skip("WiredTiger's header is not there: build the project in its tree")
    return found


def compiled(name: str, *options: str) -> Path:
    """Compile a source file in this directory to a shared library, unless its current content is already compiled.

    Skip the test if there is no compiler.
    """
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = Path(__file__).with_name(name)
    key = hashlib.sha256(source.read_bytes() + repr(options).encode()).hexdigest()[:12]
    library = Path(tempfile.gettempdir()) / f"secantus-{os.getuid()}-{source.stem}-{key}.so"
    if not library.exists():
        fresh = library.with_suffix(f".{os.getpid()}")
        command = [
            compiler,
            "-O1",
            "-g",
            "-Wall",
            "-Wextra",
            "-fPIC",
            "-shared",
            *options,
            str(source),
            "-o",
            str(fresh),
            "-ldl",
            "-lpthread",
        ]
        subprocess.run(command, check=True)
        fresh.replace(library)
    return library


class PowerFileSystem:
    """The compiled file system, on which one store at a time can be opened."""

    def __init__(self) -> None:
        self.path = compiled("power_fs.c", f"-I{include_directory()}")
        self._library = ctypes.CDLL(str(self.path))
        self._library.power_calls.restype = ctypes.c_int64
        self.asked = (ctypes.c_int64 * CLIENTS).in_dll(self._library, "power_asked")
        self.acknowledged = (ctypes.c_int64 * CLIENTS).in_dll(self._library, "power_acknowledged")

    def begin(self, store: Path, images: Path, at: Sequence[int], seed: int) -> None:
        """Register a store that is not open yet. Create an image in the directory `images` at each of the call numbers in `at`."""
        images.mkdir(parents=True, exist_ok=True)
        assert len(at) <= MOST_IMAGES
        numbers = (ctypes.c_int64 * len(at))(*at)
        self._library.power_begin(os.fsencode(store), os.fsencode(images), numbers, len(at), ctypes.c_uint64(seed))

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Within the block, open stores on this file system."""
        before = configuration.path_config

        def path_config(cache_size_mb: int | None, session_max: int = configuration.SESSION_MAX) -> bytes:
            # Disable memory-mapped files, so that the file system sees every access.
            return before(cache_size_mb, session_max) + f",mmap=false,extensions=({self.path}=(early_load=true))".encode()

        configuration.path_config = path_config
        try:
            yield
        finally:
            configuration.path_config = before

    @property
    def images(self) -> int:
        """The number of images created so far."""
        made: int = self._library.power_images()
        assert made >= 0, "an image could not be written"
        return made

    @property
    def calls(self) -> int:
        """The number of modifying file system calls since `begin`."""
        number: int = self._library.power_calls()
        return number

    def counts(self, image: int) -> tuple[list[int], list[int]]:
        """Return two counts per client at the time an image was created: the statements sent, and the statements acknowledged."""
        rows = ctypes.c_int64 * CLIENTS * MOST_IMAGES
        asked = rows.in_dll(self._library, "power_image_asked")
        acknowledged = rows.in_dll(self._library, "power_image_acknowledged")
        return list(asked[image]), list(acknowledged[image])

    def description(self, image: int) -> str:
        """Return a description of how an image was created."""
        column = ctypes.c_int64 * MOST_IMAGES
        mode, unsynced, kept = (column.in_dll(self._library, f"power_image_{name}")[image] for name in ("mode", "unsynced", "kept"))
        return f"keeps {MODES[mode]} of {unsynced} calls ({kept})"
