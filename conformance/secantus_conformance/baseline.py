"""The comparison of a test run with a baseline, which is usually a run against a real mongod."""

from __future__ import annotations

from secantus_conformance.model import Run, Verdict

_LISTED = 20


def compare(run: Run, baseline: Run) -> tuple[str, ...]:
    """Return notes on the agreement between a run and its baseline, including the first tests whose verdicts differ."""
    theirs = {result.id: result for result in baseline.results}
    both = [(result, theirs[result.id]) for result in run.results if result.id in theirs]
    ran = [(mine, other) for mine, other in both if mine.eligible and other.eligible]
    differ = [(mine, other) for mine, other in ran if (mine.verdict is Verdict.PASSED) != (other.verdict is Verdict.PASSED)]
    product = baseline.server.get("product", "the baseline")
    head = f"Agreement with {product}: {len(ran) - len(differ)} of {len(ran)} tests that both ran."
    lines = [f"{mine.id}: {mine.verdict.value} here, {other.verdict.value} there" for mine, other in differ[:_LISTED]]
    more = [f"… and {len(differ) - _LISTED} more differ."] if len(differ) > _LISTED else []
    return (head, *lines, *more)
