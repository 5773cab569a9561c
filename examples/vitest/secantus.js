// Starts a server for each test file, so that files can run in parallel, and undoes the writes of each test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import mongoose from "mongoose";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

let server;
let snapshot;

// The server runs snapshots and restores as commands in the database admin.
function secantusTest(action, fields = {}) {
  return mongoose.connection.getClient().db("admin").command({ secantusTest: action, ...fields });
}

beforeAll(async () => {
  // --ephemeral also ends the server with this process, however that ends.
  server = spawn(process.env.SECANTUSDB ?? "secantusdb", ["--ephemeral", "--print-uri"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await Promise.race([once(server.stdout, "data"), once(server, "error").then(([error]) => Promise.reject(error))]);
  await mongoose.connect(String(line).trim(), { dbName: "shop" });
});

// The models of a test file are known here: their indexes are made once, before the first snapshot.
beforeAll(async () => {
  await Promise.all(Object.values(mongoose.models).map((model) => model.init()));
});

beforeEach(async () => {
  ({ snapshot } = await secantusTest("snapshot"));
});

afterEach(async () => {
  await secantusTest("restore", { snapshot });
  await secantusTest("release", { snapshot });
});

afterAll(async () => {
  await mongoose.disconnect();
  server.kill();
});
