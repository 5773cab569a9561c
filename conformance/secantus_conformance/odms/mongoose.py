"""mongoose's test suite, from a checkout, because its npm package contains no tests. It needs Node and npm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.process import call
from secantus_conformance.failures import UsageError
from secantus_conformance.odms.base import copy_checkout

_INSTALL_SECONDS = 1800.0
_TEST_MS = 30_000


@dataclass
class MongooseSuite:
    """The tests that `npm run test-rs` runs against a replica set: all tests except those of encryption.

    mocha writes its results only at the end, so that a run that ends early has no results.
    """

    name: str = "mongoose"
    version: str = "9.9.3"
    port: int = 0
    auth: bool = False
    repository: str = "https://github.com/Automattic/mongoose"
    environmental: Sequence[Environmental] = (
        Environmental("needs a secondary", test="if read preference is secondary or secondaryPreferred", words="Timeout of"),
        Environmental("needs a secondary", test="inherits its models schema read option", words="Timeout of"),
    )

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout and install its dependencies. Raise UsageError on failure."""
        folder = cache / f"{self.name}-{self.version}"
        folder.mkdir(parents=True, exist_ok=True)
        copy_checkout(self, source, folder / "source")
        if not (folder / "installed").exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            call(command, folder / "source", _INSTALL_SECONDS, "npm cannot install the suite")
            (folder / "installed").touch()
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the tests with mocha. Raise UsageError if they cannot be completed."""
        environment = {**os.environ, "START_REPLICA_SET": "1", "MONGOOSE_TEST_URI": uri, "MONGOOSE_REPLSET_URI": uri, "CI": "true"}
        raw = junit.with_suffix(".xunit")
        report = ["--reporter", "xunit", "--reporter-option", f"output={raw}"]
        files = ["--ignore", "test/encryption/**/*.test.js", "./test/**/*.test.js"]
        command = ["node", "node_modules/mocha/bin/mocha.js", "--exit", "--timeout", str(_TEST_MS), *report, *files]
        call(command, folder / "source", timeout, None, environment, junit.with_suffix(".txt"))
        _rewrite(raw, junit)

    def needs_server(self, _test: str) -> bool:
        """Return True for every test, because tests that need no server are not identified."""
        return True


def _rewrite(raw: Path, junit: Path) -> None:
    """Write mocha's results in the same form as those of all other suites, with the first line of a failure as its message.

    Raise UsageError if there are no results.
    """
    try:
        root = ElementTree.parse(raw).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UsageError(f"mocha ended before it wrote its results: {error}") from error
    for case in root.iter("testcase"):
        failure = case.find("failure")
        if failure is not None and not failure.get("message"):
            failure.set("message", (failure.text or "").strip().split("\n")[0])
    ElementTree.ElementTree(root).write(junit, encoding="utf-8")
