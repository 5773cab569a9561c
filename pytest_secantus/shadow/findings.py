"""The results of the comparison with the shadow. Each process collects its results, and the reporting process merges them.

All values are JSON values.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

from pytest_secantus.shadow.equality import Mismatch
from secantus_server.bson.values import MISSING
from secantus_server.diagnostics.plurals import counted
from secantus_server.work._shell_text import typed

#: The maximum number of differences kept for a test.
MOST_OF_A_TEST: Final = 5
#: The maximum number of characters shown of an answer.
MOST_CHARACTERS: Final = 600
#: The fields that are omitted from shown answers.
_HIDDEN: Final = frozenset(["$clusterTime", "operationTime", "electionId", "opTime", "topologyVersion", "lastCommittedOpTime", "signature"])


class Difference(TypedDict):
    """A command to which the two servers replied differently.

    Arguments:
        command: the command in mongosh syntax.
        path: the path of the first difference in the replies.
        here, shadow: the values at this path.
        answer_here, answer_shadow: the complete replies.
        note: a further possible reason for the difference, or an empty text.
    """

    test: str
    database: str
    command: str
    path: str
    here: str
    shadow: str
    answer_here: str
    answer_shadow: str
    note: str


class Findings(TypedDict):
    """The differences found in one process or in the whole run.

    Arguments:
        server: the shadow's version and address.
        tests, commands: the number of compared tests and commands.
        more: the number of further differences that were not stored, by test.
        left_out: the number of commands that were not sent, by reason.
        problems: the reasons why tests were not compared.
    """

    server: str
    tests: int
    commands: int
    differences: list[Difference]
    more: dict[str, int]
    left_out: dict[str, int]
    problems: list[str]


def new_findings() -> Findings:
    """Return empty findings."""
    return {"server": "", "tests": 0, "commands": 0, "differences": [], "more": {}, "left_out": {}, "problems": []}


def add_difference(findings: Findings, difference: Difference) -> None:
    """Add a difference. If its test already has the maximum number of differences, only count it."""
    test = difference["test"]
    if sum(one["test"] == test for one in findings["differences"]) < MOST_OF_A_TEST:
        findings["differences"].append(difference)
    else:
        findings["more"][test] = findings["more"].get(test, 0) + 1


def make_difference(
    test: str, database: str, command: str, mismatch: Mismatch, ours: dict[str, Any], theirs: dict[str, Any], note: str
) -> Difference:
    """Return the difference between two replies to a command."""
    return {
        "test": test,
        "database": database,
        "command": cut(command),
        "path": mismatch.path,
        "here": shown(mismatch.ours),
        "shadow": shown(mismatch.theirs),
        "answer_here": shown_answer(ours),
        "answer_shadow": shown_answer(theirs),
        "note": note,
    }


def merge_findings(findings: Findings, part: Findings) -> None:
    """Merge the findings of a second process into `findings`."""
    findings["server"] = findings["server"] or part["server"]
    findings["tests"] += part["tests"]
    findings["commands"] += part["commands"]
    findings["differences"] += part["differences"]
    findings["problems"] += part["problems"]
    for test, count in part["more"].items():
        findings["more"][test] = findings["more"].get(test, 0) + count
    for reason, count in part["left_out"].items():
        findings["left_out"][reason] = findings["left_out"].get(reason, 0) + count


def shown(value: Any) -> str:
    """Return a value in mongosh syntax, or `(none)` for a missing value."""
    return "(none)" if value is MISSING else cut(typed(value))


def shown_answer(reply: dict[str, Any]) -> str:
    """Return a reply in mongosh syntax, without fields that are specific to one server."""
    return shown({key: value for key, value in reply.items() if key not in _HIDDEN})


def cut(text: str) -> str:
    """Truncate a text to the maximum length."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def lines_of(findings: Findings) -> list[str]:
    """Return the lines about the findings to print in the terminal."""
    differences, problems = findings["differences"], findings["problems"]
    count = len(differences) + sum(findings["more"].values())
    answers = "no answer differs" if not count else f"{counted(count, 'answer')} differ{'' if count > 1 else 's'}"
    server = findings["server"] or "the shadow"
    sent = f"{counted(findings['commands'], 'command')} of {counted(findings['tests'], 'test')}"
    lines = [f"{sent} {'was' if findings['commands'] == 1 else 'were'} compared with {server}: {answers}"]
    test = ""
    for one in differences:
        if one["test"] != test:
            test = one["test"]
            lines += ["", test]
        lines += _lines_of(one)
        more = findings["more"].get(test, 0)
        if more and one is [other for other in differences if other["test"] == test][-1]:
            lines.append(f"  and {more} more in this test, which may follow from these")
    lines += ["", *problems] if problems else []
    if findings["left_out"]:
        lines += ["", "not sent:", *(f"  {count:,} x {reason}" for reason, count in sorted(findings["left_out"].items()))]
    return lines


def _lines_of(one: Difference) -> list[str]:
    lines = [f"  use {one['database']}", f"  {one['command']}", f"    {one['path']}:", f"      here:   {one['here']}"]
    lines.append(f"      shadow: {one['shadow']}")
    return [*lines, f"      ({one['note']})"] if one["note"] else lines
