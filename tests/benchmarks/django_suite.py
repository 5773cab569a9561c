"""The time that the Django integration saves: the tests of Django's MongoDB backend with Django's test runner and with ours.

    python -m tests.benchmarks.django_suite TESTS

TESTS is the directory `tests` in a checkout of the installed version of the backend. Both runners use this project's server. With
Django's runner, the server runs as a daemon, and the runner flushes the databases after each test.

The results are the seconds of processor time of the tests and the server together, which depend less on other load on the machine than
elapsed time. The last two lines list the tests that failed in all runs, and the tests that failed only in some.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

APPLICATIONS = """
    basic_ db_functions_ expressions_ indexes_ lookup_ model_fields_ model_forms_ queries_ raw_query_ schema_
    transaction_hooks_ transactions_
"""
SETTINGS = """
import os

address = {"ENGINE": "django_mongodb_backend", "HOST": os.environ["MONGODB_URI"]}
DATABASES = {"default": {**address, "NAME": "tests"}, "other": {**address, "NAME": "tests-other"}}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
INSTALLED_APPS = ["django_mongodb_backend", *os.environ["APPLICATIONS"].split()]
SECRET_KEY = "secret"
TEST_RUNNER = os.environ["RUNNER"]
USE_TZ = False
"""
DJANGO = "django.test.runner.DiscoverRunner"
OURS = "pytest_secantus.django.TestRunner"
DAEMON = [sys.executable, "-m", "secantus_server", "--ephemeral", "--print-uri"]


def processor_s() -> float:
    """Return the total processor time of all child processes that have exited."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(tests: Path, settings: Path, runner: str, uri: str) -> tuple[str, set[str]]:
    """Run the tests. Return a description of the outcome, and the tests that failed."""
    names = [name for name in APPLICATIONS.split() if (tests / name).is_dir()]
    environment = {
        **os.environ,
        "APPLICATIONS": " ".join(names),
        "DJANGO_SETTINGS_MODULE": "settings",
        "MONGODB_URI": uri,
        "PYTHONPATH": os.pathsep.join([str(settings), str(tests)]),
        "RUNNER": runner,
        "RUNNING_DJANGOS_TEST_SUITE": "1",
    }
    line = [sys.executable, "-m", "django", "test", "--noinput", *names]
    done = subprocess.run(line, cwd=tests, env=environment, capture_output=True, text=True, check=False)
    (count,) = re.findall(r"^Ran (\d+ tests)", done.stderr, re.MULTILINE)
    outcome = re.findall(r"^(?:OK|FAILED)[^\n]*", done.stderr, re.MULTILINE)
    return f"{count}, {outcome[-1]}", set(re.findall(r"^(?:FAIL|ERROR): (.+)$", done.stderr, re.MULTILINE))


def measure(tests: Path, settings: Path, runner: str) -> tuple[str, set[str]]:
    """Run the tests with a test runner. Return a line with the time and the outcome, and the tests that failed."""
    before = processor_s()
    if runner == OURS:
        told, failed = run(tests, settings, runner, "mongodb://nowhere.invalid")
    else:
        with subprocess.Popen(DAEMON, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout is not None
            told, failed = run(tests, settings, runner, daemon.stdout.readline().strip())
            daemon.terminate()
    return f"{runner:<40} {processor_s() - before:8.2f} s   {told}", failed


def main() -> None:
    """Run the tests alternately with each runner, twice."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "settings.py").write_text(SETTINGS, encoding="utf-8")
        failures = []
        for runner in (DJANGO, OURS, DJANGO, OURS):
            line, failed = measure(Path(sys.argv[1]).resolve(), Path(directory), runner)
            print(line, flush=True)
            failures.append(failed)
    always, ever = set.intersection(*failures), set.union(*failures)
    print(f"failed in all runs: {', '.join(sorted(always)) or 'none'}\nonly in some: {', '.join(sorted(ever - always)) or 'none'}")


if __name__ == "__main__":
    main()
