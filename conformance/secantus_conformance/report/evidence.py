"""The evidence page: each suite's figures for this project's server and for other servers. It is generated from one data file, and never
edited by hand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from secantus_conformance.drivers import registry as drivers
from secantus_conformance.failures import UsageError
from secantus_conformance.model import SECOND_RUN, Run, Verdict
from secantus_conformance.odms import registry as odms
from secantus_conformance.report.jsonout import read_json_report
from secantus_conformance.report.summary import known_reason, server_tests, share_of

# The name by which reports identify the server of this project.
_OURS = "Secantus "
# The number of failures, and the share of them, from which a common reason gets a note.
_MANY, _NEARLY_ALL = 100, 0.9
_HEAD = """# Evidence

What others wrote to test MongoDB, or what uses it, run whole and unchanged against this server and against other servers.
`secantus-conformance evidence REPORT... -o docs/evidence.md` generates this page from the `report.json` of the commands below. Do not
edit it by hand. [Known differences and skipped tests by feature](reference/conformance.md), [how to run the suites](conformance.md),
[the programs that operate MongoDB](production.md#programs-that-work).

A test is *eligible* if it was not skipped: it applies to a single-node replica set of this version and needs nothing that the machine
lacks. A *known difference* is a failure that is listed with its reason. Tests with short time limits may fail on a busy machine;
those that passed when they ran once more (`--retry`) count as passed, and the table says how many.
"""


@dataclass(frozen=True)
class Figures:
    """The figures of one report.

    `needed` and `needed_passed` count the eligible tests of a driver's suite that need a server; they are 0 for any other suite.
    `of_ours` and `of_ours_passed` are set only for servers other than this project's. They count the tests for which this project's
    server is eligible. `second` counts the tests that passed only on a second run.
    """

    title: str
    suite: str
    version: str
    server: str
    eligible: int
    passed: int
    failed: int
    skipped: int
    known: dict[str, int]
    date: str
    command: str
    seconds: int
    needed: int = 0
    needed_passed: int = 0
    of_ours: int = 0
    of_ours_passed: int = 0
    notes: list[str] = field(default_factory=list)
    second: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether the report is about this project's server."""
        return self.server.startswith(_OURS)


def figures(run: Run, day: str, ours: Run | None = None) -> Figures:
    """Return the figures of a report. `ours` is the report of the same suite against this project's server."""
    counts = Counter(result.verdict for result in run.results)
    passed = {result.id for result in run.results if result.verdict is Verdict.PASSED}
    common = {result.id for result in ours.results if result.eligible} if ours is not None else set()
    needed = server_tests(run) if run.title == f"Suite of {run.suite.get('name')}" else []
    return Figures(
        title=run.title,
        suite=run.suite.get("name", ""),
        version=run.suite.get("version", ""),
        server=run.server.get("product", "a server"),
        eligible=len(run.results) - counts[Verdict.SKIPPED],
        passed=counts[Verdict.PASSED],
        failed=sum(count for verdict, count in counts.items() if verdict.is_bad),
        skipped=counts[Verdict.SKIPPED],
        known=dict(sorted(Counter(known_reason(result) for result in run.results if result.verdict is Verdict.KNOWN).items())),
        date=day,
        command=_command(run),
        seconds=round(run.seconds),
        needed=len(needed),
        needed_passed=sum(result.verdict is Verdict.PASSED for result in needed),
        of_ours=len(common),
        of_ours_passed=len(common & passed),
        notes=[*(note for note in run.notes if not note.startswith(SECOND_RUN)), *_common_failure(run)],
        second=sum(note.startswith(SECOND_RUN) for note in run.notes),
    )


def _common_failure(run: Run) -> list[str]:
    """Return a note if nearly all failures have the same reason, which means that the suite failed during its setup."""
    reasons = Counter(result.reason for result in run.results if result.verdict.is_bad)
    said, count = reasons.most_common(1)[0] if reasons else ("", 0)
    return [f"{count} tests fail for one reason: {said[:200]}"] if count > max(_MANY, _NEARLY_ALL * sum(reasons.values())) else []


def _command(run: Run) -> str:
    name = run.suite.get("name", "")
    if run.title != f"Suite of {name}":
        return "cases DIR" if run.title == "Recorded cases" else "run"
    if name in drivers.SUITES:
        return f"drivers {name}"
    for short, suite in odms.SUITES.items():
        if name == suite.name:
            return f"odms {short}{' --source DIR' if suite.repository else ''}"
    raise UsageError(f"No command of this program runs the suite of {name}.")


def read_figures(path: Path) -> list[Figures]:
    """Return the recorded figures, or an empty list if the file does not exist. Raise UsageError if the file is malformed."""
    if not path.exists():
        return []
    try:
        return [Figures(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} does not contain recorded figures: {error}") from error


def write_figures(path: Path, recorded: Sequence[Figures]) -> None:
    """Write the figures to a file, one report per line, in the order of the evidence page."""
    lines = ",\n".join(json.dumps(asdict(each), ensure_ascii=False) for each in sorted(recorded, key=_order))
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def record(recorded: Sequence[Figures], reports: Sequence[Path]) -> list[Figures]:
    """Add the figures of new reports to the recorded ones. Replace earlier figures of the same suite and server. Raise UsageError on
    failure.
    """
    runs = [(read_json_report(path), _day(path)) for path in reports]
    own = {run.title: run for run, _ in runs if run.server.get("product", "").startswith(_OURS)}
    new = [figures(run, day, None if own.get(run.title) is run else own.get(run.title)) for run, day in runs]
    replaced = {(each.title, each.server) for each in new} | {(each.title, _OURS) for each in new if each.is_ours}
    kept = [each for each in recorded if (each.title, _OURS if each.is_ours else each.server) not in replaced]
    together = [*kept, *new]
    whole = {each.title: each.eligible for each in together if each.is_ours and not each.skipped}
    return sorted((_of_ours(each, whole.get(each.title, 0)) for each in together), key=_order)


def _of_ours(peer: Figures, whole: int) -> Figures:
    """Return the figures of a peer, compared with this project's server although the two reports were recorded at different times.

    Arguments:
        whole: the number of tests in the suite, if this project's server is eligible for all of them; otherwise 0.
    """
    if peer.is_ours or peer.of_ours or peer.eligible + peer.skipped != whole:
        return peer
    return replace(peer, of_ours=whole, of_ours_passed=peer.passed)


def _day(path: Path) -> str:
    """Return the day on which a report was written."""
    return datetime.fromtimestamp(path.stat().st_mtime, tz=timezone.utc).date().isoformat()


def _order(each: Figures) -> tuple[Any, ...]:
    kinds = ("run", "cases", "drivers", "odms")
    return (kinds.index(each.command.split()[0]), each.title, not each.is_ours, each.server)


def evidence_page(recorded: Sequence[Figures]) -> str:
    """Return the evidence page for the recorded figures."""
    own = [each for each in recorded if each.is_ours]
    parts = [_HEAD]
    for heading, kinds in (("Specifications and recorded cases", ("run", "cases")), ("Drivers' suites", ("drivers",)),
                           ("Suites of mappers and frameworks", ("odms",))):  # fmt: skip
        chosen = [each for each in own if each.command.split()[0] in kinds]
        if chosen:
            parts.append(f"## {heading}\n\n{_table(chosen)}\n")
    known = [f"- {each.suite}: {reason}: {count} test{'' if count == 1 else 's'}" for each in own for reason, count in each.known.items()]
    if known:
        parts.append("## Known differences\n\n" + "\n".join(known) + "\n")
    if any(not each.is_ours for each in recorded):
        parts.append("## Other servers\n\n" + _PEERS + "\n\n" + _beside(recorded) + "\n")
    return "\n".join(parts)


_PEERS = """`secantus-conformance peers --cases DIR --server NAME=COMMAND --report DIR` runs the same tests against each server.
pymongo's suite runs file by file, each with a new server, so that a server that stops answering loses only the rest of a file. *Of ours*
counts the tests for which this server is eligible, whatever the other server says of itself. The recorded cases are MongoDB's answers."""


def _table(chosen: Sequence[Figures]) -> str:
    lines = [
        "| suite | version | eligible | passed | known differences | not passed | skipped | date | `secantus-conformance …` |",
        "|---|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for each in chosen:
        cells = (
            _suite(each),
            each.version or "–",
            each.eligible,
            _passed(each),
            sum(each.known.values()),
            each.failed,
            each.skipped,
            each.date,
        )
        lines.append("| " + " | ".join(map(str, cells)) + f" | `{each.command}` |")
    return "\n".join(lines)


def _suite(each: Figures) -> str:
    if each.title.lower() == each.suite:
        return each.title
    return each.suite if each.title.startswith("Suite of") else f"{each.title} ({each.suite})"


def _passed(each: Figures) -> str:
    share = f" ({share_of(each.passed, each.eligible)} %)" if each.eligible else ""
    need = f"; {each.needed_passed} of {each.needed} that need a server" if each.needed and each.needed != each.eligible else ""
    second = f"; {each.second} only on a second run" if each.second else ""
    return f"{each.passed}{share}{need}{second}"


def _beside(recorded: Sequence[Figures]) -> str:
    lines = ["| suite | server | eligible | passed | of ours | passed of ours | date |", "|---|---|--:|--:|--:|--:|---|"]
    for title in dict.fromkeys(each.title for each in recorded if not each.is_ours):
        for each in (each for each in recorded if each.title == title):
            of, passed = (each.eligible, each.passed) if each.is_ours else (each.of_ours, each.of_ours_passed)
            common, share = (str(of), f"{passed} ({share_of(passed, of)} %)") if of else ("–", "–")
            suite = f"{_suite(each)} {each.version}".strip()
            lines.append(f"| {suite} | {each.server} | {each.eligible} | {each.passed} | {common} | {share} | {each.date} |")
    notes = [f"- {each.server}, {_suite(each)}: {note}" for each in recorded if not each.is_ours for note in each.notes]
    return "\n".join([*lines, "", *notes] if notes else lines)


def peers_table(runs: Sequence[Run]) -> str:
    """Return a table that compares the reports of several servers."""
    own = {run.title: run for run in runs if run.server.get("product", "").startswith(_OURS)}
    table = [figures(run, "now", None if own.get(run.title) is run else own.get(run.title)) for run in runs]
    return _beside(sorted(table, key=_order))
