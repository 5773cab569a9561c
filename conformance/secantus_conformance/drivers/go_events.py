"""The parser of `go test -json` reports, which finds the outcome of each test even if a panic ends the run in the middle of a test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from secantus_conformance.failures import UsageError

_ENDS = ("pass", "fail", "skip")
_ENDS_OF_THE_PROCESS = ("panic: ", "fatal error: ")


@dataclass
class Fate:
    """The outcome of one test."""

    package: str
    action: str
    seconds: float
    output: str


@dataclass
class Events:
    """The results of one package's tests, collected over all runs of the package.

    A run ends early if a panic or a different error ends the process. The innermost running test then counts as failed. The tests that
    enclose it do not count as done, even if Go reports them, and run again without their finished subtests.

    `fruitless` is the number of most recent runs without new results.
    """

    done: dict[str, Fate] = field(default_factory=dict)
    last: str = ""
    package: str = ""
    complaint: str = ""
    fruitless: int = 0

    def take(self, lines: Iterable[str]) -> bool:
        """Read the report of one run. Return whether a further run is needed because this run ended early."""
        output: dict[str, list[str]] = {}
        started: list[str] = []
        panicked, culprit, before = False, "", set(self.done)
        for event in self._events(lines):
            name, action = event.get("Test", ""), event["Action"]
            self.package = str(event.get("Package", self.package))
            if action == "run":
                self.last = name
                started.append(name)
            elif action == "output":
                output.setdefault(name, []).append(event["Output"])
                if event["Output"].startswith(_ENDS_OF_THE_PROCESS) and not panicked:
                    panicked = True
                    culprit = self._running_in(name, started)
            elif action in _ENDS and name:
                self.done[name] = Fate(self.package, action, float(event.get("Elapsed", 0)), "".join(output.get(name, [])))
        unfinished = [name for name in started if name not in self.done]
        if not panicked and not unfinished:
            return False
        said = [line for each in output.values() for line in each if line.startswith(_ENDS_OF_THE_PROCESS)]
        self.complaint = (said or ["panic: the process ended"])[0].strip()
        if started:
            self._give_up_on(culprit if panicked else unfinished[-1])
        self.fruitless = 0 if self.done.keys() - before else self.fruitless + 1
        return True

    def _running_in(self, test: str, started: list[str]) -> str:
        """Return the innermost running test inside `test`, because after a panic Go may report only the outermost test."""
        inside = [name for name in started if not test or name == test or name.startswith(test + "/")]
        return inside[-1] if inside else self.last

    def _events(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            if line.startswith("{") and '"Action":' in line:
                yield json.loads(line)
            elif line.strip():
                self.complaint = line.strip()

    def _give_up_on(self, test: str) -> None:
        known = self.done.get(test, Fate(self.package, "fail", 0.0, ""))
        told = any(end in known.output for end in _ENDS_OF_THE_PROCESS)
        said = known.output if told else f"{self.complaint}\n{known.output}"
        self.done[test] = Fate(known.package, "fail", known.seconds, said)
        parts = test.split("/")
        for length in range(1, len(parts)):
            self.done.pop("/".join(parts[:length]), None)

    def pattern_of_done(self) -> str:
        """Return the pattern for the option `-skip` that matches the outermost finished tests."""
        outermost = [name for name in self.done if not any(parent in self.done for parent in _parents(name))]
        return pattern(outermost)

    def innermost(self) -> Iterator[tuple[str, Fate]]:
        """Yield the tests that contain no subtests."""
        with_children = {parent for name in self.done for parent in _parents(name)}
        return ((name, fate) for name, fate in self.done.items() if name not in with_children)


def pattern(tests: Iterable[str]) -> str:
    """Return a pattern for Go's options `-run` and `-skip` that matches exactly these tests."""
    return "|".join("/".join(f"^{re.escape(part)}$" for part in name.split("/")) for name in tests)


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def write_junit_of_go(packages: list[Events], junit: Path) -> None:
    """Write the outcomes as JUnit XML. Of nested tests, write only the innermost ones. Raise UsageError if there are no outcomes."""
    root = ElementTree.Element("testsuite", name="go")
    for events in packages:
        for name, fate in events.innermost():
            root.append(_case(name, fate))
        if not events.done:
            raise UsageError(f"Go's tests did not run: {events.complaint or 'no reason given'}")
    ElementTree.ElementTree(root).write(junit, encoding="utf-8")


def _case(name: str, fate: Fate) -> ElementTree.Element:
    text = "".join(character for character in fate.output if character.isprintable() or character in "\n\t")
    case = ElementTree.Element("testcase", {"classname": fate.package, "name": name, "time": str(fate.seconds)})
    tag = {"fail": "failure", "skip": "skipped"}.get(fate.action)
    if tag:
        said = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("===", "---"))]
        ElementTree.SubElement(case, tag, message=" ".join(said)[:500]).text = text[-4000:]
    return case
