#!/bin/bash
# mongodb-data-service 22.41.1, the library through which Compass talks to a server, sends {killOp: 1, id: N} for `killOp(N)`. The field of the
# command that names the operation is `op` (MongoDB's manual, "killOp"); the server refuses a command without it, so the operation goes on.
#
# The script needs no MongoDB: it replaces the database object of the service and prints the command that the service would send.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund mongodb-data-service@22.41.1 > npm.txt
cat > kill.js <<'JS'
const path = require("node:path");

// The package exports only its entry point.
const folder = path.dirname(require.resolve("mongodb-data-service"));
const { DataServiceImpl } = require(path.join(folder, "data-service.js"));

const service = new DataServiceImpl({ connectionString: "mongodb://localhost:1" });
service._database = () => ({
  command: async (command) => {
    console.log(`killOp(4711): ${JSON.stringify(command)}`);
    return { ok: 1 };
  },
});
service.killOp(4711);
JS
node kill.js > printed
cat printed
diff printed - <<'EXPECTED'
killOp(4711): {"killOp":1,"id":4711}
EXPECTED
