#!/bin/bash
# bson-transpilers 3.3.3, the library behind "Export to language" in Compass, drops the milliseconds of a date in the JavaScript, Python, C#,
# Go and Ruby code that it writes, without a warning. Its Java, PHP and Rust code keeps them. A filter for the whole of January,
# {at: {$lte: ISODate("2026-01-31T23:59:59.999Z")}}, becomes a filter that misses the month's last 999 milliseconds.
#
# The script evaluates the JavaScript and the Python code and prints by how many milliseconds the date differs from the original.
# For the other languages it prints the date as it stands in the code.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund bson-transpilers@3.3.3 > npm.txt
cat > export.js <<'JS'
const { shell } = require("bson-transpilers");

const date = "2026-01-31T23:59:59.999Z";
const filter = (language) => shell[language].compile(`{at: ISODate("${date}")}`, false, false);

const exported = eval(`(${filter("javascript")})`);
console.log(`javascript, evaluated: ${exported.at - new Date(date)} ms`);
for (const language of ["csharp", "go", "ruby", "java", "php", "rust"]) {
  const call = filter(language).match(/(DateTime|time\.Date|Time\.utc|java\.util\.Date|UTCDateTime|parse_rfc3339_str)\([^)]*\)/)[0];
  console.log(`${language}: ${call}`);
}
require("node:fs").writeFileSync("filter.txt", filter("python"));
JS
node --no-warnings export.js > printed
cat > evaluate.py <<'PY'
from datetime import datetime, timedelta, timezone
from pathlib import Path

exported = eval(Path("filter.txt").read_text())["at"]
original = datetime(2026, 1, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)
print(f"python, evaluated: {(exported - original) / timedelta(milliseconds=1):.0f} ms")
PY
python3 evaluate.py >> printed
cat printed
diff printed - <<'EXPECTED'
javascript, evaluated: -999 ms
csharp: DateTime(2026, 1, 31, 23, 59, 59)
go: time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)
ruby: Time.utc(2026, 1, 31, 23, 59, 59)
java: java.util.Date(1769903999999L)
php: UTCDateTime(1769903999999)
rust: parse_rfc3339_str("2026-01-31T23:59:59.999Z")
python, evaluated: -999 ms
EXPECTED
