#!/bin/bash
# jsonpatch-to-mongodb 1.0.0 merges the additions to an array into one $push. If a later one has a smaller index than an earlier one, the values land in
# other places: the later one is not put in front, and the gap between the two is lost. A removed element stays as null. The operation `test` is
# left out, so a patch whose test fails is applied. There is no error, though other orders of additions raise "Unsupported Operation!".
#
# RFC 6902 applies the operations one after the other, and a failed `test` makes the whole patch fail. The script prints the update, what it
# makes of the array (mingo 7.2.7), and what fast-json-patch 3.1.1 makes of it. It needs no MongoDB.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund --ignore-scripts jsonpatch-to-mongodb@1.0.0 fast-json-patch@3.1.1 mingo@7.2.7
cat > patch.mjs <<'JS'
import jsonPatch from "fast-json-patch";
import { updateOne } from "mingo";
import toMongodb from "jsonpatch-to-mongodb";

const add = (index, value) => ({ op: "add", path: `/list/${index}`, value });
const patches = [
  [add(1, "x"), add(2, "y")],
  [add(3, "x"), add(1, "y")],
  [add(3, "x"), add(4, "y"), add(2, "z")],
  [{ op: "remove", path: "/list/1" }],
  [{ op: "test", path: "/list/0", value: "other" }, { op: "replace", path: "/list/0", value: "x" }],
];
for (const patch of patches) {
  const update = toMongodb(patch);
  const documents = [{ list: ["a", "b", "c", "d"] }];
  updateOne(documents, {}, update);
  let expected;
  try {
    expected = jsonPatch.applyPatch({ list: ["a", "b", "c", "d"] }, patch).newDocument.list.join(" ");
  } catch (error) {
    expected = error.name;
  }
  console.log(patch.map((operation) => `${operation.op} ${operation.path} ${operation.value ?? ""}`.trim()).join(", "));
  console.log(`  ${JSON.stringify(update)}: ${documents[0].list.map(String).join(" ")}; JSON Patch: ${expected}`);
}
JS
node patch.mjs > printed
cat printed
diff printed - <<'EXPECTED'
add /list/1 x, add /list/2 y
  {"$push":{"list":{"$each":["x","y"],"$position":1}}}: a x y b c d; JSON Patch: a x y b c d
add /list/3 x, add /list/1 y
  {"$push":{"list":{"$each":["y","x"],"$position":1}}}: a y x b c d; JSON Patch: a y b c x d
add /list/3 x, add /list/4 y, add /list/2 z
  {"$push":{"list":{"$each":["x","z","y"],"$position":2}}}: a b x z y c d; JSON Patch: a b z c x y d
remove /list/1
  {"$unset":{"list.1":1}}: a null c d; JSON Patch: a c d
test /list/0 other, replace /list/0 x
  {"$set":{"list.0":"x"}}: x b c d; JSON Patch: TEST_OPERATION_FAILED
EXPECTED
