#!/bin/bash
# pytest-testmon 2.2.0 under pytest 9.2.0 stores a unittest test whose subTest() failed as passed. The first run fails. The next run, with the same
# code, deselects the test and ends with exit code 0, and so does every later run until a file that the test uses changes. A CI job that keeps
# .testmondata turns green although the test never passed. With pytest's own fixture `subtests`, testmon runs the failed test again.
#
# testmon promises to deselect tests that a change cannot affect, not failing ones; it runs every other failed test again. Since pytest 9, subTest()
# needs no plugin: pytest reports each failed subtest, ends with exit code 1, and lets the report of the unittest test itself pass.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pytest==9.2.0 pytest-testmon==2.2.0
cat > squares.py <<'PY'
def square(number):
    return number * 2
PY
mkdir unittest_subtests pytest_subtests
cat > unittest_subtests/test_unittest.py <<'PY'
import unittest

from squares import square


class TestSquare(unittest.TestCase):
    def test_square(self):
        for number in (1, 2, 3):
            with self.subTest(number=number):
                self.assertEqual(square(number), number**2)
PY
cat > pytest_subtests/test_fixture.py <<'PY'
from squares import square


def test_square(subtests):
    for number in (1, 2, 3):
        with subtests.test(number=number):
            assert square(number) == number**2
PY
for folder in unittest_subtests pytest_subtests; do
    rm -f .testmondata*
    for run in first second third; do
        code=0
        PYTHONPATH=. venv/bin/python -m pytest -q --testmon "$folder" > run 2>&1 || code=$?
        echo "$folder, $run run: exit code $code, $(tail -n 1 run | sed 's/ in .*//')"
    done
done > printed
cat printed
diff printed - <<'EXPECTED'
unittest_subtests, first run: exit code 1, 2 failed, 1 passed, 1 subtests passed
unittest_subtests, second run: exit code 0, no tests ran
unittest_subtests, third run: exit code 0, no tests ran
pytest_subtests, first run: exit code 1, 3 failed, 1 subtests passed
pytest_subtests, second run: exit code 1, 3 failed, 1 subtests passed
pytest_subtests, third run: exit code 1, 3 failed, 1 subtests passed
EXPECTED
