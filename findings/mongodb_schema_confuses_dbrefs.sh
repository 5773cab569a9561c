#!/bin/bash
# mongodb-schema 12.7.0, the library that analyzes schemas for Compass, maps a DBRef to bsonType "dbPointer" in getMongoDBJsonSchema(). BSON stores a
# DBRef as a document with $ref and $id, of type 3. dbPointer is the deprecated type 12, and MongoDB's specification of DBRef says that the two are
# unrelated. So a validator with the returned schema rejects every document that was analyzed, if a field or an array holds a DBRef.
# getStandardJsonSchema() describes the same field correctly, as an object with $ref and $id.
# If the documents were read with the driver's default options, whole numbers also become "double", although they are stored as type 16, int.
#
# The script needs no MongoDB. It writes a document with the package bson, reads it back, analyzes it, and prints the stored types.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mongodb-schema@12.7.0 bson@7.3.4 > npm.txt
cat > analyze.js <<'JS'
const { BSON, DBRef, ObjectId } = require("bson");
const { analyzeDocuments } = require("mongodb-schema");

const stored = BSON.serialize({ customer: new DBRef("customers", new ObjectId()), parts: [new DBRef("parts", new ObjectId())], count: 5 });

// BSON precedes the name of a field with a byte that holds the type.
const typeOf = (name) => stored[Buffer.from(stored).indexOf(`${name}\0`) - 1];
console.log(`stored: customer ${typeOf("customer")}, elements of parts ${typeOf("0")}, count ${typeOf("count")}`);

(async () => {
  for (const options of [{}, { promoteValues: false }]) {
    const analyzer = await analyzeDocuments([BSON.deserialize(stored, options)]);
    const { customer, parts, count } = (await analyzer.getMongoDBJsonSchema()).properties;
    console.log(`${JSON.stringify(options)}: customer ${customer.bsonType}, elements of parts ${parts.items.bsonType}, count ${count.bsonType}`);
    console.log(`  standard schema: ${JSON.stringify((await analyzer.getStandardJsonSchema()).$defs.DBRef.required)}`);
  }
})();
JS
node analyze.js > printed
cat printed
diff printed - <<'EXPECTED'
stored: customer 3, elements of parts 3, count 16
{}: customer dbPointer, elements of parts dbPointer, count double
  standard schema: ["$ref","$id"]
{"promoteValues":false}: customer dbPointer, elements of parts dbPointer, count int
  standard schema: ["$ref","$id"]
EXPECTED
