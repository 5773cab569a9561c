"""The test suite of a Python mapper, which pytest runs in a separate environment."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pymongo.uri_parser import parse_uri

from secantus_conformance.archives import open_archive
from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import pytest_suite, write_junit_of_record
from secantus_conformance.failures import UsageError
from secantus_conformance.odms.base import copy_checkout

_SILENCE_SECONDS = 120.0
_INSTALL_SECONDS = 1200.0


@dataclass
class PythonSuite:
    """A test suite that pytest runs.

    Arguments:
        requirements: the requirements to install with pip; `{source}` is replaced with the folder of the sources.
        tests: the arguments of pytest.
        variables: environment variables; `{uri}`, `{host}` and `{port}` are replaced with the server's values.
        repository: the repository of which the user must provide a checkout, if the source distribution contains no tests.
        port: the port on which some tests expect the server; 0 if no test does.
    """

    name: str
    version: str
    requirements: Sequence[str]
    tests: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""
    port: int = 0
    auth: bool = False
    environmental: Sequence[Environmental] = ()

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Unpack the tests and create the environment. Raise UsageError on failure."""
        folder = cache / f"{self.name}-{self.version}"
        folder.mkdir(parents=True, exist_ok=True)
        sources = folder / "source"
        if self.repository:
            copy_checkout(self, source, sources)
        elif not sources.is_dir():
            unpack_sdist(self.name, self.version, folder, sources)
        install(folder, [each.format(source=sources) for each in self.requirements])
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite. Raise UsageError if it cannot be completed."""
        host, port = parse_uri(uri)["nodelist"][0]
        variables = {name: value.format(uri=uri.rstrip("/"), host=host, port=port) for name, value in self.variables.items()}
        command = [
            str(python_of(folder)),
            "-m",
            "pytest",
            "-q",
            "--override-ini=addopts=",
            "-p",
            "no:cacheprovider",
            "--tb=short",
            *self.tests,
        ]
        record = junit.with_suffix(".jsonl")
        pytest_suite(command, folder / "source", {**os.environ, **variables}, _SILENCE_SECONDS).run(record, timeout)
        write_junit_of_record(record, junit)

    def needs_server(self, _test: str) -> bool:
        """Return True for every test, because tests that need no server are not identified."""
        return True


def unpack_sdist(name: str, version: str, folder: Path, target: Path) -> None:
    """Download a package's source distribution and unpack it. Raise UsageError on failure."""
    shutil.rmtree(folder / "sdist", ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, "-d", "sdist", f"{name}=={version}"]
    call(command, folder, _INSTALL_SECONDS, f"pip cannot download the sources of {name}")
    archives = sorted((folder / "sdist").glob("*.tar.gz"))
    if not archives:
        raise UsageError(f"There is no source distribution of {name} {version}.")
    with open_archive(archives[0]) as archive:
        archive.extractall(folder / "unpacked")
    next((folder / "unpacked").iterdir()).rename(target)


def install(folder: Path, requirements: Sequence[str]) -> None:
    """Create a virtual environment with these requirements, unless it exists. Raise UsageError on failure."""
    if not python_of(folder).exists():
        venv.create(folder / "environment", with_pip=True)
    if not (folder / "installed").exists():
        call(
            [str(python_of(folder)), "-m", "pip", "install", "--quiet", *requirements],
            folder,
            _INSTALL_SECONDS,
            "pip cannot install the suite",
        )
        (folder / "installed").touch()


def python_of(folder: Path) -> Path:
    """Return the path of the Python interpreter in a suite's environment."""
    return folder / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
