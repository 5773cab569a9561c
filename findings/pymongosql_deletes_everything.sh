#!/bin/bash
# pymongosql 0.7.4 (a DB API for MongoDB): DELETE FROM orders WHERE NOT (state = 'open' OR total = 20) deletes every document of the
# collection, because the condition becomes the empty filter. The only sign is a warning in the log. Other negations become a filter on a
# field that does not exist, and the numbers of IN become strings, so those statements delete nothing. The package's README gives $not, $nin
# and $in with the values as the translations.
#
# The script needs no MongoDB: it records the command that pymongosql would send. SQLite runs the same statements for comparison.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet pymongosql==0.7.4 pymongo==4.20.1 antlr4-python3-runtime==4.13.2
cat > delete.py <<'PY'
import sqlite3

import pymongosql

STATEMENTS = (
    "DELETE FROM orders WHERE state = 'open' OR total = 20",
    "DELETE FROM orders WHERE NOT (state = 'open' OR total = 20)",
    "DELETE FROM orders WHERE NOT state = 'open'",
    "DELETE FROM orders WHERE total NOT IN (10, 20)",
    "DELETE FROM orders WHERE total IN (10, 20)",
)


def send(command, **options):
    print("  pymongosql sends the filter", command["deletes"][0]["q"])
    return {"ok": 1, "n": 0}


connection = pymongosql.connect(host="localhost", database="shop", connect=False)
connection.database.command = send
for statement in STATEMENTS:
    print(statement)
    with sqlite3.connect(":memory:") as table:
        table.execute("CREATE TABLE orders (state, total)")
        table.executemany("INSERT INTO orders VALUES (?, ?)", [("open", 10), ("sent", 20), ("sent", 30)])
        print("  SQLite deletes", table.execute(statement).rowcount, "of 3 rows")
    connection.cursor().execute(statement)
PY
venv/bin/python delete.py > printed
cat printed
diff printed - <<'EXPECTED'
DELETE FROM orders WHERE state = 'open' OR total = 20
  SQLite deletes 2 of 3 rows
  pymongosql sends the filter {'$or': [{'state': 'open'}, {'total': 20}]}
DELETE FROM orders WHERE NOT (state = 'open' OR total = 20)
  SQLite deletes 1 of 3 rows
  pymongosql sends the filter {}
DELETE FROM orders WHERE NOT state = 'open'
  SQLite deletes 2 of 3 rows
  pymongosql sends the filter {'NOTstate': 'open'}
DELETE FROM orders WHERE total NOT IN (10, 20)
  SQLite deletes 1 of 3 rows
  pymongosql sends the filter {'totalNOT': {'$in': ['10', '20']}}
DELETE FROM orders WHERE total IN (10, 20)
  SQLite deletes 2 of 3 rows
  pymongosql sends the filter {'total': {'$in': ['10', '20']}}
EXPECTED
