"""The speed that a user perceives: tests per second in generated suites, and the time until the first test ends.

`python -m tests.benchmarks.suites --tests` runs this module. The subjects are this build without sockets ("direct") and with them
("tcp"), an earlier build, and the installed alternatives: mongomock, mongomock-ng and nx-27017. In each round, every subject runs every
suite once, in alternating order. Times are elapsed times, because a user perceives them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from secantus_server.config.marked import with_part
from tests.benchmarks.generated_suites import KINDS, Kind, generate

#: A plugin that writes two times in seconds: from the start of the process to the end of the first test, and the mean time of each
#: further test. (With xdist, its controller writes them.)
PER_TEST = """
import os
import time
from pathlib import Path

ends = []


def pytest_runtest_logfinish(nodeid, location):
    ends.append(time.perf_counter())


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        first = ends[0] - float(os.environ["STARTED"])
        Path(os.environ["TIMES"]).write_text(f"{first} {(ends[-1] - ends[0]) / max(len(ends) - 1, 1)}")
"""
PEERS = {"mongomock": "mongomock", "mongomock-ng": "mongomock_ng", "nx-27017": "nx_27017"}
FIRST = "first test, ms"
#: The name of the subject that is an earlier build.
EARLIER = "earlier"
#: The bars: the row, the subject that this build is compared with, and the maximum ratio.
BARS = (
    ("fixture only", EARLIER, 0.3),
    ("insert, count", EARLIER, 0.4),
    ("insert, count", "mongomock", 2.5),
    ("100 documents", EARLIER, 0.6),
    ("100 documents", "mongomock", 0.5),
)


def environment_of_runs(scratch: Path, *, is_base: bool) -> dict[str, str]:
    """Return the environment variables of runs of pytest that load only named plugins, and that share their bytecode.

    An installed package includes its bytecode, so it is kept between the runs, whatever the caller's environment says.

    Arguments:
        scratch: a directory that contains plugins.
        is_base: whether the run is one of the earlier build, which would import this build if it inherited the caller's PYTHONPATH.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join(filter(None, [str(scratch), "" if is_base else os.environ.get("PYTHONPATH", "")]))
    return {**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"), "PYTHONPATH": path}


@dataclass(frozen=True)
class Subject:
    """A library or build that runs the generated suites.

    Arguments:
        name: the subject's name in tables.
        python: the interpreter.
        arguments: further arguments of pytest.
        fixtures: the subject's name in `generate`.
    """

    name: str
    python: str
    arguments: tuple[str, ...]
    fixtures: str

    @property
    def has_async(self) -> bool:
        """Whether the subject has an asynchronous client."""
        return self.fixtures in ("ours", "nx_27017")


@dataclass
class Cell:
    """The results of one subject with one suite: the seconds until the end of the first test, and the seconds per further test."""

    place: Path
    is_async: bool
    workers: int
    first: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    def run(self, subject: Subject, scratch: Path) -> None:
        """Run the suite once."""
        times = scratch / "seconds"
        environment = environment_of_runs(scratch, is_base=subject.name == EARLIER) | {"TIMES": str(times)}
        arguments = [*subject.arguments]
        if self.is_async:
            arguments += ["-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=auto"]
        if self.workers:
            arguments += ["-p", "xdist", "-n", str(self.workers)]
        line = [subject.python, "-m", "pytest", "-q", "-p", "per_test", "-p", "no:cacheprovider", "-x", *arguments, "."]
        environment["STARTED"] = str(time.perf_counter())
        done = subprocess.run(line, cwd=self.place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        first, other = times.read_text(encoding="utf-8").split()
        self.first.append(float(first))
        self.other.append(float(other))

    @property
    def median(self) -> float:
        """The median time per test in seconds, without the first test."""
        return statistics.median(self.other)


#: The cells by the row (the title of the kind, whether the suite is asynchronous, the number of workers) and the subject.
Row = tuple[str, bool, int]
Cells = dict[tuple[Row, str], Cell]


def subjects_here(base: str | None) -> list[Subject]:
    """Return the subjects that can run on this machine.

    Arguments:
        base: the interpreter of an environment with the earlier build.
    """
    plugin = ("-p", "pytest_secantus.plugin")
    subjects = [Subject(name, sys.executable, (*plugin, "-o", f"secantus_transport={name}"), "ours") for name in ("direct", "tcp")]
    if base is not None:
        subjects.append(Subject(EARLIER, base, plugin, "ours"))
    return subjects + [Subject(name, sys.executable, (), module) for name, module in PEERS.items() if find_spec(module) is not None]


@contextmanager
def other_cores_busy() -> Iterator[None]:
    """Keep all cores but one busy within the block."""
    with ExitStack() as stack:
        for _ in range((os.cpu_count() or 2) - 1):
            spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(spinning.wait)
            stack.callback(spinning.kill)
        yield


def measure(subjects: list[Subject], kinds: list[Kind], turns: int, scratch: Path, *, is_busy: bool) -> Cells:
    """Let every subject run every suite `turns` times, alternating between subjects. An uncounted first run compiles the modules."""
    (scratch / "per_test.py").write_text(PER_TEST, encoding="utf-8")
    cells: Cells = {}
    for kind in kinds:
        for is_async in (False, True):
            for workers in (0, 2):
                for subject in subjects:
                    if not is_async or subject.has_async:
                        place = scratch / f"{is_busy}-{KINDS.index(kind)}-{is_async}-{workers}-{subject.name}"
                        cell = Cell(generate(place, kind, subject.fixtures, is_async=is_async), is_async, workers)
                        cells[(kind.title, is_async, workers), subject.name] = cell
    by_name = {subject.name: subject for subject in subjects}
    for turn in range(turns + 1):
        for (_row, name), cell in sorted(cells.items(), key=lambda item: item[0], reverse=bool(turn % 2)):
            cell.run(by_name[name], scratch)
            if not turn:
                cell.first.clear()
                cell.other.clear()
    return cells


def table(cells: Cells, subjects: list[Subject]) -> list[str]:
    """Return the lines of the results table: tests per second, and milliseconds to the end of the first test."""
    names = [subject.name for subject in subjects]
    lines = [f"{'tests per second':<28}" + "".join(f"{name:>14}" for name in names)]
    rows = list(dict.fromkeys(row for row, _ in cells))
    for row in rows:
        title, is_async, workers = row
        text = f"{title}{', async' if is_async else ''}{f', -n {workers}' if workers else ''}"
        found = [cells.get((row, name)) for name in names]
        lines.append(f"{text:<28}" + "".join(f"{'-' if cell is None else f'{1 / cell.median:.0f}':>14}" for cell in found))
    row = ("insert, count", False, 0)
    if row in rows:
        first = [statistics.median(cells[row, name].first) * 1e3 for name in names]
        lines.append(f"{FIRST:<28}" + "".join(f"{one:14.0f}" for one in first))
    return lines


def ratios(cells: Cells) -> list[str]:
    """Return a line for each required ratio whose rows and subjects were measured. It shows the median of the ratios of all rounds."""
    lines = []
    row, first = ("insert, count", False, 0), "first test"
    for transport in ("direct", "tcp"):
        for title, other, bar in BARS:
            wanted = [
                ((title, False, 0), transport),
                (("empty", False, 0), transport),
                ((title, False, 0), other),
                (("empty", False, 0), other),
            ]
            if all(one in cells for one in wanted):
                runs = zip(*(cells[one].other for one in wanted), strict=True)
                lines.append(verdict(f"{title} over empty, {transport} / {other}", [(a - b) / (c - d) for a, b, c, d in runs], bar))
        if (row, transport) in cells and (row, "mongomock") in cells:
            pairs = zip(cells[row, transport].first, cells[row, "mongomock"].first, strict=True)
            lines.append(verdict(f"{first}, {transport} / mongomock", [ours / theirs for ours, theirs in pairs], 1.0))
    return lines


def verdict(title: str, found: list[float], bar: float) -> str:
    """Return the line that says whether the measured ratios meet a required ratio (`bar`)."""
    ratio = statistics.median(found)
    return f"{title:<48} {ratio:6.2f} <= {bar} {'ok' if ratio <= bar else 'MISSED'}"


def report(base: str | None, turns: int, scratch: Path, only: list[str], readme: Path | None) -> None:
    """Print the tables for an idle machine and for a busy one.

    Arguments:
        only: the titles of the kinds to run; all if empty. "empty" always runs, because its time is subtracted for the required ratios.
        readme: the page in which the tables replace the part between the marks of `suites`, or None.
    """
    subjects = subjects_here(base)
    kinds = [kind for kind in KINDS if not only or kind.title in {"empty", *only}]
    lines: list[str] = []
    for is_busy in (False, True):
        with other_cores_busy() if is_busy else ExitStack():
            cells = measure(subjects, kinds, turns, scratch, is_busy=is_busy)
        part = [f"{'the other cores busy' if is_busy else 'quiet'}, median of {turns} runs", *table(cells, subjects), *ratios(cells), ""]
        print("\n".join(part), flush=True)
        lines += part
    if readme is not None:
        text = "\n".join(lines).rstrip()
        readme.write_text(with_part(readme.read_text(encoding="utf-8"), "suites", f"\n```\n{text}\n```\n\n"), encoding="utf-8")
