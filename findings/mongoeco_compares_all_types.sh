#!/bin/bash
# mongoeco 4.11.0, a local MongoDB for Python tests, lets $lt, $lte, $gt and $gte match values of any type, by the order that MongoDB uses for
# sorting. So `{"expires": {"$lt": now}}` matches a null, a string and a boolean, and a cleanup of expired sessions also deletes those that have
# `expires: null` for "never". Against MongoDB the same code keeps them: MongoDB's manual says that for most types the comparison operators only
# match a field whose type is that of the value ("type bracketing"). No error or warning is shown.
#
# mongoeco gives the same results in memory and on SQLite. mongomock-ng 7.11.1 follows the manual. mongoeco needs Python 3.13: if python3 is older,
# set PYTHON to the name of a newer one.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet mongoeco==4.11.0 mongomock-ng==7.11.1 pymongo==4.20.1
cat > bracket.py <<'PY'
import datetime

import mongoeco
import mongomock_ng
from mongoeco.engines import SQLiteEngine

now = datetime.datetime(2026, 6, 1)
sessions = [
    {"_id": "old", "expires": datetime.datetime(2026, 1, 1)},
    {"_id": "new", "expires": datetime.datetime(2026, 12, 1)},
    {"_id": "never", "expires": None},
    {"_id": "text", "expires": "2026-12-01"},
    {"_id": "flag", "expires": True},
    {"_id": "none"},
]
clients = {
    "mongoeco": mongoeco.MongoClient(),
    "mongoeco on SQLite": mongoeco.MongoClient(SQLiteEngine("sessions.db")),
    "mongomock-ng": mongomock_ng.MongoClient(),
}
for name, client in clients.items():
    collection = client.db.sessions
    collection.insert_many([dict(session) for session in sessions])
    matched = {operator: sorted(found["_id"] for found in collection.find({"expires": {operator: now}})) for operator in ("$gt", "$lt")}
    collection.delete_many({"expires": {"$lt": now}})
    left = sorted(found["_id"] for found in collection.find())
    print(f"{name}\n  $gt now: {matched['$gt']}\n  $lt now: {matched['$lt']}\n  left after the cleanup: {left}")
PY
venv/bin/python -W ignore bracket.py > printed
cat printed
diff printed - <<'EXPECTED'
mongoeco
  $gt now: ['new']
  $lt now: ['flag', 'never', 'old', 'text']
  left after the cleanup: ['new', 'none']
mongoeco on SQLite
  $gt now: ['new']
  $lt now: ['flag', 'never', 'old', 'text']
  left after the cleanup: ['new', 'none']
mongomock-ng
  $gt now: ['new']
  $lt now: ['old']
  left after the cleanup: ['flag', 'never', 'new', 'none', 'text']
EXPECTED
