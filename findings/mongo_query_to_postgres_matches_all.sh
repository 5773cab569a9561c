#!/bin/bash
# mongo-query-to-postgres-jsonb 0.2.19 translates a field that shall equal a date, `{"day": date}`, to TRUE. The condition disappears, alone, beside
# others, in `$or` and below a document, so a SELECT, UPDATE or DELETE with this WHERE takes every row. `{"day": {"$eq": date}}` and `$gte` are
# translated to the comparisons that they mean. An equality with the empty document is TRUE as well. `$min` and `$max` of a field that is missing
# compare with 0 first: `{"$min": {"low": 5}}` stores 0 and `{"$max": {"high": -5}}` stores 0, where MongoDB stores 5 and -5. There is no error.
#
# README lists neither under what is missing or cannot be supported. The script prints the SQL; it needs no PostgreSQL.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund --ignore-scripts mongo-query-to-postgres-jsonb@0.2.19
cat > translate.js <<'JS'
const toSql = require("mongo-query-to-postgres-jsonb");

const day = new Date(Date.UTC(2026, 11, 1));
const queries = [
  { day },
  { day: { $eq: day } },
  { day: { $gte: day } },
  { shop: 5, day },
  { $or: [{ shop: 5 }, { day }] },
  { "sale.day": day },
  { note: {} },
];
for (const query of queries) console.log(`${JSON.stringify(query)}: ${toSql("data", query)}`);
for (const update of [{ $min: { low: 5 } }, { $max: { high: -5 } }])
  console.log(`${JSON.stringify(update)}: ${toSql.convertUpdate("data", update)}`);
JS
node translate.js > printed
cat printed
diff printed - <<'EXPECTED'
{"day":"2026-12-01T00:00:00.000Z"}: TRUE
{"day":{"$eq":"2026-12-01T00:00:00.000Z"}}: data @> '{ "day": "2026-12-01T00:00:00.000Z" }'
{"day":{"$gte":"2026-12-01T00:00:00.000Z"}}: data->'day'>='"2026-12-01T00:00:00.000Z"'::jsonb
{"shop":5,"day":"2026-12-01T00:00:00.000Z"}: (data @> '{ "shop": 5 }' and TRUE)
{"$or":[{"shop":5},{"day":"2026-12-01T00:00:00.000Z"}]}: (data @> '{ "shop": 5 }' OR TRUE)
{"sale.day":"2026-12-01T00:00:00.000Z"}: TRUE
{"note":{}}: TRUE
{"$min":{"low":5}}: jsonb_set(data,'{low}',to_jsonb(LEAST(COALESCE(Cast(data->>'low' as numeric),0),5)))
{"$max":{"high":-5}}: jsonb_set(data,'{high}',to_jsonb(GREATEST(COALESCE(Cast(data->>'high' as numeric),0),-5)))
EXPECTED
