#!/bin/bash
# mongomock-ng 7.11.1 accepts two rules of aggregation that need the values of the sort field, and uses only the order of the documents:
# - `$setWindowFields` with a `range` window, for example the sum over the last hour, returns the sum over the whole partition.
# - `$fill` with the method "linear" divides the gap evenly among the documents, even if their sort values have different distances.
# Neither raises an error. MongoDB's pages about $setWindowFields and $fill define both by the distance of the sort values.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet mongomock-ng==7.11.1 pymongo==4.20.1
cat > positions.py <<'PY'
import mongomock_ng

db = mongomock_ng.MongoClient().db
db.meter.insert_many([{"_id": minute, "minute": minute, "kwh": 1} for minute in (0, 30, 60, 240)])
window = {"sum": {"$sum": "$kwh", "window": {"range": [-60, 0]}}}
for found in db.meter.aggregate([{"$setWindowFields": {"sortBy": {"minute": 1}, "output": window}}]):
    print(f"last 60 minutes at {found['minute']}: {found['sum']}")
db.level.insert_many([{"_id": 0, "hour": 0, "cm": 10}, {"_id": 1, "hour": 1}, {"_id": 2, "hour": 10, "cm": 110}])
for found in db.level.aggregate([{"$fill": {"sortBy": {"hour": 1}, "output": {"cm": {"method": "linear"}}}}]):
    print(f"level at hour {found['hour']}: {found['cm']:g}")
PY
venv/bin/python -W ignore positions.py > printed
cat printed
# By the sort values, the sums are 1, 2, 3 and 1, and the level at hour 1 is 20.
diff printed - <<'EXPECTED'
last 60 minutes at 0: 4
last 60 minutes at 30: 4
last 60 minutes at 60: 4
last 60 minutes at 240: 4
level at hour 0: 10
level at hour 1: 60
level at hour 10: 110
EXPECTED
