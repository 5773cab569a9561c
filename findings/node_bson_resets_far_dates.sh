#!/bin/bash
# bson 7.3.4, the BSON library of MongoDB's Node driver, reads a date after 275760-09-13 as "Invalid Date" and writes that back as 1970-01-01,
# without an error. Programs write such a date for "never", for example `new Date(Long.MAX_VALUE)` in Java. A Node program that copies a document,
# or reads it and replaces it, turns a session that never expires into one that expired in 1970; a TTL index then removes it.
# EJSON.stringify writes the number "NaN" for it, which EJSON.parse rejects.
#
# MongoDB's manual defines a date as a signed 64-bit number of milliseconds, about 290 million years in both directions. pymongo 4.20.1 keeps the
# number with DatetimeConversion.DATETIME_AUTO, and raises InvalidBSON without it.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund bson@7.3.4 > npm.txt
python3 -m venv venv
venv/bin/pip install --quiet pymongo==4.20.1
cat > date.py <<'PY'
import sys

import bson
from bson import CodecOptions, DatetimeConversion, DatetimeMS

if sys.argv[1] == "write":
    print(bson.encode({"expires": DatetimeMS(int(sys.argv[2]))}).hex())
else:
    for conversion in (DatetimeConversion.DATETIME, DatetimeConversion.DATETIME_AUTO):
        try:
            found = bson.decode(bytes.fromhex(sys.argv[2]), CodecOptions(datetime_conversion=conversion))["expires"]
            shown = f"{int(found)} ms" if isinstance(found, DatetimeMS) else found.isoformat()
        except bson.errors.InvalidBSON:
            shown = "InvalidBSON"
        print(f"  pymongo, {conversion.name}: {shown}")
PY
cat > copy.js <<'JS'
const { EJSON, deserialize, serialize } = require("bson");

const read = deserialize(Buffer.from(process.argv[2], "hex"));
const text = EJSON.stringify(read);
let parsed;
try {
  parsed = EJSON.stringify(EJSON.parse(text));
} catch (error) {
  parsed = `${error.name}: ${error.message}`;
}
console.error(`  Node reads: ${read.expires}\n  EJSON: ${text}\n  EJSON, parsed again: ${parsed}`);
console.log(Buffer.from(serialize(read)).toString("hex"));
JS
export TZ=UTC
for milliseconds in 8640000000000000 8640000000000001 9223372036854775807; do
    echo "$milliseconds ms"
    written=$(venv/bin/python date.py write "$milliseconds")
    venv/bin/python date.py read "$written"
    copied=$(node copy.js "$written")
    echo "  copied by Node:"
    venv/bin/python date.py read "$copied"
done > printed 2>&1
cat printed
diff printed - <<'EXPECTED'
8640000000000000 ms
  pymongo, DATETIME: InvalidBSON
  pymongo, DATETIME_AUTO: 8640000000000000 ms
  Node reads: Sat Sep 13 275760 00:00:00 GMT+0000 (Coordinated Universal Time)
  EJSON: {"expires":{"$date":{"$numberLong":"8640000000000000"}}}
  EJSON, parsed again: {"expires":{"$date":{"$numberLong":"8640000000000000"}}}
  copied by Node:
  pymongo, DATETIME: InvalidBSON
  pymongo, DATETIME_AUTO: 8640000000000000 ms
8640000000000001 ms
  pymongo, DATETIME: InvalidBSON
  pymongo, DATETIME_AUTO: 8640000000000001 ms
  Node reads: Invalid Date
  EJSON: {"expires":{"$date":{"$numberLong":"NaN"}}}
  EJSON, parsed again: BSONError: $numberLong string "NaN" is in an invalid format
  copied by Node:
  pymongo, DATETIME: 1970-01-01T00:00:00
  pymongo, DATETIME_AUTO: 1970-01-01T00:00:00
9223372036854775807 ms
  pymongo, DATETIME: InvalidBSON
  pymongo, DATETIME_AUTO: 9223372036854775807 ms
  Node reads: Invalid Date
  EJSON: {"expires":{"$date":{"$numberLong":"NaN"}}}
  EJSON, parsed again: BSONError: $numberLong string "NaN" is in an invalid format
  copied by Node:
  pymongo, DATETIME: 1970-01-01T00:00:00
  pymongo, DATETIME_AUTO: 1970-01-01T00:00:00
EXPECTED
