"""The Node driver's own integration tests, from a checkout. npm installs their dependencies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import RECORDERS, RecordedSuite, write_junit_of_record

_CHECKOUT = Checkout(
    "mongodb/node-mongodb-native",
    "v7.5.0",
    "package.json",
    r'"version": "([^"]+)"',
    ("src", "test", "etc", "package.json", "package-lock.json", "tsconfig.json", "global.d.ts", ".mocharc.js", "LICENSE.md"),
)
# The silence limit. The suite's own time limit for each test, and for each of its hooks, is one minute.
_SILENCE_SECONDS = 240.0


@dataclass
class NodeSuite:
    """The tests in the driver's folder `test/integration`, all of which need a server."""

    name: str = "node"
    version: str = _CHECKOUT.number
    port: int = 0
    auth: bool = True
    environmental: Sequence[Environmental] = (
        Environmental("needs a secondary", test="should resume on ServerSelectionError", words="Server selection timed out"),
        Environmental("needs a secondary", test="should respect client-level read preference", words="Server selection timed out"),
        Environmental("needs a secondary", test="readpreference.test.ts::ReadPreference", words="Server selection timed out"),
        Environmental("needs a secondary", test="should attach a read preference of secondary to the read command for replicaset"),
        Environmental("needs a secondary", test="readPreference inherited from client", words="Server selection timed out"),
        Environmental("needs a secondary", test="secondary read preference in client option", words="Server selection timed out"),
        Environmental("needs a secondary", test="rediscover-quickly-after-step-down", words="Server selection timed out"),
        Environmental("needs a URI that names the replica set", test="should correctly translate uri options"),
        Environmental("needs a replica set of three nodes", test="replica-set-logging", words="Timed out waiting for"),
        Environmental("needs a replica set of three nodes", test="replicaset-logging", words="Timed out waiting for"),
        Environmental("needs a secondary", test="cursor count with secondary readPreference"),
        Environmental("needs a secondary", test="when passing in a non-primary read preference"),
        Environmental("needs a secondary", test="for each in-flight connection across topology"),
        Environmental("needs two servers", test="Errors Are Retried on a Different Server", words="to not equal"),
        Environmental("needs a secondary", test="records APM events for reads on secondaries"),
        Environmental("needs a secondary", test="write stage on secondary when readPreference is secondary"),
        Environmental("needs a secondary", test="survives after primary step down", words="Server selection timed out"),
        Environmental("the driver detects that it runs in a container", test="Test 9: Valid container and FaaS provider"),
        Environmental("needs a server without access control", test="cmap-format", words="requires authentication"),
        Environmental("needs a server without access control", test="cmap-format", words="MongoClient connect count"),
        Environmental("needs the encryption libraries", words="mongodb-client-encryption"),
        Environmental("needs the encryption libraries", test="mongocryptd", words="ECONNREFUSED"),
        Environmental("needs the encryption libraries", words="ECONNREFUSED 127.0.0.1:27022"),
        Environmental("needs the compiled driver", words="lib/client-side-encryption/auto_encrypter"),
        Environmental("needs the compiled driver", test="create leak reproduction script"),
        Environmental("needs the public DNS", words="querySrv"),
        Environmental("needs the public DNS", words="getaddrinfo"),
    )

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout and install its dependencies. Raise UsageError on failure, for example if npm is not installed."""
        folder = _CHECKOUT.copy(source, cache, self.name)
        if not (folder / ".installed").exists():
            call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, 1800, "npm cannot install the suite")
            call(["node", "etc/build-runtime-barrel.mjs"], folder, 60, "The suite cannot be built")
            (folder / ".installed").touch()
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite. Raise UsageError if it cannot be completed."""
        _mocha(folder, uri, junit, timeout)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again. Raise UsageError if they cannot be completed."""
        _mocha(folder, uri, junit, timeout, tests)

    def needs_server(self, _test: str) -> bool:
        """Return True, because every test needs a server."""
        return True


def _mocha(folder: Path, uri: str, junit: Path, timeout: float, again: frozenset[str] | None = None) -> None:
    environment = {**os.environ, "MONGODB_URI": uri, "AUTH": "auth" if "@" in uri else "noauth", "TS_NODE_TRANSPILE_ONLY": "true"}
    reporter = str(RECORDERS / "mocha_record.js")
    command = ["npx", "mocha", "--config", "test/mocha_mongodb.js", "--reporter", reporter, "test/integration"]
    record = junit.with_suffix(".jsonl")
    RecordedSuite(command, folder, environment, _SILENCE_SECONDS).run(record, timeout, again)
    write_junit_of_record(record, junit)
