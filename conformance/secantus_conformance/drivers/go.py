"""The Go driver's own integration tests: its module archive holds them, with the suites they read.

The archive comes through Go's own module download, which checks it against the checksum database; from version 2.2 on
the suites are no longer in it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from secantus_conformance.drivers.base import Environmental
from secantus_conformance.drivers.process import call
from secantus_conformance.failures import UsageError

_MODULE, _VERSION = "go.mongodb.org/mongo-driver", "v1.17.6"
_PACKAGES = ("./mongo/integration", "./mongo/integration/unified")


@dataclass
class GoSuite:
    """The integration tests; all of them need a server."""

    name: str = "go"
    version: str = _VERSION
    environmental: Sequence[Environmental] = (
        Environmental("needs the encryption libraries", test="ClientSideEncryption"),
        Environmental("needs the public DNS", test="InitialDNSSeedlistDiscovery"),
        Environmental("needs Atlas Data Lake", test="DataLake"),
        Environmental("needs Atlas", test="SearchIndex"),
        Environmental("needs a replica set of three nodes", test="server-selection/logging/replica-set", words="waiting for event"),
        Environmental("needs a replica set of three nodes", test="Topology_lifecycle", words="waiting for event"),
    )

    def prepare(self, cache: Path) -> Path:
        """Downloads the module. Raises UsageError, for instance without Go."""
        folder = cache / f"go-{_VERSION}"
        folder.mkdir(parents=True, exist_ok=True)
        call(["go", "mod", "download", f"{_MODULE}@{_VERSION}"], folder, 900, "Go cannot download the driver", _environment(folder))
        call(["chmod", "-R", "u+w", str(_source(folder))], folder, 60, "The driver's folder cannot be made writable")
        return folder

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Runs the tests and turns Go's report into JUnit XML. Raises UsageError if there is none."""
        environment = {**_environment(folder), "MONGODB_URI": uri, "TOPOLOGY": "replica_set"}
        command = ["go", "test", "-json", "-p", "1", "-count", "1", f"-timeout={int(timeout)}s", *_PACKAGES]
        call(command, _source(folder), timeout + 60, None, environment)
        lines = (_source(folder) / "last-output.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        write_junit_of_go(lines, junit)

    def needs_server(self, _test: str) -> bool:
        """All of them do."""
        return True


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "GOPATH": str(folder / "go"), "GOFLAGS": "-mod=mod"}


def _source(folder: Path) -> Path:
    return folder / "go/pkg/mod" / f"{_MODULE}@{_VERSION}"


def write_junit_of_go(lines: list[str], junit: Path) -> None:
    """Writes what `go test -json` reported as JUnit XML; of nested tests, the innermost count. Raises UsageError if there are none."""
    events = list(_events(lines))
    parents = Counter(name.rsplit("/", 1)[0] for name in {event["Test"] for event in events} if "/" in name)
    output: dict[str, list[str]] = {}
    root = ElementTree.Element("testsuite", name="go")
    for event in events:
        name = event["Test"]
        if event["Action"] == "output":
            output.setdefault(name, []).append(event["Output"])
        elif event["Action"] in ("pass", "fail", "skip") and name not in parents:
            root.append(_case(event, "".join(output.get(name, []))))
    if not len(root):
        raise UsageError(f"Go's tests did not run: {lines[-1] if lines else 'no reason given'}")
    ElementTree.ElementTree(root).write(junit, encoding="utf-8")


def _events(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{") and '"Test":' in line:
            yield json.loads(line)


def _case(event: dict[str, Any], output: str) -> ElementTree.Element:
    name, text = str(event["Test"]), "".join(character for character in output if character.isprintable() or character in "\n\t")
    attributes = {"classname": str(event.get("Package", "")), "name": name, "time": str(event.get("Elapsed", 0))}
    case = ElementTree.Element("testcase", attributes)
    tag = {"fail": "failure", "skip": "skipped"}.get(event["Action"])
    if tag:
        said = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("===", "---"))]
        ElementTree.SubElement(case, tag, message=" ".join(said)[:500]).text = text[-4000:]
    return case
