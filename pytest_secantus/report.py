"""The data of a report, which each process collects and one process merges and writes.

All data are plain JSON values, because xdist workers send their data to the controller. `report_data` has their types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest_secantus.attribution import Attribution
from pytest_secantus.check_names import THRESHOLDS
from pytest_secantus.plan_checks import Finding, find_problems
from secantus_server.bson.shell import document_text

if TYPE_CHECKING:
    from pytest_secantus.attribution import Span
    from pytest_secantus.report_data import Advice, Report, Shape, TestPage
    from secantus_server.work._command_records import CommandRecord, TakenCommands
    from secantus_server.work.index_usage import IndexUsage

#: How many commands a test's page shows, and how many characters of each.
MOST_COMMANDS = 300
MOST_CHARACTERS = 600
#: How many source lines and tests are kept for a shape or a finding.
MOST_PLACES = 5


def new_report() -> Report:
    """Return an empty report."""
    return {"tests": {}, "shapes": {}, "advice": {}, "indexes": {}, "other_commands": 0, "other_ms": 0.0}


def page_of(report: Report, test: str) -> TestPage:
    """Return the page of a test. Add an empty page if the test has none."""
    page = report["tests"].get(test)
    if page is None:
        page = report["tests"][test] = {
            "id": test, "outcome": "passed", "seconds": 0.0, "commands": 0, "ms": 0.0, "keys": 0, "docs": 0, "rows": [], "findings": (),
        }  # fmt: skip
    return page


def add_result(report: Report, test: str, seconds: float, outcome: str) -> None:
    """Add the outcome and duration of one phase of a test (setup, call or teardown) to the report."""
    page = page_of(report, test)
    page["seconds"] += seconds
    if outcome != "passed" and page["outcome"] != "failed":
        page["outcome"] = outcome


def add_taken(report: Report, taken: TakenCommands, test: str, span: Span | None) -> None:
    """Add commands that were logged during a test to the report.

    Arguments:
        span: what attributes commands to the test; None if all of them belong to no test.
    """
    records = taken.records()
    own = [] if span is None else Attribution(*span).own(records)
    if own:
        add_commands(report, test, own)
    if len(own) < len(records):
        numbers = {record.number for record in own}
        add_others(report, [record for record in records if record.number not in numbers])


def add_commands(report: Report, test: str, records: list[CommandRecord]) -> None:
    """Add the commands of a test to the report."""
    page = page_of(report, test)
    rows, shapes = page["rows"], report["shapes"]
    ms, keys, docs = page["ms"], page["keys"], page["docs"]
    for record in records:
        ms += record.duration_ms
        keys += record.keys_examined
        docs += record.docs_examined
        if len(rows) < MOST_COMMANDS:
            # A text takes less time than a dictionary: it is encoded only once, and the garbage collector does not visit it.
            rows.append(record.row(MOST_CHARACTERS))
        _add_to_shape(shapes, record)
    page["ms"], page["keys"], page["docs"] = ms, keys, docs
    page["commands"] += len(records)
    for finding in find_problems(records, THRESHOLDS):
        page["findings"] = (*page["findings"], finding.text())
        _add_advice(report, test, finding)


def add_others(report: Report, records: Iterable[CommandRecord]) -> None:
    """Add commands that belong to no test: commands of wider-scope fixtures, of teardowns, and of imports."""
    for record in records:
        report["other_commands"] += 1
        report["other_ms"] += record.duration_ms


def add_usage(report: Report, usages: Iterable[IndexUsage]) -> None:
    """Add the usage of indexes, measured at the end of a test, to the report."""
    for usage in usages:
        pattern = document_text(usage.key)
        key = f"{usage.namespace} {usage.name} {pattern}"
        row = report["indexes"].get(key)
        if row is None:
            row = report["indexes"][key] = {
                "namespace": usage.namespace,
                "name": usage.name,
                "key": pattern,
                "uses": 0,
                "serves_otherwise": usage.serves_otherwise,
            }
        row["uses"] = max(row["uses"], usage.uses)


def _add_to_shape(shapes: dict[str, Shape], record: CommandRecord) -> None:
    namespace, text, ms = record.namespace, record.shape, record.duration_ms
    key = f"{namespace} {text}"
    shape = shapes.get(key)
    if shape is None:
        shape = shapes[key] = {
            "namespace": namespace, "shape": text, "count": 0, "ms": 0.0, "max_ms": 0.0, "keys": 0, "docs": 0, "returned": 0, "plans": [],
            "places": [],
        }  # fmt: skip
    shape["count"] += 1
    shape["ms"] += ms
    if ms > shape["max_ms"]:
        shape["max_ms"] = ms
    shape["keys"] += record.keys_examined
    shape["docs"] += record.docs_examined
    shape["returned"] += record.n_returned
    _keep(shape["plans"], record.plan_summary)
    _keep(shape["places"], record.place)


def _add_advice(report: Report, test: str, finding: Finding) -> None:
    first = finding.records[0]
    empty: Advice = {
        "check": finding.check, "namespace": first.namespace, "shape": first.shape, "remedy": finding.remedy, "count": 0, "docs": 0,
        "places": [], "tests": [],
    }  # fmt: skip
    advice = report["advice"].setdefault(f"{finding.check} {first.namespace} {first.shape}", empty)
    advice["count"] += len(finding.records)
    advice["docs"] += sum(record.docs_examined for record in finding.records)
    for record in finding.records:
        _keep(advice["places"], record.place)
    _keep(advice["tests"], test)


def _keep(kept: list[str], one: str) -> None:
    if one and one not in kept and len(kept) < MOST_PLACES:
        kept.append(one)


def _keep_all(kept: list[str], more: Iterable[str]) -> None:
    for one in more:
        _keep(kept, one)


def merge(report: Report, part: Report) -> None:
    """Merge the report data of a second process into `report`."""
    report["tests"].update(part["tests"])
    report["other_commands"] += part["other_commands"]
    report["other_ms"] += part["other_ms"]
    for key, shape in part["shapes"].items():
        if (mine := report["shapes"].setdefault(key, shape)) is not shape:
            _sum(mine, shape, ("count", "ms", "keys", "docs", "returned"))
            mine["max_ms"] = max(mine["max_ms"], shape["max_ms"])
            _keep_all(mine["plans"], shape["plans"])
            _keep_all(mine["places"], shape["places"])
    for key, advice in part["advice"].items():
        if (own := report["advice"].setdefault(key, advice)) is not advice:
            _sum(own, advice, ("count", "docs"))
            _keep_all(own["places"], advice["places"])
            _keep_all(own["tests"], advice["tests"])
    for key, row in part["indexes"].items():
        if (known := report["indexes"].setdefault(key, row)) is not row:
            known["uses"] = max(known["uses"], row["uses"])


def _sum(mine: Any, other: Any, names: Iterable[str]) -> None:
    for name in names:
        mine[name] += other[name]


def summary_of(report: Report) -> dict[str, Any]:
    """Return the data of the HTML page and the JSON file: totals, and lists in display order."""
    tests = list(report["tests"].values())
    seconds = sum(test["seconds"] for test in tests)
    ms = sum(test["ms"] for test in tests) + report["other_ms"]
    shapes = sorted(report["shapes"].values(), key=lambda shape: -shape["ms"])
    unused = [row for row in report["indexes"].values() if not row["uses"] and not row["serves_otherwise"]]
    scans = [shape for shape in shapes if any("COLLSCAN" in plan for plan in shape["plans"]) and shape["docs"] > shape["returned"]]
    return {
        "version": 1,
        "totals": {
            "tests": len(tests),
            "seconds": round(seconds, 3),
            "commands": sum(test["commands"] for test in tests) + report["other_commands"],
            "database_ms": round(ms, 3),
            "share": round(ms / 1000 / seconds, 4) if seconds else 0.0,
            "commands_outside_tests": report["other_commands"],
        },
        "shapes": shapes,
        "scans": sorted(scans, key=lambda shape: -shape["docs"]),
        "tests": sorted(tests, key=lambda test: (-test["commands"], test["id"])),
        "unused_indexes": sorted(unused, key=lambda row: (row["namespace"], row["name"])),
        "advice": sorted(report["advice"].values(), key=lambda one: (-one["docs"], -one["count"])),
    }
