"""The cost of the plugin for whole suites: with all options off, compared with an earlier build, and with a report.

    python -m tests.benchmarks.suites [--base PYTHON] [--turns N]
    python -m tests.benchmarks.suites --tests [--base PYTHON] [--turns N] [--only KIND] [--readme README.md]

PYTHON is the interpreter of an environment with the earlier build, and with the same versions of pytest and pymongo. Each figure is the
median over the runs, in seconds of processor time of the process, which contains the server. Processor time depends less than elapsed time
on other load on the machine, but it still depends on the processor's speed and on shared caches, which change during a run. Therefore two
compared runs take place at the same time, and alternate in slices of 50 ms. The ratio is the median of the ratios of such pairs. Its
interval says how certain it is; more turns make it narrower. The cost of a report is measured for two suites: `examples/shop`, whose tests
run an application, and the smallest possible tests, which do little besides the work that the report records.

With `--tests`, the program instead prints the speed that a user perceives: tests per second in generated suites (see `felt`). This needs
pytest-asyncio and pytest-xdist in both environments.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import felt
from tests.benchmarks.paired import estimate, run_alternately

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

#: The smallest possible tests, of which the plugin's work per test is a large part.
SMALL = f"""
import pytest


@pytest.mark.parametrize("number", range({TESTS}))
def test_small(secantus_db, number):
    secantus_db.things.insert_one({{"_id": number}})
    assert secantus_db.things.count_documents({{"_id": number}}) == 1
"""


class Suite:
    """A test suite that can be run.

    Arguments:
        python: the interpreter.
        place: the suite's directory.
        scratch: a directory that contains the timer plugin.
        arguments: further arguments of pytest.
    """

    def __init__(self, python: str, place: Path, scratch: Path, arguments: Sequence[str] = ()) -> None:
        # Exclude other plugins, which may be installed in only one of the environments.
        plugins = ["-p", "pytest_secantus.plugin", "-p", "timer", "-p", "no:cacheprovider"]
        self._line = [python, "-m", "pytest", "-q", *plugins, *arguments, "."]
        self._place = place
        self._scratch = scratch

    def start(self, run: str) -> tuple[subprocess.Popen[str], Path, Path]:
        """Start a run of the suite. Return the process, and the files of its processor time in seconds and of its output.

        Arguments:
            run: the name of the run in the names of the files.
        """
        times, output = self._scratch / f"{run}.seconds", self._scratch / f"{run}.output"
        environment = felt.environment_of_runs(self._scratch, is_base=self._line[0] != sys.executable) | {
            "TIMES": str(times),
            "PYTHONHASHSEED": "0",
        }
        with output.open("w", encoding="utf-8") as written:
            process = subprocess.Popen(self._line, cwd=self._place, env=environment, stdout=written, stderr=written, text=True)
        return process, times, output


def processor_seconds(suites: Sequence[Suite]) -> list[float]:
    """Run suites alternately in slices of time, and return the processor time of each in seconds."""
    runs = [suite.start(str(number)) for number, suite in enumerate(suites)]
    run_alternately([process for process, _, _ in runs])
    for process, _, output in runs:
        assert process.returncode == 0, output.read_text(encoding="utf-8")
    return [float(times.read_text(encoding="utf-8")) for _, times, _ in runs]


def compare(title: str, first: Suite, second: Suite, turns: int, bar: float) -> None:
    """Print the median times of two suites, and the ratio of the second to the first with its upper bound (`bar`)."""
    pairs = []
    for turn in range(turns + 1):
        # Alternate the order, because the process that starts second finds warmer caches.
        if turn % 2:
            later, earlier = processor_seconds([second, first])
        else:
            earlier, later = processor_seconds([first, second])
        if turn:  # the first turn compiles modules
            pairs.append((earlier, later))
    before, after = zip(*pairs, strict=True)
    ratio = estimate([later / earlier for earlier, later in pairs])
    print(
        f"{title:<36} {statistics.median(before):7.3f} s {statistics.median(after):7.3f} s   x {ratio.median:.3f} <= {bar} "
        f"{ratio.verdict(bar)}   ({turns} turns, {ratio.confidence:.0%} interval {ratio.low:.3f} to {ratio.high:.3f}, "
        f"minima x {min(after) / min(before):.3f})",
        flush=True,
    )


def compare_report(title: str, place: Path, scratch: Path, plain: Sequence[str], turns: int) -> None:
    """Compare a suite without and with a report.

    Arguments:
        title: the title of the printed line.
        place: the suite's directory.
        scratch: a directory that contains the timer plugin, and that receives the report.
        plain: the arguments of pytest in both runs.
        turns: the number of pairs of runs.
    """
    report = [*plain, f"--secantus-report={scratch / 'report.html'}"]
    suites = Suite(sys.executable, place, scratch, plain), Suite(sys.executable, place, scratch, report)
    compare(title, *suites, turns, 1.03)


def main() -> None:
    """Run the comparisons that the options select."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", metavar="PYTHON")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--tests", action="store_true", help="tests per second of generated suites instead")
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", help="with --tests: only suites of this kind, and empty ones"
    )
    parser.add_argument("--readme", type=Path, metavar="PAGE", help="with --tests: also replace the tables in this page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        if options.tests:
            felt.report(options.base, options.turns, scratch, options.only, options.readme)
            return
        (scratch / "timer.py").write_text(TIMER, encoding="utf-8")
        small = scratch / "small"
        small.mkdir()
        (small / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (small / "test_small.py").write_text(SMALL, encoding="utf-8")
        if options.base is not None:
            suites = Suite(options.base, small, scratch), Suite(sys.executable, small, scratch)
            compare(f"{TESTS} small tests, everything off", *suites, options.turns, 1.02)
        # With another seed, the examples of Hypothesis would differ between two runs.
        plain = ["-p", "pytest_asyncio.plugin", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"]
        plain += ["-o", "secantus_fail_on=", "--ignore=tests/test_runs.py", "--ignore=tests/test_commands.py"]
        compare_report("the shop, with a report", SHOP, scratch, plain, options.turns)
        compare_report(f"{TESTS} small tests, with a report", small, scratch, [], options.turns)


if __name__ == "__main__":
    main()
