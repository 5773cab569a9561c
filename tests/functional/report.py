"""Prints the results of the suite: `python -m tests.functional.report OUTCOMES ...`.

Outcomes in later files replace those in earlier ones.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REASONS = Path(__file__).with_name("reasons.toml")
# The tests of MongoDB Search, of which the server supports only a part, and only if enabled.
SEARCH = re.compile(r"/(search|searchMeta|vectorSearch|listSearchIndexes|createSearchIndexes|dropSearchIndex|updateSearchIndex)/")

Outcomes = dict[str, tuple[str, str]]


def read(paths: list[str]) -> Outcomes:
    """Return the outcome and the text of each test by the test's name, without skipped tests."""
    found: Outcomes = {}
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            name, outcome, text = json.loads(line)
            if outcome != "skipped":
                found[name] = (outcome, text)
    return found


def reasons() -> list[tuple[str, re.Pattern[str]]]:
    """Return the known reasons for failures, each with a pattern for the names or texts of the tests that it explains."""
    listed = tomllib.loads(REASONS.read_text(encoding="utf-8"))["reason"]
    return [(one["why"], re.compile("|".join(one["tests"]))) for one in listed]


def show(title: str, outcomes: Outcomes) -> Counter[str]:
    """Print the share of tests that passed.

    Return how many failures each reason explains; a failure without a reason counts under the test's name.
    """
    wrong = {name: text for name, (outcome, text) in outcomes.items() if outcome != "passed"}
    share = 100 * (1 - len(wrong) / max(len(outcomes), 1))
    print(f"{title:32} {len(outcomes) - len(wrong):6} of {len(outcomes):6} hold {share:6.2f} %")
    listed = reasons()
    return Counter(
        next((why for why, pattern in listed if pattern.search(f"{name}\n{text}")), f"without a reason: {name}")
        for name, text in wrong.items()
    )


def main() -> int:
    """Print the shares, then the reasons. Return 1 if a failed test outside MongoDB Search has no reason."""
    outcomes = read(sys.argv[1:])
    searching = {name: found for name, found in outcomes.items() if SEARCH.search(name)}
    counts = show("without MongoDB Search", {name: found for name, found in outcomes.items() if name not in searching})
    show("MongoDB Search (--search)", searching)
    show("everything", outcomes)
    for why, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:5}  {why}")
    return 1 if any(why.startswith("without a reason") for why in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
