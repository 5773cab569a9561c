#!/bin/bash
# mingo 7.2.7 (MongoDB's aggregation in JavaScript) computes wrong weeks. $week, which MongoDB's manual defines like "%U" of strftime, 0 to 53 from
# Sundays, is wrong on more than half of all days: in a year that begins on a Monday, Tuesday, Wednesday or Thursday, such as 2026, it is one
# too high on almost every day, and it even returns 54. $isoWeekYear returns the calendar year where the ISO year is another one. $isoWeek is
# right, so a group by both puts 2024-12-30 into the first week of 2024 instead of 2025.
#
# Python's strftime("%U") and isocalendar() give the correct values. The script compares 400 years, a whole cycle of the calendar.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mingo@7.2.7 > npm.txt
cat > count.mjs <<'JS'
import { aggregate } from "mingo";

const days = [];
for (let time = Date.UTC(2001, 0, 1); time < Date.UTC(2401, 0, 1); time += 86_400_000) {
  days.push({ day: new Date(time) });
}
const stage = { week: { $week: "$day" }, isoYear: { $isoWeekYear: "$day" }, isoWeek: { $isoWeek: "$day" }, day: 1, _id: 0 };
for (const { day, ...fields } of aggregate(days, [{ $project: stage }])) {
  console.log(JSON.stringify({ day: day.toISOString().slice(0, 10), ...fields }));
}
JS
node count.mjs > weeks.jsonl
cat > compare.py <<'PY'
import json
from datetime import date
from pathlib import Path

rows = [json.loads(line) for line in Path("weeks.jsonl").read_text().splitlines()]
wrong = {"week": {}, "isoYear": {}, "isoWeek": {}}
for row in rows:
    day = date.fromisoformat(row["day"])
    correct = {"week": int(day.strftime("%U")), "isoYear": day.isocalendar().year, "isoWeek": day.isocalendar().week}
    for name, value in correct.items():
        if row[name] != value:
            wrong[name][row["day"]] = f"{row[name]}, correct {value}"
for name, days in wrong.items():
    print(f"{name}: {len(days)} of {len(rows)} days wrong")
print("largest week:", max(row["week"] for row in rows))
print("days of 2026 with a wrong week:", sum(day.startswith("2026-") for day in wrong["week"]))
print("week of 2026-11-29:", wrong["week"]["2026-11-29"])
print("isoYear of 2024-12-30:", wrong["isoYear"]["2024-12-30"])
PY
python3 compare.py > printed
cat printed
diff printed - <<'EXPECTED'
week: 83291 of 146097 days wrong
isoYear: 629 of 146097 days wrong
isoWeek: 0 of 146097 days wrong
largest week: 54
days of 2026 with a wrong week: 364
week of 2026-11-29: 49, correct 48
isoYear of 2024-12-30: 2024, correct 2025
EXPECTED
