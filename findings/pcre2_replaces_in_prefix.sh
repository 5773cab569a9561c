#!/bin/bash
# pcre2 0.7.1 (Python bindings for PCRE2): sub(pattern, "text", string, count=n) replaces too few or too many matches if the pattern looks at
# what follows it, or if it matches empty text. The binding searches for the end of the n-th match, cuts the string there, and replaces every
# match in the part before the cut, in which a lookahead meets the end of the text. If the replacement is a function,
# the result is correct, the same as that of Python's `re`.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pcre2==0.7.1
cat > replace.py <<'PY'
import re

import pcre2

for pattern, string in (
    (r"cat(?=s)", "cats and cats"),
    (r"\b", "two words"),
    (r"cat(?!.*dog)|ant", "cat ant dog"),
    (r"a*", "aab"),
):
    print(f"{pattern!r} in {string!r}, count=1")
    print("  pcre2, text:    ", pcre2.subn(pattern, "_", string, count=1))
    print("  pcre2, function:", pcre2.subn(pattern, lambda match: "_", string, count=1))
    print("  re:             ", re.subn(pattern, "_", string, count=1))
PY
venv/bin/python replace.py > printed
cat printed
diff printed - <<'EXPECTED'
'cat(?=s)' in 'cats and cats', count=1
  pcre2, text:     ('cats and cats', 0)
  pcre2, function: ('_s and cats', 1)
  re:              ('_s and cats', 1)
'\\b' in 'two words', count=1
  pcre2, text:     ('two words', 0)
  pcre2, function: ('_two words', 1)
  re:              ('_two words', 1)
'cat(?!.*dog)|ant' in 'cat ant dog', count=1
  pcre2, text:     ('_ _ dog', 2)
  pcre2, function: ('cat _ dog', 1)
  re:              ('cat _ dog', 1)
'a*' in 'aab', count=1
  pcre2, text:     ('__b', 2)
  pcre2, function: ('_b', 1)
  re:              ('_b', 1)
EXPECTED
