#!/bin/bash
# @payloadcms/db-mongodb 3.90.2, Payload CMS's adapter: if `where` has a field with two operators and, after it, `and`, the conditions of the field
# are dropped. `{views: {greater_than: 10, less_than: 100}, and: [...]}` finds posts with any number of views, and payload.delete() deletes
# them all. Written in the other order, or with one operator, the same conditions hold. No error or warning is shown.
#
# The adapter collects the operators of the field in `$and` and then assigns the list of `and` to the same `$and`. Payload's documentation of
# queries joins conditions by `and` and gives the order of an object's properties no meaning.
#
# The script needs no MongoDB. The model of the collection evaluates the adapter's filter with mingo 7.2.7.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund payload@3.90.2 @payloadcms/db-mongodb@3.90.2 mingo@7.2.7 > npm.txt
cat > posts.mjs <<'JS'
import { mongooseAdapter } from "@payloadcms/db-mongodb";
import { Query } from "mingo";
import { buildConfig, getPayload } from "payload";

const config = await buildConfig({
  secret: "x",
  telemetry: false,
  typescript: { autoGenerate: false },
  logger: { options: { level: "error" } },
  db: mongooseAdapter({ url: false, transactionOptions: false }),
  collections: [{ slug: "posts", fields: [{ name: "views", type: "number" }, { name: "state", type: "text" }] }],
});
const payload = await getPayload({ config, disableDBConnect: true, disableOnInit: true });
const posts = [
  { id: "5 views", views: 5, state: "draft" },
  { id: "50 views", views: 50, state: "draft" },
  { id: "5000 views", views: 5000, state: "draft" },
  { id: "public", views: 50, state: "public" },
];
payload.db.collections.posts.paginate = async (filter) => {
  const query = new Query(filter);
  return { docs: posts.filter((post) => query.test(post)).map((post) => ({ ...post })) };
};
let deleted;
payload.db.deleteMany = async () => {};
payload.db.deleteOne = async ({ where }) => {
  deleted.push(where.id.equals);
  return { id: where.id.equals };
};
const draft = [{ state: { equals: "draft" } }];
for (const where of [
  { and: draft, views: { greater_than: 10, less_than: 100 } },
  { views: { greater_than: 10, less_than: 100 }, and: draft },
  { and: draft, views: { greater_than: 10 } },
  { views: { greater_than: 10 }, and: draft },
]) {
  deleted = [];
  const { docs } = await payload.find({ collection: "posts", where });
  await payload.delete({ collection: "posts", where });
  console.log(`${JSON.stringify(where)}\n  found: ${docs.map((post) => post.id).join(", ")}; deleted: ${deleted.join(", ")}`);
}
process.exit(0);
JS
node posts.mjs > printed
cat printed
diff printed - <<'EXPECTED'
{"and":[{"state":{"equals":"draft"}}],"views":{"greater_than":10,"less_than":100}}
  found: 50 views; deleted: 50 views
{"views":{"greater_than":10,"less_than":100},"and":[{"state":{"equals":"draft"}}]}
  found: 5 views, 50 views, 5000 views; deleted: 5 views, 50 views, 5000 views
{"and":[{"state":{"equals":"draft"}}],"views":{"greater_than":10}}
  found: 50 views, 5000 views; deleted: 50 views, 5000 views
{"views":{"greater_than":10},"and":[{"state":{"equals":"draft"}}]}
  found: 50 views, 5000 views; deleted: 50 views, 5000 views
EXPECTED
