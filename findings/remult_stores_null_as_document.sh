#!/bin/bash
# remult 3.3.18 stores null in MongoDB as the document {"$null": "$null"}. MongoDB sorts documents after numbers and strings, so max() of a field
# that is null somewhere returns this document instead of a number, nulls come last in an ascending order, and distinctCount() counts null as a value.
# A list of values that contains null is translated without the replacement, so it finds no null, and `$ne` with such a list does not exclude null.
# `$contains` and `$startsWith` reach MongoDB as a regular expression: "1.5" finds "125", and "5$" finds no "5$". No error or warning is shown.
#
# remult's repository is one interface for all databases: its memory provider, in the same release, gives the expected results for the same calls.
# The script needs no MongoDB. A database of a few lines evaluates what remult sends with mingo 7.2.7.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund remult@3.3.18 mongodb@7.9.0 mingo@7.2.7 > npm.txt
cat > items.mjs <<'JS'
import { aggregate, find } from "mingo";
import { describeEntity, Fields, InMemoryDataProvider, Remult } from "remult";
import { MongoDataProvider } from "remult/remult-mongo";

class Item {}
describeEntity(Item, "items", { id: Fields.integer(), name: Fields.string(), price: Fields.integer({ allowNull: true }) });
const stored = [];
const collection = {
  insertOne: async (document) => {
    stored.push({ _id: document.id, ...document });
    return { insertedId: document.id };
  },
  findOne: async (filter) => find(stored, filter).next(),
  find: (filter, { sort }) => ({
    map: (read) => ({ toArray: async () => (sort ? find(stored, filter).sort(sort) : find(stored, filter)).all().map(read) }),
  }),
  aggregate: (pipeline) => ({ toArray: async () => aggregate(stored, pipeline) }),
};
const items = [
  { id: 1, name: "1.5 kg", price: 10 },
  { id: 2, name: "125 kg", price: null },
  { id: 3, name: "5$", price: 30 },
  { id: 4, name: "a bag", price: null },
];
for (const [title, provider] of [
  ["MongoDB", new MongoDataProvider({ collection: () => collection })],
  ["memory", new InMemoryDataProvider()],
]) {
  const repository = new Remult(provider).repo(Item);
  for (const item of items) await repository.insert(item);
  const ids = async (options) => (await repository.find(options)).map((item) => item.id).join(", ") || "none";
  const { price } = await repository.aggregate({ max: ["price"], distinctCount: ["price"] });
  const ascending = await ids({ orderBy: { price: "asc", id: "asc" } });
  console.log(`${title}: max ${JSON.stringify(price.max)}, distinct ${price.distinctCount}, ascending ${ascending}`);
  for (const where of [
    { price: [10, null] },
    { price: { $ne: [10, null] } },
    { name: { $contains: "1.5" } },
    { name: { $notContains: "1.5" } },
    { name: { $contains: "5$" } },
  ]) {
    console.log(`  ${JSON.stringify(where)}: ${await ids({ where })}`);
  }
}
console.log(`stored: ${JSON.stringify(stored[1])}`);
JS
node items.mjs > printed
cat printed
diff printed - <<'EXPECTED'
MongoDB: max {"$null":"$null"}, distinct 3, ascending 1, 3, 2, 4
  {"price":[10,null]}: 1
  {"price":{"$ne":[10,null]}}: 2, 3, 4
  {"name":{"$contains":"1.5"}}: 1, 2
  {"name":{"$notContains":"1.5"}}: 3, 4
  {"name":{"$contains":"5$"}}: none
memory: max 30, distinct 2, ascending 2, 4, 1, 3
  {"price":[10,null]}: 1, 2, 4
  {"price":{"$ne":[10,null]}}: 3
  {"name":{"$contains":"1.5"}}: 1
  {"name":{"$notContains":"1.5"}}: 2, 3, 4
  {"name":{"$contains":"5$"}}: 3
stored: {"_id":2,"id":2,"name":"125 kg","price":{"$null":"$null"}}
EXPECTED
