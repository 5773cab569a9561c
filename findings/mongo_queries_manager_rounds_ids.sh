#!/bin/bash
# mongo-queries-manager 1.0.1 makes a filter from the query string of a URL, and reads each number as a float. A float holds 53 bits, so an id of
# 64 bits becomes the nearest number that a float can hold. MongoDB and BSON keep long and double exact. The filter therefore misses the
# document, or finds another one whose id is that number, and different ids give the same filter. A postal code loses its leading zero, because
# a value that looks like a number is never a text.
#
# The casters that its README describes must be named in each request. The script needs no MongoDB; the filters run in mgqpy 1.0.3.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet mongo-queries-manager==1.0.1 mgqpy==1.0.3
cat > ids.py <<'PY'
from mgqpy import Query
from mongo_queries_manager import mqm

ids = [1_234_567_890_123_456_768, 1_234_567_890_123_456_769, 1_234_567_890_123_456_770]
for number in ids:
    query = mqm(f"id={number}")["filter"]
    print(f"id={number}: {query}, finds {[found for found in ids if Query(query).test({'id': found})]}")
print(f"code=01067: {mqm('code=01067')['filter']}")
PY
venv/bin/python -W ignore ids.py > printed
cat printed
diff printed - <<'EXPECTED'
id=1234567890123456768: {'id': 1.2345678901234568e+18}, finds [1234567890123456768]
id=1234567890123456769: {'id': 1.2345678901234568e+18}, finds [1234567890123456768]
id=1234567890123456770: {'id': 1.2345678901234568e+18}, finds [1234567890123456768]
code=01067: {'code': 1067.0}
EXPECTED
