"""The ratchet: recorded cases that have matched once must keep matching.

    python tests/ratchet.py              replay everything; exit with 1 if a case that matched no longer does
    python tests/ratchet.py --update     also record the cases that match now; this cannot be undone by the script

The cases are outside the tree, in ../shared/cases, together with the `replay.py` that compares them; the tree contains only names.
`tests/ratchet/<area>.txt` lists the few cases that do *not* match yet; all others must match. After a change of the cases
themselves, delete the area's file and run `--update`. `tests/ratchet/reasons.toml` says why a case does not match.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import json
import logging
import multiprocessing
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

from secantus_server import SecantusDBServer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT.parent / "shared" / "cases"
LISTS = ROOT / "tests" / "ratchet"
REASONS = LISTS / "reasons.toml"

# The minimum share of matching cases in these areas, regardless of their lists.
BAR = 85.0
BARRED = ("core/operator/query", "core/operator/update", "core/operator/projection", "core/operator/expressions", "core/query_and_write")

CHUNK = 50
PROCESSES = 2
TIMEOUT_S = 10
# A case with varying results is neither a loss nor a gain. A changed case is replayed this many times to detect that.
REPEATS = 2
# The log line of an internal error, which is followed by a traceback.
INTERNAL_ERROR = "internal error in "

Verdicts = dict[str, str | None]


@cache
def replay_module() -> ModuleType:
    """Load the `replay.py` that belongs to the cases."""
    spec = importlib.util.spec_from_file_location("replay", CASES / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay_chunk(uri: str, lines: list[str], base: int) -> list[tuple[str, str | None]]:
    """Return the names of these cases with their mismatches; runs in a worker process."""
    found: list[tuple[str, str | None]] = replay_module().worker(uri, TIMEOUT_S, lines, base)
    return found


def replay_all(pool: ProcessPoolExecutor, uri: str, lines: list[str]) -> Verdicts:
    """Return the mismatch of each case, None if it matches."""
    bases = range(0, len(lines), CHUNK)
    chunks = [lines[base : base + CHUNK] for base in bases]
    return {name: wrong for chunk in pool.map(replay_chunk, [uri] * len(chunks), chunks, bases) for name, wrong in chunk}


def area_of(name: str) -> str:
    """Return the part of the language or of the commands that a case belongs to."""
    parts = name.split("::")[0].split("/")[:-1]
    return "/".join(parts[: 3 if parts[:2] == ["core", "operator"] else 2])


@dataclass
class Area:
    """One area: the names of its cases, and the mismatches of those that do not match now."""

    name: str
    cases: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The list of cases that do not match yet."""
        return LISTS / f"{self.name.replace('/', '-')}.txt"

    @property
    def heading(self) -> str:
        """The list's first line, which identifies the cases that it was created from."""
        digest = hashlib.sha256("\n".join(sorted(self.cases)).encode()).hexdigest()[:12]
        return f"# {self.name}: {len(self.cases)} cases, digest {digest}; those named below do not hold yet."

    @property
    def percentage(self) -> float:
        """The share of cases that match."""
        return 100 * (1 - len(self.wrong) / len(self.cases))

    def falls_short(self) -> bool:
        """Whether the area has a bar and is below it."""
        return self.name in BARRED and self.percentage < BAR

    @cached_property
    def excused(self) -> set[str]:
        """The cases that need not match: all of them while the area has no list."""
        if not self.path.exists():
            return set(self.cases)
        return set(unfold(self.path.read_text(encoding="utf-8").split("\n")[1:]))

    def is_stale(self) -> bool:
        """Whether the list was created from an earlier version of the cases."""
        return self.path.exists() and self.path.read_text(encoding="utf-8").split("\n")[0] != self.heading

    def note(self) -> None:
        """Write the list. It never excuses a case that was not excused before."""
        names = sorted(self.excused & self.wrong.keys())
        self.path.write_text("\n".join([self.heading, *fold(names), ""]), encoding="utf-8")


def fold(names: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a list: each test followed by its cases."""
    last = ""
    for name in names:
        test, bracket, case = name.partition("[")
        if test != last:
            yield test
            last = test
        yield f"  {bracket}{case}"


def unfold(lines: Iterable[str]) -> Iterator[str]:
    """Yield the names in the lines of a list."""
    test = ""
    for line in lines:
        if line.startswith("  "):
            yield test + line[2:]
        else:
            test = line


def judge(verdicts: Verdicts) -> list[Area]:
    """Return the areas by name."""
    areas: dict[str, Area] = {}
    for name, wrong in verdicts.items():
        area = areas.setdefault(area_of(name), Area(area_of(name)))
        area.cases.append(name)
        if wrong is not None:
            area.wrong[name] = wrong
    return [areas[name] for name in sorted(areas)]


def lost(areas: list[Area]) -> dict[str, str]:
    """Return the cases that matched before and do not match now."""
    return {name: wrong for area in areas for name, wrong in area.wrong.items() if name not in area.excused}


def won(areas: list[Area]) -> set[str]:
    """Return the listed cases that match now."""
    return {name for area in areas if area.path.exists() for name in area.excused & set(area.cases) - area.wrong.keys()}


def count_reasons(names: Iterable[str]) -> Counter[str]:
    """Return how often each reason applies. For a case without a reason, the key is the case's name."""
    listed = tomllib.loads(REASONS.read_text(encoding="utf-8"))["reason"]
    patterns = [(one["why"], re.compile("|".join(one["cases"]))) for one in listed]
    return Counter(next((why for why, pattern in patterns if pattern.search(name)), f"without a reason: {name}") for name in names)


def settle(pool: ProcessPoolExecutor, uri: str, lines: list[str], verdicts: Verdicts) -> None:
    """Replay the changed cases again: a loss must fail every time, a gain match every time."""
    by_name = {json.loads(line)["id"]: line for line in lines}
    for _ in range(REPEATS):
        areas = judge(verdicts)
        losses, gains = lost(areas), won(areas)
        if not losses and not gains:
            return
        again = replay_all(pool, uri, [by_name[name] for name in sorted(losses.keys() | gains)])
        for name, wrong in again.items():
            if (name in losses) == (wrong is None):
                verdicts[name] = wrong


def report(areas: list[Area], seconds: float) -> None:
    """Print the share of each area, its bar, and the total."""
    totals: dict[str, int] = defaultdict(int)
    for area in areas:
        totals["cases"] += len(area.cases)
        totals["wrong"] += len(area.wrong)
        bar = f"   bar {BAR:.0f} %: {'FALLS SHORT' if area.falls_short() else 'reached'}" if area.name in BARRED else ""
        print(f"{area.name:32} {len(area.cases) - len(area.wrong):6} of {len(area.cases):6} hold {area.percentage:6.1f} %{bar}")
    held = totals["cases"] - totals["wrong"]
    print(f"{'everything':32} {held:6} of {totals['cases']:6} hold {100 * held / totals['cases']:6.1f} %   in {seconds:.0f} s")


def read_cases(text: str) -> list[str]:
    """Return the lines of all cases whose names contain the text. Exits with a message if there are none."""
    files = sorted(CASES.rglob("*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").split("\n") if line and text in line[:400]]
    if not lines:
        sys.exit(f"No case in {CASES} has {text!r} in its name." if files else f"There are no recorded cases in {CASES}.")
    return lines


def main() -> int:
    """Replay, compare and report. Returns 1 if a case was lost or an area is below its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="note the cases that hold now")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases with this in their name")
    arguments = parser.parse_args()
    if arguments.update and arguments.only:
        parser.error("--update needs all cases")
    lines, begun, log = read_cases(arguments.only), time.monotonic(), io.StringIO()
    logging.getLogger("secantus").addHandler(logging.StreamHandler(log))
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server,
        ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool,
    ):
        verdicts = replay_all(pool, server.uri, lines)
        settle(pool, server.uri, lines, verdicts)
    areas = judge(verdicts)
    for area in areas:
        if area.is_stale() and not arguments.only:
            print(f"{area.name}: the cases are not those that {area.path.name} was made from")
    report(areas, time.monotonic() - begun)
    for why, count in count_reasons(name for area in areas for name in area.wrong).most_common():
        print(f"{count:5}  {why}")
    losses = lost(areas)
    for name, wrong in sorted(losses.items()):
        print(f"\nheld before: {name}\n    {wrong}")
    print(f"{len(losses)} cases that held do not hold now; {len(won(areas))} listed ones hold now.")
    mistakes = log.getvalue().count(INTERNAL_ERROR)
    print(f"{mistakes} internal errors{':' + log.getvalue()[:4000] if mistakes else '.'}")
    if arguments.update:
        for area in areas:
            area.note()
    return 1 if losses or any(area.falls_short() for area in areas) else 0


if __name__ == "__main__":
    sys.exit(main())
