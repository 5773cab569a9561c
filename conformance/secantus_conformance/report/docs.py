"""The documentation page about conformance, generated from JSON reports and never edited by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from secantus_conformance.model import Group, Run, Skip, Verdict
from secantus_conformance.report.summary import Row, known_reason, rows, server_tests, skips, total
from secantus_conformance.report.terminal import sentence

_HEAD = """# Conformance

The results of independent test suites, by feature. `secantus-conformance docs` generates this page from the
JSON reports of `secantus-conformance run -n 2 --report DIR` and `secantus-conformance drivers NAME --report DIR`. The
figures of other servers come from the same commands with `--uri URI`. Do not edit this page by hand.

A test is *eligible* if it applies to a single-node replica set of this version and pymongo can express it. *For free*
counts the tests that also pass against a server that stores nothing and always answers ok. A *known difference* is a
test that fails because of a missing feature. If it passes, it counts as a failure until its entry is removed.
"""
# The number of skip reasons to list per driver suite; a suite has about a hundred.
_SUITE_REASONS = 12
_EXPLAINED = {
    Group.SERVER: "Tests that check the server's replies or data.",
    Group.FAULTS: "Tests that inject faults into the server and check the driver's reaction.",
    Group.DRIVER: "Tests that check only the driver's messages and public state.",
}


def page(runs: list[Run], free: frozenset[str], others: Sequence[Run] = ()) -> str:
    """Return the documentation page for several runs. `others` are runs of the same suites against other servers, shown for comparison."""
    return "\n".join([_HEAD, *(_section(run, free, [other for other in others if other.title == run.title]) for run in runs)])


def _section(run: Run, free: frozenset[str], others: list[Run]) -> str:
    suite = " ".join(filter(None, (run.suite.get("name"), run.suite.get("version"))))
    parts = [f"## {run.title}", f"{suite} against {run.server.get('product', 'a server')}. {sentence(run)}"]
    with_free = any(result.id in free for result in run.results)
    for group, members in groupby(rows(run.results, free), key=lambda row: row.group):
        parts += [f"### {group.value.capitalize()}", _EXPLAINED[group], _table(list(members), group, with_free)]
    parts += [_beside(run, others), _known(run), _skipped(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(members: list[Row], group: Group, with_free: bool) -> str:
    head = ["category", "passed", "eligible", "share", *(["for free"] if with_free else []), "known", "not passed", "skipped"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    lines += [_line(row, row.category, with_free) for row in members]
    return "\n".join([*lines, _line(total(members, "", group), "**all**", with_free)])


def _line(row: Row, label: str, with_free: bool) -> str:
    free = [row.free] if with_free else []
    cells = (row.passed, row.eligible, row.share, *free, row.counts[Verdict.KNOWN], row.bad, row.counts[Verdict.SKIPPED])
    return f"| {label} | " + " | ".join(map(str, cells)) + " |"


def _beside(run: Run, others: list[Run]) -> str:
    """Return a comparison of several servers' results. For a driver's suite, compare only the tests that need a server."""
    if not others:
        return ""
    tests = "tests that need a server" if server_tests(run) else "eligible tests"
    lines = [f"| server | {tests} | passed | share |", "|---|--:|--:|--:|"]
    for each in (run, *others):
        row = total(rows(server_tests(each) or each.results), "", Group.SERVER)
        lines.append(f"| {each.server.get('product', 'a server')} | {row.eligible} | {row.passed} | {row.share} |")
    return "### Comparison with other servers\n\n" + "\n".join(lines)


def _known(run: Run) -> str:
    reasons = Counter(known_reason(result) for result in run.results if result.verdict is Verdict.KNOWN)
    if not reasons:
        return ""
    return "### Known differences\n\n" + "\n".join(
        f"- {reason}: {count} test{'' if count == 1 else 's'}" for reason, count in reasons.most_common()
    )


def _skipped(run: Run) -> str:
    found = skips(run)
    if not found:
        return ""
    own = [row for row in found if row[0] == Skip.SUITE.value]
    rest = own[_SUITE_REASONS:]
    if len(rest) > 1:
        found = [row for row in found if row not in rest]
        found.append((Skip.SUITE.value, f"{len(rest)} other reasons of the suite's own", sum(count for _, _, count in rest)))
    return "### Skipped\n\n| why | reason | tests |\n|---|---|--:|\n" + "\n".join(
        f"| {kind} | {reason.replace('|', chr(92) + '|')} | {count} |" for kind, reason, count in found
    )
