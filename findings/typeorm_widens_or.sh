#!/bin/bash
# TypeORM 1.1.1 widens filters with $or on MongoDB. If the entity has a column for soft deletes, find() puts "not deleted" into the $or as a further
# alternative. So it returns every document that is not deleted, and deleted documents that match the $or. findAndCount() counts with another filter
# than it reads with. delete() and update() copy only the names of columns from the criteria. A criterion that has only $or or $and becomes the
# empty filter, so all documents are deleted or updated, without an error.
#
# The script needs no MongoDB. It replaces TypeORM's query runner, prints the filters that the query runner gets, and evaluates them with mingo 7.2.7.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund typeorm@1.1.1 mongodb@7.6.0 reflect-metadata@0.2.2 mingo@7.2.7 > npm.txt
cat > tasks.js <<'JS'
const { DataSource, EntitySchema } = require("typeorm");
const { Query } = require("mingo");

const tasks = [
  { _id: 1, state: "open", removed: null },
  { _id: 2, state: "done", removed: null },
  { _id: 3, state: "open", removed: new Date("2026-02-01") },
];
const columns = { _id: { type: Number, objectId: true, primary: true }, state: { type: String } };
const Plain = new EntitySchema({ name: "Plain", columns });
const SoftDeleted = new EntitySchema({ name: "SoftDeleted", columns: { ...columns, removed: { type: Date, deleteDate: true } } });

function matched(method, filter) {
  const found = new Query(filter).find(tasks).all();
  console.log(`  ${method} ${JSON.stringify(filter)}: ${found.map((task) => task._id).join(", ")}`);
  return found;
}

(async () => {
  const source = new DataSource({ type: "mongodb", entities: [Plain, SoftDeleted] });
  await source.buildMetadatas();
  source.driver.queryRunner = {
    cursor: (_, filter) => ({ filter: (replaced) => (filter = replaced), toArray: async () => matched("find", filter), next() {} }),
    count: async (_, filter) => matched("count", filter).length,
    deleteMany: async (_, filter) => ({ deletedCount: matched("delete", filter).length }),
    updateMany: async (_, filter) => ({ modifiedCount: matched("update", filter).length }),
    broadcaster: { broadcast() {} },
  };
  const condition = { $or: [{ state: "open" }, { state: "late" }] };
  for (const entity of [Plain, SoftDeleted]) {
    console.log(entity.options.name);
    const repository = source.getMongoRepository(entity);
    await repository.findAndCount({ where: condition });
    await repository.delete(condition);
    await repository.update({ $and: [condition] }, { state: "done" });
  }
})();
JS
node tasks.js > printed
cat printed
diff printed - <<'EXPECTED'
Plain
  find {"$or":[{"state":"open"},{"state":"late"}]}: 1, 3
  count {"$or":[{"state":"open"},{"state":"late"}]}: 1, 3
  delete {}: 1, 2, 3
  update {}: 1, 2, 3
SoftDeleted
  find {"$or":[{"removed":{"$eq":null}},{"state":"open"},{"state":"late"}]}: 1, 2, 3
  count {"$or":[{"state":"open"},{"state":"late"}]}: 1, 3
  delete {}: 1, 2, 3
  update {}: 1, 2, 3
EXPECTED
