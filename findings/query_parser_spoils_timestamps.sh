#!/bin/bash
# toJSString() of mongodb-query-parser 5.1.0, a library of Compass, changes values of BSON. A Timestamp counts
# seconds without a sign up to 2106, but is written with a sign, so each one after 2038-01-19T03:14:07Z is negative, and parseFilter() of the
# same library rejects the text. A symbol is written as the document {value: ...}, which parseFilter() reads without an error, as a filter
# that matches no symbol.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mongodb-query-parser@5.1.0 bson@7.3.4 > npm.txt
cat > again.js <<'JS'
const { BSONSymbol, EJSON, Timestamp } = require("bson");
const { parseFilter, toJSString } = require("mongodb-query-parser");

for (const value of [new Timestamp({ t: 2147483647, i: 1 }), new Timestamp({ t: 2147483648, i: 1 }), new BSONSymbol("open")]) {
  const text = toJSString({ state: { $gte: value } }, 0);
  let found;
  try {
    found = EJSON.stringify(parseFilter(text));
  } catch (error) {
    found = error.message;
  }
  console.log(`${EJSON.stringify(value)}\n  written: ${text}\n  read: ${found}`);
}
JS
node again.js > printed
cat printed
diff printed - <<'EXPECTED'
{"$timestamp":{"t":2147483647,"i":1}}
  written: {state:{$gte:Timestamp({ t: 2147483647, i: 1 })}}
  read: {"state":{"$gte":{"$timestamp":{"t":2147483647,"i":1}}}}
{"$timestamp":{"t":2147483648,"i":1}}
  written: {state:{$gte:Timestamp({ t: -2147483648, i: 1 })}}
  read: Timestamp constructed from { t, i } must provide a positive t
{"$symbol":"open"}
  written: {state:{$gte:{value:'open'}}}
  read: {"state":{"$gte":{"value":"open"}}}
EXPECTED
