"""The Java driver's own functional tests, from a checkout. Maven downloads the driver and the libraries that the tests need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.checkout import Checkout
from secantus_conformance.drivers.process import call
from secantus_conformance.environment import discover
from secantus_conformance.failures import UsageError

_CHECKOUT = Checkout(
    "mongodb/mongo-java-driver",
    "r5.10.0",
    "gradle.properties",
    r"\nversion=(\S+)",
    ("bson/src/test", "driver-core/src/test", "driver-sync/src/test", "testing", "gradle.properties"),
)
_TESTS = "driver-sync/src/test/functional"
_SOURCES = (_TESTS, "driver-sync/src/test/unit", "driver-core/src/test/functional", "driver-core/src/test/unit", "bson/src/test/unit")
_SPECIFICATIONS = "testing/resources/specifications"
_RESOURCES = ("testing/resources", "driver-core/src/test/resources", "driver-sync/src/test/resources")

#: The libraries of the tests, as in the checkout's gradle/libs.versions.toml. The encryption library has its own releases.
_LIBRARIES = f"""
org.mongodb:mongodb-driver-sync:{_CHECKOUT.number} org.mongodb:bson-record-codec:{_CHECKOUT.number} org.mongodb:mongodb-crypt:5.6.5
org.junit.jupiter:junit-jupiter:5.14.3 org.junit.platform:junit-platform-console:1.14.3 org.junit.vintage:junit-vintage-engine:5.14.3
ch.qos.logback:logback-classic:1.3.14 org.hamcrest:hamcrest-all:1.3 org.mockito:mockito-junit-jupiter:5.11.0
org.codehaus.groovy:groovy:3.0.9 org.spockframework:spock-core:2.1-groovy-3.0 org.spockframework:spock-junit4:2.1-groovy-3.0
org.assertj:assertj-core:3.24.2 org.objenesis:objenesis:1.3 cglib:cglib-nodep:2.2.2 io.github.classgraph:classgraph:4.8.154
org.reflections:reflections:0.9.10 com.amazonaws:aws-lambda-java-core:1.2.2 com.amazonaws:aws-java-sdk-sts:1.12.782
software.amazon.awssdk:sts:2.30.31 com.google.code.findbugs:jsr305:1.3.9 io.micrometer:micrometer-observation:1.15.4
io.micrometer:micrometer-tracing-integration-test:1.6.0-M3 io.netty:netty-handler:4.2.9.Final com.github.jnr:jnr-unixsocket:0.38.17
org.xerial.snappy:snappy-java:1.1.10.4 com.github.luben:zstd-jni:1.5.5-3 org.jetbrains:annotations:26.0.2 org.graalvm.sdk:graal-sdk:24.0.0
"""
_OPENED = ("--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED")


@dataclass
class JavaSuite:
    """The functional tests of the synchronous driver that are written in Java, all of which need a server."""

    name: str = "java"
    version: str = _CHECKOUT.number
    port: int = 0
    auth: bool = False
    environmental: Sequence[Environmental] = (
        Environmental("needs the encryption libraries", words="mongocryptd"),
        Environmental("needs the public DNS", test="InitialDnsSeedlistDiscoveryTest"),
        Environmental("needs a secondary", test="rediscover-quickly-after-step-down", words="readPreference=secondary"),
        Environmental("needs a secondary", test="rediscover-quickly-after-step-down", words="name=secondary"),
        Environmental("needs a replica set of three nodes", words="Timed out waiting for cluster description changed events"),
    )

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Copy the checkout, download the libraries, and compile the tests. Raise UsageError on failure, for example without a JDK or
        Maven.
        """
        folder = _CHECKOUT.copy(source, cache, self.name)
        if not (folder / _SPECIFICATIONS / "source").is_dir():
            raise UsageError(f"The checkout of {_CHECKOUT.repository} lacks its submodule {_SPECIFICATIONS}: git submodule update --init.")
        if not (folder / ".compiled").exists():
            (folder / "pom.xml").write_text(project(_LIBRARIES.split()), encoding="utf-8")
            download = ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
            call(download, folder, 1800, "Maven cannot download the libraries of the tests")
            (folder / "sources.txt").write_text("\n".join(map(str, sorted((folder / _TESTS).rglob("*.java")))), encoding="utf-8")
            build = ["javac", "-proc:none", "-nowarn", "-cp", "lib/*", "-sourcepath", os.pathsep.join(_SOURCES), "-d", "classes"]
            call([*build, "@sources.txt"], folder, 1800, "The tests cannot be compiled")
            (folder / ".compiled").touch()
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite. Raise UsageError if it cannot be completed."""
        reports = junit.with_suffix(".reports")
        places = ["classes", *_RESOURCES, "lib/*"]
        launcher = ["java", *_OPENED, f"-Dorg.mongodb.test.uri={discover(uri).uri}", "-cp", os.pathsep.join(places)]
        launcher += ["org.junit.platform.console.ConsoleLauncher", "execute", "--scan-classpath", "classes", "--details", "summary"]
        call([*launcher, "--reports-dir", str(reports)], folder, timeout, None)
        merge(sorted(reports.glob("TEST-*.xml")), junit)

    def needs_server(self, _test: str) -> bool:
        """Return True, because every test needs a server."""
        return True


def project(libraries: Iterable[str]) -> str:
    """Return a Maven project (pom.xml) that depends on the given libraries.

    Arguments:
        libraries: each library as "group:artifact:version".
    """
    root = ElementTree.Element("project", xmlns="http://maven.apache.org/POM/4.0.0")
    for name, text in (("modelVersion", "4.0.0"), ("groupId", "tests"), ("artifactId", "tests"), ("version", "1")):
        ElementTree.SubElement(root, name).text = text
    dependencies = ElementTree.SubElement(root, "dependencies")
    for library in libraries:
        dependency = ElementTree.SubElement(dependencies, "dependency")
        for name, text in zip(("groupId", "artifactId", "version"), library.split(":"), strict=True):
            ElementTree.SubElement(dependency, name).text = text
    return ElementTree.tostring(root, encoding="unicode")


def display_name(case: ElementTree.Element) -> str:
    """Return the display name of a test, which distinguishes the cases of a parametrized test."""
    said = "".join(output.text or "" for output in case.iter("system-out"))
    found = re.search(r"^display-name: (.*)$", said, re.MULTILINE)
    return found[1] if found else case.get("name", "")


def merge(reports: Sequence[Path], junit: Path) -> None:
    """Merge the test cases of several JUnit files into one file. Raise UsageError if there are none, because the test launcher then
    failed.
    """
    root = ElementTree.Element("testsuite")
    for report in reports:
        try:
            for case in ElementTree.parse(report).getroot().iter("testcase"):
                case.set("name", display_name(case))
                root.append(case)
        except ElementTree.ParseError as error:
            raise UsageError(f"The suite left an incomplete report, {report.name}: {error}") from error
    if not len(root):
        raise UsageError("The suite left no report: the launcher did not reach its end.")
    ElementTree.ElementTree(root).write(junit, encoding="utf-8")
