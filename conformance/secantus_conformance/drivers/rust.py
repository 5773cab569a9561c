"""The Rust driver's own tests, from a checkout that cargo builds. Each test runs in a separate process, as in the driver's own CI."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secantus_conformance.drivers.alone import NOWHERE_AT_ONCE, passing_alone
from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.each import EachTest, Ended, why
from secantus_conformance.drivers.outcomes import Outcome, write_junit
from secantus_conformance.drivers.process import call
from secantus_conformance.environment import discover
from secantus_conformance.failures import UsageError

_CHECKOUT = Checkout(
    "mongodb/mongo-rust-driver",
    "v3.8.1",
    "driver/Cargo.toml",
    r'\nversion = "([^"]+)"',
    ("driver", "macros", "spec", "tests", "Cargo.toml"),
)
_FEATURES = "sync,tracing-unstable,zlib-compression,zstd-compression,snappy-compression,error-backtrace"
#: Tests that the driver's CI leaves out, too.
_LEFT_OUT = ("skip_ci", "skip_local")
# Some tests leave transactions open, and the next ones wait until these expire, each after a minute.
_TEST_SECONDS = 900.0
# A test that takes longer without a server waits for one.
_ALONE_SECONDS = 15.0


@dataclass
class RustSuite:
    """The suite of all tests of the Rust driver. A test that passes without a server counts as a test that needs none."""

    name: str = "rust"
    version: str = _CHECKOUT.number
    port: int = 0
    auth: bool = False
    environmental: Sequence[Environmental] = (
        Environmental("needs a secondary", words="ReadPreference(Secondary"),
        Environmental("needs two servers", test="retried_on_different_server"),
        Environmental("needs a replica set of three nodes", test="server_selection_logging_unified", words="TimedOut"),
        Environmental("needs the public DNS", words="DNS error"),
        Environmental("needs a URI with compressors", test="test_compression_enabled"),
        Environmental("the driver detects that it runs in a container", test="spec::faas::"),
    )
    _alone: frozenset[str] = field(default=frozenset(), init=False)

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout, build the tests, and determine which need a server. Raise UsageError on failure, for example without cargo."""
        folder = _CHECKOUT.copy(source, cache, self.name)
        if not (folder / ".program").exists():
            adapt(folder)
            messages = folder / "messages.json"
            build = ["cargo", "test", "--lib", "--no-run", "--message-format", "json", "--features", _FEATURES]
            call(build, folder / "driver", 3600, "cargo cannot build the tests", output_file=messages)
            (folder / ".program").write_text(program(messages.read_text(encoding="utf-8", errors="replace")), encoding="utf-8")
        environment = {**os.environ, "MONGODB_URI": NOWHERE_AT_ONCE}
        self._alone = passing_alone(folder, lambda timeout: _run(folder, environment, timeout, _ALONE_SECONDS))
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run each test in a separate process, and write JUnit XML. Raise UsageError if the tests exceed the time limit."""
        write_junit(_run(folder, {**os.environ, "MONGODB_URI": discover(uri).uri}, timeout), junit)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again. Raise UsageError if the tests exceed the time limit."""
        only = {test.partition("::")[2] for test in tests}
        write_junit(_run(folder, {**os.environ, "MONGODB_URI": discover(uri).uri}, timeout, only=only), junit)

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a server, that is, fails without one."""
        return test.partition("::")[2] not in self._alone


def adapt(folder: Path) -> None:
    """Change the cargo manifests: use the BSON library from cargo's registry, and remove workspace members that the tests do not need."""
    for name in ("driver/Cargo.toml", "Cargo.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        text = re.sub(r'^(git|branch) = ".*"\n', "", text, flags=re.MULTILINE)
        (folder / name).write_text(re.sub(r"^members = .*$", 'members = ["driver", "macros"]', text, flags=re.MULTILINE), encoding="utf-8")


def program(messages: str) -> str:
    """Return the path of the compiled test program.

    Arguments:
        messages: the output of cargo, one JSON document per line.

    Raises:
        UsageError: cargo has not built a test program.
    """
    for line in messages.splitlines():
        if line.startswith("{"):
            message = json.loads(line)
            if message.get("executable") and message.get("target", {}).get("name") == "mongodb":
                return str(message["executable"])
    raise UsageError("cargo has built no test program.")


def _run(
    folder: Path, environment: Mapping[str, str], timeout: float, test_timeout: float = _TEST_SECONDS, only: Container[str] | None = None
) -> list[Outcome]:
    path, listing = (folder / ".program").read_text(encoding="utf-8"), folder / "tests.txt"
    call([path, "--list", "--format", "terse"], folder / "driver", 60, "The tests cannot be listed", output_file=listing)
    tests = names(listing.read_text(encoding="utf-8"))
    environment = {**environment, "CARGO_MANIFEST_DIR": str(folder / "driver"), "LOG_UNCAPTURED": os.devnull}
    each = EachTest(folder / "driver", environment, lambda test: [path, "--exact", test], judge, test_timeout, only)
    return list(each.run(tests, timeout))


def names(listing: str) -> list[str]:
    """Return the test names in a listing, without the tests that the driver's CI excludes."""
    tests = [line.removesuffix(": test") for line in listing.splitlines() if line.endswith(": test")]
    return [test for test in tests if not any(word in test for word in _LEFT_OUT)]


def judge(test: str, ended: Ended) -> Outcome:
    """Return the outcome of a test. It is a failure if the process did not exit with code 0. A test that skips itself counts as passed."""
    if ended.code == 0 and "1 ignored" in ended.output:
        return Outcome("mongodb", test, "skipped", "the driver ignores the test")
    if ended.code == 0:
        return Outcome("mongodb", test, "passed", seconds=ended.seconds)
    return Outcome("mongodb", test, "failed", reason(ended), ended.output, ended.seconds)


def reason(ended: Ended) -> str:
    """Return a one-line reason why a test failed. After a panic, it is the panic's message."""
    found = re.search(r"panicked at [^\n]*\n([^\n]*)", ended.output)
    return found[1] if found and ended.code is not None else why(ended)
