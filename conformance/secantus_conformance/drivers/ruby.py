"""The Ruby driver's own specs, from a checkout with its submodule `spec/shared`. The gems come from Debian's packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import RECORDERS, RecordedSuite, write_junit_of_record
from secantus_conformance.failures import UsageError

_CHECKOUT = Checkout("mongodb/mongo-ruby-driver", "v2.25.0", "lib/mongo/version.rb", r"VERSION = '([^']+)'", ("lib", "spec", "product.yml"))
_FOLDERS = ("spec/mongo", "spec/integration", "spec/spec_tests")
# Gems that Debian does not package. The first one is only a safer `Timeout`; the tests that need the others do not run here.
_SUBSTITUTES = {
    "timeout_interrupt.rb": "require 'timeout'\nTimeoutInterrupt = Timeout\n",
    "aws-sdk-core.rb": "",
    "opentelemetry.rb": "",
    "opentelemetry-sdk.rb": "",
}
_PACKAGES = "ruby ruby-bson ruby-rspec ruby-rspec-retry ruby-activesupport ruby-timecop ruby-ice-nine ruby-webrick ruby-childprocess"
# The silence limit. The suite's own time limit for a spec is 45 seconds.
_SILENCE_SECONDS = 240.0


@dataclass
class RubySuite:
    """The specs in the folders `mongo`, `integration` and `spec_tests`. Specs that load only the driver's "lite" spec helper need no
    server.
    """

    name: str = "ruby"
    version: str = _CHECKOUT.number
    port: int = 0
    auth: bool = True
    environmental: Sequence[Environmental] = (
        Environmental("needs a second node with data", words="Not enough data-bearing nodes"),
        Environmental("needs a second node with data", test="when read is retried and retry fails"),
        Environmental("needs a second node with data", test="getMore iteration continues through step down", words="address' for nil"),
        Environmental("needs two servers", test="retries on a different server"),
        Environmental("needs two servers", test="server-pushed hello updates server description"),
        Environmental("needs a secondary", words="No secondary server"),
        Environmental("needs a secondary", test="reads from secondaries"),
        Environmental("needs a secondary", test="includes read preference for 5.0+ server"),
        Environmental("needs a server without access control", test="waits 500ms between failed hello checks"),
        Environmental("needs an arbiter", test="when directly connecting to arbiters"),
        Environmental("the driver detects that it runs in a container", words=':runtime=>"docker"'),
        Environmental("the driver detects that it runs in a container", test="when no container is present"),
        Environmental("Debian's Ruby names the system linux-gnu", words="linux-gnu"),
        Environmental("needs the public DNS", words="The DNS query returned no SRV records"),
        Environmental("needs the public DNS", words="NoSRVRecords"),
        Environmental("needs the gem rubydns", words="rubydns"),
        Environmental("needs the gem aws-sdk-core", words="uninitialized constant Aws"),
        Environmental("needs the gem opentelemetry-sdk", words="uninitialized constant OpenTelemetry"),
    )
    _alone: frozenset[str] = field(default=frozenset(), init=False)

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout. Raise UsageError on failure, for example if the submodule or RSpec is missing."""
        folder = _CHECKOUT.copy(source, cache, self.name)
        if not (folder / "spec/shared/lib/mrss").is_dir():
            raise UsageError("The checkout of mongodb/mongo-ruby-driver lacks its submodule spec/shared: git submodule update --init.")
        call(["rspec", "--version"], folder, 60, f"RSpec does not run; install {_PACKAGES}")
        (folder / "substitutes").mkdir(exist_ok=True)
        for name, text in _SUBSTITUTES.items():
            (folder / "substitutes" / name).write_text(text, encoding="utf-8")
        specs = (path for part in _FOLDERS for path in (folder / part).rglob("*_spec.rb"))
        self._alone = frozenset(
            f"./{path.relative_to(folder)}" for path in specs if "require 'lite_spec_helper'" in path.read_text("utf-8")
        )
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Create the users that the suite expects, then run the suite. Raise UsageError if it cannot be completed."""
        _rspec(folder, uri, junit, timeout)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Create the users that the suite expects, then run some specs again. Raise UsageError if they cannot be completed."""
        _rspec(folder, uri, junit, timeout, tests)

    def needs_server(self, test: str) -> bool:
        """Return whether a spec needs a server, because its file loads more than the "lite" spec helper."""
        return test.partition("::")[0] not in self._alone


def _rspec(folder: Path, uri: str, junit: Path, timeout: float, again: frozenset[str] | None = None) -> None:
    environment = {**os.environ, "MONGODB_URI": uri}
    paths = ["-I", "substitutes", "-I", "lib", "-I", "spec"]
    setup = ["ruby", *paths, "-r", "mongo", "-r", "support/spec_setup", "-e", "SpecSetup.new.run"]
    call(setup, folder, 120, "The suite's users cannot be created", environment)
    recorder = ["-r", str(RECORDERS / "rspec_record.rb"), "--format", "RspecRecord"]
    command = ["rspec", "--options", os.devnull, *paths, *recorder, *_FOLDERS]
    record = junit.with_suffix(".jsonl")
    RecordedSuite(command, folder, environment, _SILENCE_SECONDS).run(record, timeout, again)
    write_junit_of_record(record, junit)
