"""The Go driver's own integration tests. Its module archive contains the tests, and the specification suites that the tests read.

Go's module download fetches the archive and verifies it against the checksum database. From version 2.2 on, the archive no longer
contains the specification suites.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import refuse_source
from secantus_conformance.drivers.go_events import Events, pattern, write_junit_of_go
from secantus_conformance.drivers.process import call
from secantus_conformance.failures import UsageError

_MODULE, _VERSION = "go.mongodb.org/mongo-driver", "v1.17.10"
_PACKAGES = ("./mongo/integration", "./mongo/integration/unified")
# The timeout after which Go ends a package's tests. One of the tests hangs.
_PACKAGE_SECONDS = 900.0
# The maximum number of consecutive runs without new results. The tests sometimes read the topology too early and find none.
_FRUITLESS_RUNS = 5
# Tests of truncation have a timeout of ten seconds. They spend most of that on garbage collection, because they extend a string by one
# character fifty thousand times. On a busy machine they would time out.
_RARE_COLLECTION = "1000"


@dataclass
class GoSuite:
    """The integration tests of the Go driver, all of which need a server."""

    name: str = "go"
    version: str = _VERSION
    port: int = 0
    auth: bool = False
    environmental: Sequence[Environmental] = (
        Environmental("needs the encryption libraries", test="ClientSideEncryption"),
        Environmental("needs the encryption libraries", test="TestSessionsMongocryptdProse"),
        Environmental("the driver detects that it runs in a container", test="TestHandshakeProse", words='"docker"'),
        Environmental("needs a secondary", test="Rediscover_quickly_after_replSetStepDown", words="ServerSelectionError"),
        Environmental("needs a secondary", test="TestUnifiedSpecs/transactions/legacy", words="server selection timeout"),
        Environmental("needs the public DNS", test="InitialDNSSeedlistDiscovery"),
        Environmental("needs Atlas Data Lake", test="DataLake"),
        Environmental("needs Atlas", test="SearchIndex"),
        Environmental("needs a replica set of three nodes", test="server-selection/logging/replica-set", words="waiting for event"),
        Environmental("needs a replica set of three nodes", test="Topology_lifecycle", words="waiting for event"),
        Environmental("needs a replica set of three nodes", test="logging-replicaset.json/Successful_heartbeat", words="waiting for event"),
    )

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Download the module. Raise UsageError on failure, for example if Go is not installed."""
        refuse_source(self.name, source)
        folder = cache / f"go-{_VERSION}"
        folder.mkdir(parents=True, exist_ok=True)
        call(["go", "mod", "download", f"{_MODULE}@{_VERSION}"], folder, 900, "Go cannot download the driver", _environment(folder))
        call(["chmod", "-R", "u+w", str(_source(folder))], folder, 60, "The driver's folder cannot be made writable")
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the tests and convert Go's report to JUnit XML. Raise UsageError if there is no report, or if the tests exceed the time
        limit.
        """
        deadline = time.monotonic() + timeout
        write_junit_of_go([_run_package(folder, uri, package, deadline, junit.with_suffix(".txt")) for package in _PACKAGES], junit)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again. Raise UsageError if they cannot be completed."""
        deadline, output = time.monotonic() + timeout, junit.with_suffix(".txt")
        packages = {test.partition("::")[0] for test in tests}
        names = {package: [test.partition("::")[2] for test in tests if test.startswith(f"{package}::")] for package in packages}
        done = [_run_package(folder, uri, package, deadline, output, pattern(only)) for package, only in names.items()]
        write_junit_of_go(done, junit)

    def needs_server(self, _test: str) -> bool:
        """Return True, because every test needs a server."""
        return True


def _run_package(folder: Path, uri: str, package: str, deadline: float, output: Path, only: str = "") -> Events:
    """Run the tests of a package. After a panic, run the remaining tests again until all are done."""
    environment = {"GOGC": _RARE_COLLECTION, **_environment(folder), "MONGODB_URI": uri, "TOPOLOGY": "replica_set"}
    run = ["-run", only] if only else []
    events = Events()
    while True:
        left = min(_PACKAGE_SECONDS, deadline - time.monotonic())
        if left <= 0:
            raise UsageError(f"The suite timed out at {events.last or package}.")
        skip = ["-skip", done] if (done := events.pattern_of_done()) else []
        command = ["go", "test", "-json", "-p", "1", "-count", "1", f"-timeout={int(left) + 1}s", *skip, *run, package]
        call(command, _source(folder), left + 120, None, environment, output)
        if not events.take(output.read_text(encoding="utf-8", errors="replace").splitlines()):
            return events
        if events.fruitless == _FRUITLESS_RUNS:
            raise UsageError(f"Go's tests of {package} repeatedly end before the first test: {events.complaint}")


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "GOPATH": str(folder / "go"), "GOFLAGS": "-mod=mod"}


def _source(folder: Path) -> Path:
    return folder / "go/pkg/mod" / f"{_MODULE}@{_VERSION}"
