#!/bin/bash
# noql 5.1.6 and QueryLeaf 0.2.3 translate SQL to MongoDB. Both read `a OR b AND c` as `(a OR b) AND c`, so their filters miss rows that SQL
# returns. The tree comes from node-sql-parser (5.3.3 in noql, 5.4.0 in QueryLeaf). In 10 of its 14 dialects, `noql` and `postgresql` among them,
# it builds the tree from left to right, and in `trino` from right to left. A formatter does not notice, because the tree prints as the same text.
# noql also puts $limit before $skip in a pipeline, so each page after the first of a grouped query is empty.
#
# The script evaluates the filters and the pipelines with mingo 7.2.7, and runs the same SQL in SQLite.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund --ignore-scripts @synatic/noql@5.1.6 @queryleaf/lib@0.2.3 node-sql-parser@5.4.0 mingo@7.2.7 > npm.txt
cat > statements.json <<'JSON'
["SELECT id FROM items WHERE owner = 'ann' OR stock > 5 AND sold = 1", "SELECT id FROM items WHERE sold = 1 AND stock > 5 OR owner = 'ann'"]
JSON
cat > page.sql <<'SQL'
SELECT owner, SUM(stock) AS total FROM items GROUP BY owner ORDER BY total LIMIT 1 OFFSET 1
SQL
cat > items.json <<'JSON'
[{"id": 1, "owner": "ann", "stock": 2, "sold": 0}, {"id": 2, "owner": "bob", "stock": 9, "sold": 1}, {"id": 3, "owner": "bob", "stock": 9, "sold": 0}]
JSON
cat > translate.js <<'JS'
const { readFileSync } = require("fs");
const { SqlCompilerImpl, SqlParserImpl } = require("@queryleaf/lib");
const noql = require("@synatic/noql");
const { Query, aggregate } = require("mingo");
const { Parser } = require("node-sql-parser");

const DIALECTS =
  "athena bigquery db2 flinksql hive mariadb mysql noql postgresql redshift snowflake sqlite transactsql trino".split(" ");
const items = require("./items.json");
const ids = (filter) => JSON.stringify(new Query(filter).find(items).all().map(({ id }) => id));
for (const sql of require("./statements.json")) {
  console.log(sql.slice("SELECT id FROM items WHERE ".length));
  console.log(`  noql: ${ids(noql.parseSQL(sql).query)}`);
  console.log(`  QueryLeaf: ${ids(new SqlCompilerImpl().compile(new SqlParserImpl().parse(sql))[0].filter)}`);
  const last = (database) => [new Parser().astify(sql, { database })].flat()[0].where.operator;
  console.log(`  node-sql-parser does AND last in: ${DIALECTS.filter((database) => last(database) === "AND").join(" ")}`);
}
const { pipeline } = noql.parseSQL(readFileSync("page.sql", "utf8"));
console.log(`page 2 in noql: ${JSON.stringify(aggregate(items, pipeline))}, stages ${pipeline.map((stage) => Object.keys(stage)).join(", ")}`);
JS
node translate.js > printed
cat > reference.py <<'PY'
import json
import sqlite3
from pathlib import Path

database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE items (id, owner, stock, sold)")
database.executemany("INSERT INTO items VALUES (:id, :owner, :stock, :sold)", json.loads(Path("items.json").read_text()))
for sql in json.loads(Path("statements.json").read_text()):
    print("SQLite:", [row[0] for row in database.execute(sql)])
print("page 2 in SQLite:", database.execute(Path("page.sql").read_text()).fetchall())
PY
python3 reference.py >> printed
cat printed
diff printed - <<'EXPECTED'
owner = 'ann' OR stock > 5 AND sold = 1
  noql: [2]
  QueryLeaf: [2]
  node-sql-parser does AND last in: athena db2 flinksql mariadb mysql noql postgresql redshift snowflake sqlite
sold = 1 AND stock > 5 OR owner = 'ann'
  noql: [1,2]
  QueryLeaf: [1,2]
  node-sql-parser does AND last in: trino
page 2 in noql: [], stages $group, $project, $sort, $limit, $skip
SQLite: [1, 2]
SQLite: [1, 2]
page 2 in SQLite: [('bob', 18)]
EXPECTED
