#!/bin/bash
# neosqlite 1.17.2 runs a pipeline as SQL where it can, and in Python otherwise, and the two give different results. One stage that SQL does not
# have is enough, even `{"$redact": "$$KEEP"}`, which keeps each document as it is. In SQL, a computed condition is 1, 0 or null instead of true or
# false, an `_id` of 1 becomes "1", and a projection of `_id` alone returns all fields. In Python, {"age": null} finds no document whose age is
# null, and $avg counts the null as 0.
#
# MongoDB's manual settles each case: comparisons return true or false, a projection keeps the value of _id and drops the fields that it does not
# name, {age: null} finds null, and $avg ignores values that are not numbers. No pipeline raises an error. mongomock-ng 7.11.1 returns
# what the manual says. neosqlite's page states a compatibility of 100%, measured against MongoDB 8.2.12.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 -m venv venv
venv/bin/pip install --quiet neosqlite==1.17.2 mongomock-ng==7.11.1 pymongo==4.20.1
cat > halves.py <<'PY'
import logging

import mongomock_ng
import neosqlite

logging.disable(logging.CRITICAL)  # neosqlite logs that a pipeline is not run as SQL, for many pipelines and without the consequence
people = [{"_id": 1, "name": "Ann", "age": 30}, {"_id": 2, "name": "Bob", "age": None}, {"_id": 3, "name": "Cy", "age": 17}]
tables = (neosqlite.Connection(":memory:")["people"], mongomock_ng.MongoClient().db.people)
for table in tables:
    table.insert_many([dict(person) for person in people])
keep = {"$redact": "$$KEEP"}
pipelines = (
    [{"$project": {"adult": {"$gte": ["$age", 18]}}}],
    [{"$project": {"_id": 1}}],
    [{"$match": {"age": None}}, {"$project": {"name": 1}}],
    [{"$group": {"_id": None, "age": {"$avg": "$age"}}}],
)


def rows(found):
    return [dict(sorted(row.items())) for row in found]


for pipeline in pipelines:
    print(pipeline)
    print("  neosqlite:       ", rows(tables[0].aggregate(pipeline)))
    print("  with $redact:    ", rows(tables[0].aggregate([*pipeline, keep])))
    print("  mongomock-ng:    ", rows(tables[1].aggregate(pipeline)))
PY
venv/bin/python -W ignore halves.py > printed
cat printed
diff printed - <<'EXPECTED'
[{'$project': {'adult': {'$gte': ['$age', 18]}}}]
  neosqlite:        [{'_id': '1', 'adult': 1}, {'_id': '2', 'adult': None}, {'_id': '3', 'adult': 0}]
  with $redact:     [{'_id': 1, 'adult': True}, {'_id': 2, 'adult': False}, {'_id': 3, 'adult': False}]
  mongomock-ng:     [{'_id': 1, 'adult': True}, {'_id': 2, 'adult': False}, {'_id': 3, 'adult': False}]
[{'$project': {'_id': 1}}]
  neosqlite:        [{'_id': 1, 'age': 30, 'name': 'Ann'}, {'_id': 2, 'age': None, 'name': 'Bob'}, {'_id': 3, 'age': 17, 'name': 'Cy'}]
  with $redact:     [{'_id': 1}, {'_id': 2}, {'_id': 3}]
  mongomock-ng:     [{'_id': 1}, {'_id': 2}, {'_id': 3}]
[{'$match': {'age': None}}, {'$project': {'name': 1}}]
  neosqlite:        [{'_id': '2', 'name': 'Bob'}]
  with $redact:     []
  mongomock-ng:     [{'_id': 2, 'name': 'Bob'}]
[{'$group': {'_id': None, 'age': {'$avg': '$age'}}}]
  neosqlite:        [{'_id': None, 'age': 23.5}]
  with $redact:     [{'_id': None, 'age': 15.666666666666666}]
  mongomock-ng:     [{'_id': None, 'age': 23.5}]
EXPECTED
