#!/bin/bash
# flaky 3.8.1 does not run a test again whose subtest failed. The fixture `subtests` of pytest 9 reports each failure by itself and fails the test
# after its body, when flaky has already counted the run: the report of flaky says that the test passed ("Success!"), pytest says that it failed.
# A test that is marked flaky, and whose assertion moves into a subtest, so loses its second run, and the mark still looks as if it worked.
#
# flaky's README says that a marked test is run again if it fails. pytest-rerunfailures 16.7 and pytest-retry 1.7.0 run the same test again, and
# it passes.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pytest==9.2.0 flaky==3.8.1 pytest-rerunfailures==16.7 pytest-retry==1.7.0
cat > test_second_run.py <<'PY'
from collections import Counter

runs = Counter()


def passes_at_second_run(name):
    runs[name] += 1
    return runs[name] == 2


def test_plain():
    assert passes_at_second_run("plain")


def test_with_subtest(subtests):
    with subtests.test("step"):
        assert passes_at_second_run("subtest")


def test_runs():
    print(f"runs: plain {runs['plain']}, with a subtest {runs['subtest']}")
PY
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
observe() {
    echo "$1"
    shift
    local code=0
    venv/bin/python -m pytest -p no:cacheprovider -q -rA "$@" > report || code=$?
    grep -h "^runs:" report
    grep -h "^test_with_subtest passed" report || true
    grep -hE "^(PASSED|FAILED) .*::test_with_subtest" report
    echo "exit code $code"
}
{
    observe "flaky" -p flaky.flaky_pytest_plugin --force-flaky
    observe "pytest-rerunfailures" -p pytest_rerunfailures --reruns 1
    observe "pytest-retry" -p pytest_retry.retry_plugin --retries 1
} > printed
cat printed
diff printed - <<'EXPECTED'
flaky
runs: plain 2, with a subtest 1
test_with_subtest passed 1 out of the required 1 times. Success!
FAILED test_second_run.py::test_with_subtest - contains 1 failed subtest
exit code 1
pytest-rerunfailures
runs: plain 2, with a subtest 2
PASSED test_second_run.py::test_with_subtest
exit code 0
pytest-retry
runs: plain 2, with a subtest 2
PASSED test_second_run.py::test_with_subtest
exit code 0
EXPECTED
