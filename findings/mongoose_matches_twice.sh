#!/bin/bash
# Mongoose 9.12.1: if the `match` of populate() is a function, Mongoose filters twice. MongoDB gets the condition with its values cast to the
# schema; then the package sift (17.1.4) filters the documents that were read, with the values as the function returned them. So documents
# that MongoDB returned are dropped, without an error, if the condition needs a cast, compares decimals, looks into a map, or uses a field
# that `select` leaves out. If `match` is the same condition as an object, Mongoose filters once.
#
# The script needs no MongoDB. The collection returns the one matching document, with the fields of the projection.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mongoose@9.12.1 > npm.txt
cat > populate.js <<'JS'
const mongoose = require("mongoose");

const { Decimal128, ObjectId } = mongoose.Types;
const order = { _id: new ObjectId(), paid: true, count: 7, at: new Date("2026-02-01"), total: Decimal128.fromString("10.5"), marks: { a: "b" } };
const Order = mongoose.model(
  "Order",
  new mongoose.Schema({ paid: Boolean, count: Number, at: Date, total: mongoose.Schema.Types.Decimal128, marks: { type: Map, of: String } }),
);
const Customer = mongoose.model("Customer", new mongoose.Schema({ orders: [{ type: ObjectId, ref: "Order" }] }));
Order.collection.find = (filter, { projection }) => ({
  toArray: async () => [Object.fromEntries(Object.entries(order).filter(([name]) => !projection || name === "_id" || projection[name]))],
});

async function populated(match, select) {
  const customer = Customer.hydrate({ _id: new ObjectId(), orders: [order._id] });
  await customer.populate({ path: "orders", match, select });
  return customer.orders.length;
}

(async () => {
  for (const [title, match, select] of [
    ["{paid: true}", { paid: true }],
    ["{paid: true}, selecting count", { paid: true }, "count"],
    ['{count: {$gte: "5"}}', { count: { $gte: "5" } }],
    ['{at: {$gte: "2026-01-01"}}', { at: { $gte: "2026-01-01" } }],
    ['{total: {$gt: Decimal128("9")}}', { total: { $gt: Decimal128.fromString("9") } }],
    ['{"marks.a": "b"}', { "marks.a": "b" }],
  ]) {
    console.log(`${title}: object ${await populated(match, select)}, function ${await populated(() => match, select)}`);
  }
})();
JS
node populate.js > printed
cat printed
diff printed - <<'EXPECTED'
{paid: true}: object 1, function 1
{paid: true}, selecting count: object 1, function 0
{count: {$gte: "5"}}: object 1, function 0
{at: {$gte: "2026-01-01"}}: object 1, function 0
{total: {$gt: Decimal128("9")}}: object 1, function 0
{"marks.a": "b"}: object 1, function 0
EXPECTED
