#!/bin/bash
# quickjs-ng 0.17.0.2 passes a Python int of 32 to 64 bits to a JavaScript function modulo 2**32, without an error: 2**40 arrives as 0.
# A larger int, which does not fit into 64 bits, arrives as the correct double. So does a float.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q "quickjs-ng==0.17.0.2"
cd "$scratch"
cat > pass_ints.py <<'PY'
import quickjs

text_of = quickjs.Context().eval("(function (number) { return String(number); })")
for number in (2**31 - 1, 2**31, 2**40, 2**53, 2**64, float(2**40)):
    print(number, text_of(number))
PY
venv/bin/python pass_ints.py > printed
cat printed
diff printed - <<'EXPECTED'
2147483647 2147483647
2147483648 -2147483648
1099511627776 0
9007199254740992 0
18446744073709551616 18446744073709552000
1099511627776.0 1099511627776
EXPECTED
