#!/bin/bash
# odata-v4-mongodb 0.1.12 translates a $filter with a lambda operator (`any`, `all`) or with arithmetic to the empty filter, so the request returns every
# document. The conditions beside it are lost as well: `shop eq 5 and items/any(...)` is the empty filter. `sold gt stock` becomes a filter on
# a field "soldstock". A constant on the left keeps its operator: `10 lt price` becomes price < 10, the opposite of what was asked for. None of
# these raises an error. A function that is not translated, such as `year(day)`, raises one, as a string.
#
# README says that the parser covers the whole specification and that the connector supports basic queries. The script needs no MongoDB. It prints the
# filters.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund --ignore-scripts odata-v4-mongodb@0.1.12
cat > translate.js <<'JS'
const { createFilter } = require("odata-v4-mongodb");

for (const text of [
  "price gt 10",
  "10 lt price",
  "10 ge price",
  "items/any(i:i/count gt 1)",
  "items/all(i:i/count gt 1)",
  "shop eq 5 and items/any(i:i/count gt 1)",
  "sold gt stock",
  "price add 1 eq 2",
  "year(day) eq 2026",
]) {
  let result;
  try {
    result = JSON.stringify(createFilter(text));
  } catch (error) {
    result = error.message ?? error;
  }
  console.log(`${text}: ${result}`);
}
JS
node translate.js > printed
cat printed
diff printed - <<'EXPECTED'
price gt 10: {"price":{"$gt":10}}
10 lt price: {"price":{"$lt":10}}
10 ge price: {"price":{"$gte":10}}
items/any(i:i/count gt 1): {}
items/all(i:i/count gt 1): {}
shop eq 5 and items/any(i:i/count gt 1): {}
sold gt stock: {"soldstock":{}}
price add 1 eq 2: {}
year(day) eq 2026: Method call not implemented.
EXPECTED
