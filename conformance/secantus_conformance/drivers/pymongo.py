"""pymongo's own test suite: the unmodified tests in its source distribution, run with the released package in a separate environment."""

from __future__ import annotations

import os
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from pymongo.uri_parser import parse_uri

from secantus_conformance.archives import open_archive
from secantus_conformance.drivers.alone import NOWHERE
from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import refuse_source
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import pytest_suite, write_junit_of_record
from secantus_conformance.odms.python_suite import python_of
from secantus_conformance.suites.sources import PYMONGO_VERSION, archive_path, fetch

# The suite runs in a folder without the driver's sources, so that it tests the installed driver.
_KEPT = ("test/", "tools/", "fuzz/", "pyproject.toml", "README.md", "doc/")
_REQUIREMENTS = (f"pymongo=={PYMONGO_VERSION}", "pytest>=8.2", "pytest-asyncio>=0.24.0")
# The silence limit. Some tests wait for a minute, but none for two minutes.
_SILENCE_SECONDS = 120.0


@dataclass
class PymongoSuite:
    """The pymongo tests with one of two pytest markers: `default` (synchronous) or `default_async`."""

    name: str
    marker: str
    version: str = PYMONGO_VERSION
    port: int = 27017
    auth: bool = False
    environmental: Sequence[Environmental] = (
        Environmental("needs the public DNS", words="The DNS query name does not exist"),
        Environmental("needs the public DNS", words="All nameservers failed to answer"),
        Environmental("needs the public DNS", test="srv-options"),
        Environmental("the driver detects that it runs in a container", test="test_client", words="{'runtime': 'docker'"),
        Environmental("needs a network that does not answer for an unused address", words="192.0.2.1:27017: [Errno"),
        Environmental("needs the server to listen on port 27017", words="localhost:27017: [Errno"),
        Environmental("needs a secondary", words='replica set members match selector "Secondary'),
        Environmental("needs a replica set of three nodes", words="Didn't ever find 4 {'topologyDescriptionChangedEvent'"),
        Environmental("needs the encryption libraries", test="test_encryption"),
        Environmental("needs mypy", test="test_typing"),
    )
    _alone: frozenset[str] = field(default=frozenset(), init=False)

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Unpack the tests, create the environment, and determine which tests need a server. Raise UsageError on failure."""
        refuse_source(self.name, source)
        fetch()
        folder = cache / f"pymongo-{PYMONGO_VERSION}"
        if not (folder / "test").is_dir():
            _unpack(folder)
        if not python_of(folder).exists():
            venv.create(folder / "environment", with_pip=True)
        if not (folder / "installed").exists():
            call([str(python_of(folder)), "-m", "pip", "install", "--quiet", *_REQUIREMENTS], folder, 600, "pip cannot install the driver")
            (folder / "installed").touch()
        self._alone = self._without_server(folder)
        return folder

    def _without_server(self, folder: Path) -> frozenset[str]:
        """Return the names of the tests that run without a server."""
        report = folder / f"{self.marker}-without-server.xml"
        if not report.exists():
            self._pytest(folder, NOWHERE, report, 3600)
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return frozenset(f"{case.get('classname')}::{case.get('name')}" for case in cases if case.find("skipped") is None)

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite. Raise UsageError if it cannot be completed."""
        self._pytest(folder, uri, junit, timeout)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again. Raise UsageError if they cannot be completed."""
        self._pytest(folder, uri, junit, timeout, tests)

    def _pytest(self, folder: Path, uri: str, junit: Path, timeout: float, again: frozenset[str] | None = None) -> None:
        host, port = parse_uri(uri)["nodelist"][0]
        options = ["-q", "--override-ini=addopts=", "-m", self.marker, "-p", "no:cacheprovider", "--tb=short"]
        command = [str(python_of(folder)), "-m", "pytest", "test", *options]
        environment = {**os.environ, "DB_IP": host, "DB_PORT": str(port), "PYTHONPATH": str(folder)}
        record = junit.with_suffix(".jsonl")
        pytest_suite(command, folder, environment, _SILENCE_SECONDS).run(record, timeout, again)
        write_junit_of_record(record, junit)

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a server, that is, failed without one."""
        return test not in self._alone


def _unpack(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f"pymongo-{PYMONGO_VERSION}/"
    with open_archive(archive_path()) as archive:
        for member in archive.getmembers():
            name = member.name.removeprefix(prefix)
            if member.isfile() and name.startswith(_KEPT) and ".." not in Path(name).parts:
                member.name = name
                archive.extract(member, folder)
