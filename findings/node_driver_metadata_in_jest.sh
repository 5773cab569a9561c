#!/bin/bash
# The Node driver (mongodb) 7.6 to 7.9 sends an empty `client` document in its handshake if it runs inside Jest. MongoDB rejects this
# document with "Missing required sub-document 'driver' in the client metadata document", so every connection fails. Version 7.5 sends its
# metadata.
#
# The script needs only Node, not MongoDB. A socket receives the handshake of each version, outside and inside Jest.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cat > listen.js <<'JS'
// Starts a server that prints whether the first handshake's `client` document names the driver.
const net = require("node:net");

module.exports = () =>
  new Promise((resolve) => {
    const server = net.createServer((socket) =>
      socket.once("data", (data) => {
        socket.destroy();
        server.close();
        const start = data.indexOf(0, 20) + 9; // after the OP_QUERY header, flags, collection name and two integers
        const { client } = require("bson").deserialize(data.subarray(start));
        require("node:fs").appendFileSync("printed", `${process.env.PLACE}: ${client.driver ? "names the driver" : "empty"}\n`);
      }),
    );
    server.listen(0, "127.0.0.1", () => {
      process.env.MONGODB_URI = `mongodb://127.0.0.1:${server.address().port}/?serverSelectionTimeoutMS=500`;
      resolve();
    });
  });
JS
cat > connect.js <<'JS'
module.exports = () => require("mongodb").MongoClient.connect(process.env.MONGODB_URI).catch(() => undefined);
JS
cat > it.test.js <<'JS'
test("connect", () => require("./connect.js")());
JS
echo 'module.exports = { globalSetup: "./listen.js" };' > jest.config.js
for version in 7.5.0 7.9.0; do
    npm install --silent --no-audit --no-fund "jest@30.5.2" "mongodb@$version" > npm.txt
    PLACE="mongodb $version" node -e 'require("./listen.js")().then(require("./connect.js"))'
    PLACE="mongodb $version in Jest" npx jest > jest.txt 2>&1
done
cat printed
diff printed - <<'EXPECTED'
mongodb 7.5.0: names the driver
mongodb 7.5.0 in Jest: names the driver
mongodb 7.9.0: names the driver
mongodb 7.9.0 in Jest: empty
EXPECTED
