"""The PHP library's own tests, from a checkout. PHP, its MongoDB extension and PHPUnit come from Debian's packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from secantus_conformance.drivers.alone import NOWHERE_AT_ONCE
from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.outcomes import Outcome, write_junit
from secantus_conformance.drivers.process import call
from secantus_conformance.environment import discover
from secantus_conformance.failures import UsageError

_CHECKOUT = Checkout("mongodb/mongo-php-library", "1.15.0", "composer.json", r'"dev-master": "(1\.15)\.x-dev"')
_PACKAGES = "php-cli php-mongodb php-xml php-mbstring phpunit php-symfony-phpunit-bridge php-symfony-polyfill-php80"
# The file that composer would write. composer is not needed, because Debian packages everything that the tests load.
_AUTOLOAD = r"""<?php
spl_autoload_register(static function ($class) {
    foreach (['MongoDB\\Tests\\' => 'tests/', 'MongoDB\\' => 'src/'] as $prefix => $folder) {
        $file = dirname(__DIR__) . '/' . $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        if (strncmp($class, $prefix, strlen($prefix)) === 0 && is_file($file)) {
            require $file;

            return;
        }
    }
});
require_once 'Symfony/Polyfill/Php80/autoload.php';
require_once 'Symfony/Bridge/PhpUnit/autoload.php';
require_once dirname(__DIR__) . '/src/functions.php';
if (class_exists('PHPUnit\\Framework\\Assert')) {
    require_once dirname(__DIR__) . '/tests/PHPUnit/Functions.php';
}
"""


@dataclass
class PhpSuite:
    """The suite of all tests of the PHP library. A test that passes without a server counts as a test that needs none."""

    name: str = "php"
    version: str = _CHECKOUT.number
    port: int = 0
    auth: bool = True
    environmental: Sequence[Environmental] = (
        Environmental("needs a server without access control on port 27017", test="testDanglingOpenWritableStream"),
        Environmental("needs a secondary", test="explicit secondary read preference", words="No suitable servers found"),
    )
    _alone: frozenset[str] = field(default=frozenset(), init=False)

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout, and determine which tests need a server. Raise UsageError on failure, for example if PHPUnit is missing."""
        folder = _CHECKOUT.copy(source, cache, self.name)
        call(["phpunit", "--version"], folder, 60, f"PHPUnit does not run; install {_PACKAGES}")
        (folder / "vendor").mkdir(exist_ok=True)
        (folder / "vendor/autoload.php").write_text(_AUTOLOAD, encoding="utf-8")
        record = folder / "without-server.xml"
        if not record.exists():
            _phpunit(folder, NOWHERE_AT_ONCE, record, 3600)
        self._alone = frozenset(f"{each.group}::{each.name}" for each in read_phpunit(record) if each.verdict == "passed")
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite. Raise UsageError if it cannot be completed.

        The replica set's name is added to the URI, because the extension would not discover the replica set otherwise.
        """
        record = junit.with_suffix(".phpunit.xml")
        _phpunit(folder, discover(uri).uri, record, timeout)
        write_junit(read_phpunit(record), junit)

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a server, that is, fails without one."""
        return test not in self._alone


def _phpunit(folder: Path, uri: str, record: Path, timeout: float) -> None:
    """Run PHPUnit, which writes the record after the last test. Raise UsageError if PHPUnit wrote no record."""
    unfinished = record.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    options = ["--configuration", "phpunit.xml.dist", "--testsuite", "Default Test Suite", "--log-junit", str(unfinished)]
    output = record.with_suffix(".txt")
    call(["phpunit", *options], folder, timeout, None, {**os.environ, "MONGODB_URI": uri}, output)
    if not unfinished.exists() or not unfinished.stat().st_size:
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise UsageError(f"PHPUnit ended before all tests had run: {lines[-1] if lines else 'no reason given'}")
    unfinished.rename(record)


def read_phpunit(record: Path) -> Iterator[Outcome]:
    """Yield the outcomes in PHPUnit's JUnit XML, which contains the reasons for failures but not for skips. Raise UsageError for invalid
    XML.
    """
    try:
        root = ElementTree.parse(record).getroot()
    except ElementTree.ParseError as error:
        raise UsageError(f"PHPUnit ended before all tests had run: {error}") from error
    for case in root.iter("testcase"):
        group, name, seconds = case.get("class", ""), case.get("name", ""), float(case.get("time") or 0)
        verdict, text = "passed", ""
        for tag, bad in (("failure", "failed"), ("error", "error"), ("warning", "error"), ("skipped", "skipped")):
            found = case.find(tag)
            if found is not None:
                verdict, text = bad, (found.text or "").strip()
                break
        if verdict == "error" and _only_deprecated(text):
            verdict, text = "passed", ""
        yield Outcome(group, name, verdict, _reason(verdict, text), text, seconds)


def _only_deprecated(text: str) -> bool:
    """Return whether PHPUnit only warns, after a test has passed, that it will lose some of its assertions."""
    return all("is deprecated and will be removed in PHPUnit" in line for line in text.splitlines()[1:]) and "\n" in text


def _reason(verdict: str, text: str) -> str:
    """Return the text of a failure without its first line, which only repeats the test's name."""
    if verdict == "skipped":
        return "the test does not apply to this server or environment"
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    return " ".join(lines)[:1000]
