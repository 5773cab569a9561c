#!/bin/bash
# pytest-forked 1.7.5 fails every test under pytest 9.2.0, even an empty one: "EXITED with status 3", without a traceback.
# The child process serializes its reports with `marshal`, which supports only built-in types. Since pytest 9.2, a report has the
# attribute `_id` of type NodeId, which `marshal` rejects. The child ignores that error and exits. pytest-forked sets no upper bound for the
# version of pytest.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q "pytest==9.2.0" "pytest-forked==1.7.5"
cd "$scratch"
printf 'def test_nothing():\n    pass\n' > test_it.py
cat > conftest.py <<'PY'
import marshal


def pytest_runtest_logreport(report):
    from pytest_forked import serialize_report

    if report.when == "call":
        for name, value in serialize_report(report).items():
            try:
                marshal.dumps(value)
            except ValueError as error:
                print(f"\n{name}: {type(value).__name__}: {error}")
PY
{
    venv/bin/python -m pytest -q -s -p no:cacheprovider test_it.py | grep -E "^_|passed" | sed 's/ in .*//'
    rm conftest.py
    { venv/bin/python -m pytest -q -p no:cacheprovider --forked test_it.py || true; } | grep -oE "running the test EXITED with status [0-9]+|^1 failed"
} > printed
cat printed
diff printed - <<'EXPECTED'
_id: NodeId: unmarshallable object
1 passed
running the test EXITED with status 3
1 failed
EXPECTED
