#!/bin/bash
# bson 3.1.0, MongoDB's BSON library for Rust, writes each date after the year 9999 as 9999-12-31T23:59:59.999999999Z in relaxed Extended JSON,
# without an error, even DateTime::MAX, the crate's own last date. Read back, it is another date. The specification of Extended JSON says that
# relaxed mode writes a date outside the years 1970 to 9999 as {"$date": {"$numberLong": ...}}, and pymongo 4.20.1 does so.
#
# The same source is right if any other crate of the program enables the feature `large-dates` of the crate `time`, since Cargo unites the features
# of all crates. So a new dependency that has nothing to do with MongoDB changes the exported dates. The documentation of bson
# describes its own feature `large_dates`, which does the same, as a larger range for RFC 3339 strings and the types of `time`, and does not mention
# Extended JSON. Version 2.15.0 enables the feature of `time` always, version 3.1.0 does not.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "dates"
version = "0.1.0"
edition = "2021"

[dependencies]
bson = { version = "=3.1.0", features = ["serde", "serde_json-1"] }
time = { version = "=0.3.55", optional = true }

[features]
other-crate = ["time/large-dates"]

[profile.dev]
debug = false
TOML
cat > src/main.rs <<'RS'
use bson::{Bson, DateTime};

fn main() {
    let dates = [
        DateTime::from_millis(253_402_300_799_999),
        DateTime::from_millis(253_402_300_800_000),
        DateTime::MAX,
    ];
    for date in dates {
        let json = Bson::from(date).into_relaxed_extjson();
        let again = Bson::try_from(json.clone()).unwrap();
        println!("{}: {json}, read back: {}", date.timestamp_millis(), again.as_datetime().unwrap().timestamp_millis());
    }
}
RS
python3 -m venv venv
venv/bin/pip install --quiet pymongo==4.20.1
cat > dates.py <<'PY'
from bson import DatetimeMS, json_util

for number in (253_402_300_799_999, 253_402_300_800_000, 2**63 - 1):
    print(f"{number}: {json_util.dumps(DatetimeMS(number), json_options=json_util.RELAXED_JSON_OPTIONS)}")
PY
{
    echo "Rust"
    cargo run --quiet
    echo "Rust, where another crate enables time/large-dates"
    cargo run --quiet --features other-crate
    echo "pymongo"
    venv/bin/python dates.py
} > printed
cat printed
diff printed - <<'EXPECTED'
Rust
253402300799999: {"$date":"9999-12-31T23:59:59.999Z"}, read back: 253402300799999
253402300800000: {"$date":"9999-12-31T23:59:59.999999999Z"}, read back: 253402300799999
9223372036854775807: {"$date":"9999-12-31T23:59:59.999999999Z"}, read back: 253402300799999
Rust, where another crate enables time/large-dates
253402300799999: {"$date":"9999-12-31T23:59:59.999Z"}, read back: 253402300799999
253402300800000: {"$date":{"$numberLong":"253402300800000"}}, read back: 253402300800000
9223372036854775807: {"$date":{"$numberLong":"9223372036854775807"}}, read back: 9223372036854775807
pymongo
253402300799999: {"$date": "9999-12-31T23:59:59.999Z"}
253402300800000: {"$date": {"$numberLong": "253402300800000"}}
9223372036854775807: {"$date": {"$numberLong": "9223372036854775807"}}
EXPECTED
