#!/bin/bash
# Three packages that work in pairs end a pytest run together: where Hypothesis 6.170.17 and trio 0.35.0 are installed, a suite that patches
# itself with eventlet 0.41.3 passes all its tests and then stops in the terminal summary with a traceback and exit code 1. Hypothesis's plugin
# imports the hypothesis package there even if no test uses it; that loads the entry points of the group "hypothesis"; trio has one; and trio
# cannot be imported after the patch, because eventlet's socket has no `sendmsg`. A run with `-p no:hypothesispytest` succeeds.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pytest==9.2.0 hypothesis==6.170.17 trio==0.35.0 eventlet==0.41.3
mkdir suite
cat > suite/conftest.py <<'PY'
import eventlet

eventlet.monkey_patch()
PY
cat > suite/test_it.py <<'PY'
def test_it():
    assert True
PY
run() {
    local code=0
    (cd suite && ../venv/bin/python -W ignore -m pytest -q -p no:cacheprovider "$@" > ../output 2>&1) || code=$?
    echo "pytest $*: exit code $code, $(grep -c '^1 passed' output || true) summary, $(tail -n 1 output | grep -o "has no attribute 'sendmsg'" || true)"
}
{
    run
    run -p no:hypothesispytest
} > printed
cat printed
diff printed - <<'EXPECTED'
pytest : exit code 1, 0 summary, has no attribute 'sendmsg'
pytest -p no:hypothesispytest: exit code 0, 1 summary, 
EXPECTED
