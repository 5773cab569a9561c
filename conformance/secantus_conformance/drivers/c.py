"""The C driver's own tests. They come from Debian's source package, which contains all of them. `test-libmongoc` runs each test by name."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pymongo.uri_parser import parse_uri

from secantus_conformance.drivers.alone import NOWHERE_AT_ONCE, passing_alone
from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.each import EachTest, Ended, why
from secantus_conformance.drivers.outcomes import Outcome, write_junit
from secantus_conformance.drivers.process import call
from secantus_conformance.failures import UsageError

_VERSION = "1.23.1"
_PACKAGE = f"mongo-c-driver-{_VERSION}"
_CHECKOUT = Checkout("mongodb/mongo-c-driver", _VERSION, "NEWS", r"libmongoc (\S+)")
_OFF = ("EXAMPLES", "MONGODB_AWS_AUTH", "CLIENT_SIDE_ENCRYPTION", "SASL", "ZSTD", "SNAPPY", "ICU")
_PROGRAM = "built/src/libmongoc/test-libmongoc"
_SKIPPED = "@@ctest-skipped@@"
_TEST_SECONDS = 120.0


@dataclass
class CSuite:
    """The suite of all libmongoc tests. A test that passes without a server counts as a test that needs none."""

    name: str = "c"
    version: str = _VERSION
    port: int = 27017
    auth: bool = True
    environmental: Sequence[Environmental] = (
        Environmental("needs a secondary", test="::/Client/select_server/", words="Condition 'sd' failed"),
        Environmental("needs a secondary", test="::/Collection/read_prefs_is_valid", words="No suitable servers found"),
        Environmental("needs a secondary", test="::/Collection/aggregate/secondary", words="No suitable servers found"),
        Environmental("needs a secondary", test="::/Client/command_secondary", words="Could not find description for node"),
        Environmental("needs a secondary", test="::/change_stream/live/read_prefs", words="Condition 'raw_cursor' failed"),
        Environmental("needs a secondary", test="::/retryable_writes/bulk_tracks_new_server", words="No suitable servers found"),
        Environmental("needs a secondary", test="::/transactions/legacy/", words="[No suitable servers found"),
        Environmental("needs a secondary", test="rediscover-quickly-after-step-down", words="admin command failed: { }"),
        Environmental("needs a secondary", test="::/server_discovery_and_monitoring/", words="sd_secondary"),
        Environmental("needs a replica set of several nodes", test="::/TOPOLOGY/reconcile/from_handshake", words="1 > 1"),
        Environmental("needs a server at port 27018", words="calling hello on 'localhost:27018'"),
        Environmental("needs the public DNS", words="Failed to resolve 'example.com'"),
        Environmental("needs the public DNS", words="Failed to connect to: example.com"),
    )
    _alone: frozenset[str] = field(default=frozenset(), init=False)

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Unpack and build the tests, and determine which tests need a server. Raise UsageError on failure."""
        if source is None and not _CHECKOUT.is_copied(cache, self.name):
            source = _download(cache)
        folder = _CHECKOUT.copy(source, cache, self.name)
        if not (folder / _PROGRAM).exists():
            (folder / "built").mkdir(exist_ok=True)
            options = [f"-DENABLE_{feature}=OFF" for feature in _OFF]
            command = ["cmake", "..", f"-DBUILD_VERSION={_VERSION}", "-DENABLE_TESTS=ON", "-DCMAKE_BUILD_TYPE=Debug", *options]
            call(command, folder / "built", 600, "The driver cannot be configured")
            call(["make", "-j2", "test-libmongoc"], folder / "built", 3600, "The driver's tests cannot be built")
        environment = {**os.environ, "MONGOC_TEST_URI": NOWHERE_AT_ONCE, "MONGOC_TEST_SKIP_LIVE": "on"}
        self._alone = passing_alone(folder, lambda timeout: _run(folder, environment, timeout))
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run each test in a separate process, and write JUnit XML. Raise UsageError if the tests exceed the time limit."""
        write_junit(_run(folder, {**os.environ, **_address(uri)}, timeout), junit)

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again. Raise UsageError if the tests exceed the time limit."""
        only = {test.partition("::")[2] for test in tests}
        write_junit(_run(folder, {**os.environ, **_address(uri)}, timeout, only), junit)

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a server, that is, fails without one."""
        return test.rpartition("::")[2] not in self._alone


def _download(cache: Path) -> Path:
    """Download Debian's source package with apt, unpack it, and return its folder. Raise UsageError on failure."""
    folder = cache / "c-source"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _PACKAGE).is_dir():
        call(
            ["apt-get", "source", "mongo-c-driver"],
            folder,
            900,
            f"apt does not find the source of mongo-c-driver {_VERSION}; use --source DIR",
        )
    if not (folder / _PACKAGE).is_dir():
        raise UsageError(f"This release of Debian does not have version {_VERSION} of mongo-c-driver; use --source DIR.")
    return folder / _PACKAGE


def _address(uri: str) -> dict[str, str]:
    """Return the environment variables that specify the server's address.

    MONGOC_TEST_URI is not among them, because the tests would insert the user into that URI twice.
    """
    parsed = parse_uri(uri)
    host, port = parsed["nodelist"][0]
    address = {"MONGOC_TEST_HOST": host, "MONGOC_TEST_PORT": str(port)}
    if parsed["username"] is not None:
        address |= {"MONGOC_TEST_USER": parsed["username"], "MONGOC_TEST_PASSWORD": parsed["password"] or ""}
    return address


def _run(folder: Path, environment: Mapping[str, str], timeout: float, only: Container[str] | None = None) -> list[Outcome]:
    program, listing = folder / _PROGRAM, folder / "tests.txt"
    call([str(program), "--list-tests"], folder, 60, "The tests cannot be listed", output_file=listing)
    tests = [line for line in listing.read_text(encoding="utf-8").splitlines() if line.startswith("/")]
    each = EachTest(folder, environment, lambda test: [str(program), "--ctest-run", test], judge, _TEST_SECONDS, only)
    return list(each.run(tests, timeout))


def judge(test: str, ended: Ended) -> Outcome:
    """Return the outcome of a libmongoc test. It is a failure if the test's process did not exit with code 0."""
    if ended.code == 0 and _SKIPPED in ended.output:
        return Outcome("libmongoc", test, "skipped", "the test does not apply to this server or environment")
    if ended.code == 0:
        return Outcome("libmongoc", test, "passed", seconds=ended.seconds)
    return Outcome("libmongoc", test, "failed", why(ended), ended.output, ended.seconds)
