#!/bin/bash
# The Node driver (mongodb) 7.9.0 escapes only the first "=" and the first "," of a user name in the first SCRAM message. RFC 5802, section
# 5.1, requires "=3D" for each "=" and "=2C" for each ",", which pymongo sends. A user whose name has two of the same sign cannot log in with
# the Node driver, because the server reads another name or an invalid message.
#
# The script needs neither MongoDB nor a network peer. It prints the name in the first message that each driver would send.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mongodb@7.9.0 > npm.txt
cat > first.js <<'JS'
const { ScramSHA256 } = require("mongodb/lib/cmap/auth/scram.js");

(async () => {
  for (const username of ["tom=ops", "tom=ops=eu", "tom,ops,eu"]) {
    const credentials = { username, password: "x", source: "admin" };
    const hello = await new ScramSHA256().prepare({}, { credentials, options: {} });
    const message = Buffer.from(hello.speculativeAuthenticate.payload.buffer).toString();
    console.log(`node ${username}: ${message.match(/^n,,n=(.*),r=/)[1]}`);
  }
})();
JS
node first.js > printed
python3 -m venv venv
venv/bin/pip install --quiet pymongo==4.20.1
cat > first.py <<'PY'
from pymongo.auth_shared import _build_credentials_tuple
from pymongo.synchronous.auth import _authenticate_scram_start

for name in ("tom=ops", "tom=ops=eu", "tom,ops,eu"):
    credentials = _build_credentials_tuple("SCRAM-SHA-256", "admin", name, "x", {}, None)
    _, first_bare, _ = _authenticate_scram_start(credentials, "SCRAM-SHA-256")
    print(f"pymongo {name}: {first_bare.decode()[2:].rpartition(',r=')[0]}")
PY
venv/bin/python first.py >> printed
cat printed
diff printed - <<'EXPECTED'
node tom=ops: tom=3Dops
node tom=ops=eu: tom=3Dops=eu
node tom,ops,eu: tom=2Cops,eu
pymongo tom=ops: tom=3Dops
pymongo tom=ops=eu: tom=3Dops=3Deu
pymongo tom,ops,eu: tom=2Cops=2Ceu
EXPECTED
