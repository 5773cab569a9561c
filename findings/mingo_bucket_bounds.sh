#!/bin/bash
# mingo 7.2.7 (MongoDB's queries and aggregation in JavaScript) puts a value that equals a boundary of $bucket into the bucket below it, and
# returns empty buckets. MongoDB's page about $bucket defines the lower bound as inclusive and the upper bound as exclusive, and says that
# only buckets with at least one document are returned. Values between the boundaries are right, and so is a value equal to the first
# boundary, so a test sees the difference only with round numbers: a person of exactly 18 years is counted as a minor.
#
# The script runs the same stage in mongomock-ng 7.11.1, which follows the page.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mingo@7.2.7 > npm.txt
python3 -m venv venv
venv/bin/pip install --quiet mongomock-ng==7.11.1 pymongo==4.20.1
cat > pipeline.json <<'JSON'
[{"$bucket": {"groupBy": "$age", "boundaries": [0, 18, 65, 100], "output": {"ages": {"$push": "$age"}}}}]
JSON
cat > bucket.js <<'JS'
const { aggregate } = require("mingo");

const people = [0, 17, 18, 64, 65].map((age) => ({ age }));
const found = aggregate(people, require("./pipeline.json"));
console.log(`mingo: ${found.map(({ _id, ages }) => `from ${_id}: [${ages.join(", ")}]`).join(", ")}`);
JS
node bucket.js > printed
cat > bucket.py <<'PY'
import json
from pathlib import Path

import mongomock_ng

people = mongomock_ng.MongoClient().db.people
people.insert_many([{"age": age} for age in (0, 17, 18, 64, 65)])
found = people.aggregate(json.loads(Path("pipeline.json").read_text()))
print("mongomock-ng:", ", ".join(f"from {bucket['_id']}: {bucket['ages']}" for bucket in found))
PY
venv/bin/python -W ignore bucket.py >> printed
cat printed
diff printed - <<'EXPECTED'
mingo: from 0: [0, 17, 18], from 18: [64, 65], from 65: []
mongomock-ng: from 0: [0, 17], from 18: [18, 64], from 65: [65]
EXPECTED
