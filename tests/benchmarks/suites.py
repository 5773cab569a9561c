"""What the plugin costs whole suites: with everything off against an earlier build, and with a report.

    python -m tests.benchmarks.suites [--base PYTHON] [--turns N]
    python -m tests.benchmarks.suites --tests [--base PYTHON] [--turns N]

PYTHON is the interpreter of an environment with the earlier build, and with the same versions of pytest and pymongo. The runs that
are compared take turns. Each figure is the median of the runs, in seconds of processor time of the process, which contains the
server. It depends less on what else the machine does than the time of a clock does, but still on shared caches. The ratio is the
median of those of neighbours.

With `--tests`, it prints what a user feels instead: milliseconds per test of generated suites, by the clock, with clients without sockets
and with sockets, on the earlier build, and on mongomock if it is installed. The first test of a run, which contains the start of the
server, counts apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
TESTS = 400

#: A plugin that writes the seconds of processor time from the first test to the end of the session.
TIMER = """
import os
import time
from pathlib import Path

import pytest

started = 0.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    global started
    started = time.process_time()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    Path(os.environ["TIMES"]).write_text(str(time.process_time() - started))
"""

#: Tests as small as they get: what the plugin does around each is a large part of them.
SMALL = f"""
import pytest


@pytest.mark.parametrize("number", range({TESTS}))
def test_small(secantus_db, number):
    secantus_db.things.insert_one({{"_id": number}})
    assert secantus_db.things.count_documents({{"_id": number}}) == 1
"""


#: A plugin that writes the seconds by the clock to the end of the first test, and from there to the end of the last, per test.
PER_TEST = """
import os
import time
from pathlib import Path

ends = []


def pytest_runtest_logfinish(nodeid, location):
    ends.append(time.perf_counter())


def pytest_runtestloop(session):
    ends.append(time.perf_counter())


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        Path(os.environ["TIMES"]).write_text(f"{ends[1] - ends[0]} {(ends[-1] - ends[1]) / (len(ends) - 2)}")
"""

#: The generated tests by name; `db` is a database, of which `mongomock` has one, too.
BODIES = {
    "empty": "def test_{n}(): pass",
    "fixture only": "def test_{n}(db): pass",
    "insert, count": "def test_{n}(db):\n    db.t.insert_one({{'_id': {n}}})\n    assert db.t.count_documents({{}}) == 1",
    "100 documents": """def test_{n}(db):
    db.t.create_index("kind")
    db.t.insert_many([{{"_id": i, "kind": i % 7}} for i in range(100)])
    db.t.update_many({{"kind": 3}}, {{"$inc": {{"n": 1}}}})
    assert len(list(db.t.find({{"kind": {{"$lt": 5}}}}).sort("_id", -1))) == 72
    assert len(list(db.t.aggregate([{{"$group": {{"_id": "$kind", "n": {{"$sum": 1}}}}}}]))) == 7""",
}
OURS_DB = "import pytest\n\n\n@pytest.fixture\ndef db(secantus_db):\n    return secantus_db\n"
MOCK_DB = "import mongomock\nimport pytest\n\n\n@pytest.fixture\ndef db():\n    return mongomock.MongoClient().test\n"


class Suite:
    """A suite that can be run.

    Arguments:
        python: the interpreter.
        place: the suite's directory.
        scratch: a directory with the timer.
        arguments: further arguments of pytest.
    """

    def __init__(self, python: str, place: Path, scratch: Path, arguments: Sequence[str] = ()) -> None:
        # Other plugins that are installed in one of the environments would count, too.
        plugins = ["-p", "pytest_secantus.plugin", "-p", "timer", "-p", "no:cacheprovider"]
        self._line = [python, "-m", "pytest", "-q", *plugins, *arguments, "."]
        self._place = place
        self._scratch = scratch

    def seconds(self) -> float:
        """Run it; return the seconds of processor time."""
        times = self._scratch / "seconds"
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(self._scratch), "TIMES": str(times)}
        done = subprocess.run(self._line, cwd=self._place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return float(times.read_text(encoding="utf-8"))


def compare(title: str, first: Suite, second: Suite, turns: int, bar: float) -> None:
    """Print the medians of two suites, and the ratio of the second to the first."""
    pairs = []
    for turn in range(turns + 1):
        # The order changes, since the second of two runs finds warmer caches.
        if turn % 2:
            later = second.seconds()
            pair = first.seconds(), later
        else:
            pair = first.seconds(), second.seconds()
        if turn:  # the first turn compiles modules
            pairs.append(pair)
    before, after = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted(after / before for before, after in pairs)
    ratio = statistics.median(ratios)
    spread = f"middle half {ratios[len(ratios) // 4]:.3f} to {ratios[-1 - len(ratios) // 4]:.3f}"
    verdict = "ok" if ratio <= bar else "MISSED"
    print(f"{title:<44} {before:8.3f} s {after:8.3f} s   x {ratio:.3f} <= {bar} {verdict}   ({turns} turns, {spread})", flush=True)


def generate(place: Path, body: str, fixture: str) -> Path:
    """Write a suite of one kind of test; return its directory."""
    place.mkdir(parents=True)
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (place / "conftest.py").write_text(fixture, encoding="utf-8")
    (place / "test_it.py").write_text("\n\n\n".join(body.format(n=n) for n in range(TESTS)) + "\n", encoding="utf-8")
    return place


def per_test(python: str, place: Path, scratch: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Run a suite; return the seconds of the first test, and of each other one."""
    times = scratch / "seconds"
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TIMES": str(times)}
    environment["PYTHONPATH"] = os.pathsep.join([str(scratch), os.environ.get("PYTHONPATH", "")])
    line = [python, "-m", "pytest", "-q", "-p", "per_test", "-p", "no:cacheprovider", *arguments, "."]
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, others = times.read_text(encoding="utf-8").split()
    return float(first), float(others)


def felt(base: str | None, turns: int, scratch: Path) -> None:
    """Print the milliseconds per test of each generated suite; the subjects take turns."""
    (scratch / "per_test.py").write_text(PER_TEST, encoding="utf-8")
    plugin = ["-p", "pytest_secantus.plugin"]
    subjects = {name: (sys.executable, [*plugin, "-o", f"secantus_transport={name}"], OURS_DB) for name in ("direct", "tcp")}
    if base is not None:
        subjects["earlier"] = (base, plugin, OURS_DB)
    if find_spec("mongomock") is not None:
        subjects["mongomock"] = (sys.executable, [], MOCK_DB)
    for kind, (title, body) in enumerate(BODIES.items()):
        places = {name: generate(scratch / f"{kind}-{name}", body, fixture) for name, (_, _, fixture) in subjects.items()}
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
        for turn in range(turns):
            for name in sorted(subjects, reverse=bool(turn % 2)):
                python, arguments, _ = subjects[name]
                figures[name].append(per_test(python, places[name], scratch, arguments))
        for name, runs in figures.items():
            first, other = (statistics.median(seconds) * 1e3 for seconds in zip(*runs, strict=True))
            print(f"{title:<16} {name:<10} first test {first:8.1f} ms   each other {other:7.3f} ms", flush=True)


def main() -> None:
    """Compare what the options ask for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", metavar="PYTHON")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--tests", action="store_true", help="milliseconds per test of generated suites instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        if options.tests:
            felt(options.base, options.turns, scratch)
            return
        (scratch / "timer.py").write_text(TIMER, encoding="utf-8")
        small = scratch / "small"
        small.mkdir()
        (small / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (small / "test_small.py").write_text(SMALL, encoding="utf-8")
        if options.base is not None:
            suites = Suite(options.base, small, scratch), Suite(sys.executable, small, scratch)
            compare(f"{TESTS} small tests, everything off", *suites, options.turns, 1.02)
        plain = ["-p", "pytest_asyncio.plugin", "-o", "secantus_fail_on=", "--ignore=tests/test_runs.py", "--ignore=tests/test_commands.py"]
        report = [*plain, f"--secantus-report={scratch / 'report.html'}"]
        suites = Suite(sys.executable, SHOP, scratch, plain), Suite(sys.executable, SHOP, scratch, report)
        compare("the shop, with a report", *suites, options.turns, 1.03)


if __name__ == "__main__":
    main()
