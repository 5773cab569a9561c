#!/bin/bash
# @better-auth/mongo-adapter 1.7.25: findMany() with `select` and `sortBy` projects before it sorts. If the field of `sortBy` is not selected, MongoDB
# sorts by a field that no document has any longer: the order is that of the collection, and with `limit` or `offset` other rows are returned.
# "The latest two names" are the first two that were stored. No error or warning is shown.
#
# The type of findMany() has `select` and `sortBy` as independent options. MongoDB's manual says that $project passes only the given fields to the
# next stage. The SQL adapter of the same release sorts and limits in one SELECT, where ORDER BY
# may use a column that is not selected, as the printed SQL shows.
#
# The script needs no MongoDB. A collection of a few lines runs the adapter's pipeline in mingo 7.2.7.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund @better-auth/mongo-adapter@1.7.25 @better-auth/kysely-adapter@1.7.25 \
    kysely@0.28.19 mongodb@7.9.0 mingo@7.2.7 > npm.txt
cat > find.mjs <<'JS'
import { kyselyAdapter } from "@better-auth/kysely-adapter";
import { mongodbAdapter } from "@better-auth/mongo-adapter";
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import { aggregate } from "mingo";
import { ObjectId } from "mongodb";

const users = [
  { _id: new ObjectId(), name: "Ann", createdAt: new Date("2026-01-03") },
  { _id: new ObjectId(), name: "Bob", createdAt: new Date("2026-01-01") },
  { _id: new ObjectId(), name: "Cid", createdAt: new Date("2026-01-02") },
  { _id: new ObjectId(), name: "Dan", createdAt: new Date("2026-01-04") },
];
let stages;
const database = {
  collection: () => ({
    createIndex: async () => "",
    aggregate(pipeline) {
      stages = pipeline.map((stage) => Object.keys(stage)[0]);
      return { toArray: async () => aggregate(users, pipeline) };
    },
  }),
};
let sql;
class PrintingDriver extends DummyDriver {
  async acquireConnection() {
    return {
      async executeQuery(query) {
        sql = query.sql;
        return { rows: [] };
      },
    };
  }
}
const kysely = new Kysely({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new PrintingDriver(),
    createIntrospector: (instance) => new SqliteIntrospector(instance),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});
const mongo = mongodbAdapter(database)({});
const relational = kyselyAdapter(kysely, { type: "sqlite" })({});
const latest = { model: "user", sortBy: { field: "createdAt", direction: "desc" }, limit: 2 };
for (const [title, select] of [["all fields", undefined], ["name and createdAt", ["name", "createdAt"]], ["name", ["name"]]]) {
  const found = await mongo.findMany({ ...latest, select });
  console.log(`${title}: ${found.map((user) => user.name).join(", ")} (${stages.join(", ")})`);
}
await relational.findMany({ ...latest, select: ["name"] });
console.log(`SQL: ${sql}`);
JS
node find.mjs > printed
cat printed
diff printed - <<'EXPECTED'
all fields: Dan, Ann ($match, $sort, $limit)
name and createdAt: Dan, Ann ($match, $project, $sort, $limit)
name: Ann, Bob ($match, $project, $sort, $limit)
SQL: select "primary".* from (select "name" from "user" order by "createdAt" desc limit ?) as "primary" order by "createdAt" desc
EXPECTED
