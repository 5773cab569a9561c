#!/bin/bash
# mongo-2-sql 0.1.7 translates $ne, $nin, $not and $nor to SQL comparisons, which are unknown for null. The rows with null disappear:
# `{"$ne": 5}` finds only rows with another number. `{"$in": [null, 5]}` finds no row with null. A $sort after $sort and $limit is dropped, so
# the usual "last two, oldest first" returns the newest first. The list of warnings is empty in each case.
#
# Its README says that unsupported input always raises an error, and that the positions of $sort, $limit and $skip are kept. The script runs
# the SQL in SQLite, the default dialect, and the same pipelines in mongomock-ng 7.11.1.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet mongo-2-sql==0.1.7 mongomock-ng==7.11.1 pymongo==4.20.1
cat > translate.py <<'PY'
import json
import sqlite3

import mongomock_ng
from mongo_2_sql import convert_mongo_pipeline_to_sql

rows = [{"_id": 1, "n": 5}, {"_id": 2, "n": None}, {"_id": 3, "n": 10}]
mocked = mongomock_ng.MongoClient().db.t
mocked.insert_many(rows)
tables = sqlite3.connect(":memory:")
tables.row_factory = sqlite3.Row
tables.execute("create table t (_id integer, n integer)")
tables.executemany("insert into t values (:_id, :n)", rows)
for pipeline in (
    [{"$match": {"n": {"$ne": 5}}}],
    [{"$match": {"n": {"$nin": [5]}}}],
    [{"$match": {"n": {"$not": {"$gt": 5}}}}],
    [{"$match": {"$nor": [{"n": 5}]}}],
    [{"$match": {"n": {"$in": [None, 5]}}}],
    [{"$sort": {"_id": -1}}, {"$limit": 2}, {"$sort": {"_id": 1}}],
):
    sql, metadata = convert_mongo_pipeline_to_sql(pipeline, "t")
    assert not metadata["warnings"]
    found = [row["_id"] for row in tables.execute(sql)]
    expected = [document["_id"] for document in mocked.aggregate(pipeline)]
    print(f"{json.dumps(pipeline)}: {expected}, as SQL: {found}")
PY
venv/bin/python -W ignore translate.py > printed
cat printed
diff printed - <<'EXPECTED'
[{"$match": {"n": {"$ne": 5}}}]: [2, 3], as SQL: [3]
[{"$match": {"n": {"$nin": [5]}}}]: [2, 3], as SQL: [3]
[{"$match": {"n": {"$not": {"$gt": 5}}}}]: [1, 2], as SQL: [1]
[{"$match": {"$nor": [{"n": 5}]}}]: [2, 3], as SQL: [3]
[{"$match": {"n": {"$in": [null, 5]}}}]: [1, 2], as SQL: [1]
[{"$sort": {"_id": -1}}, {"$limit": 2}, {"$sort": {"_id": 1}}]: [2, 3], as SQL: [3, 2]
EXPECTED
