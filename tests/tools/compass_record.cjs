// Print what the data layer of Compass sends, one line per command: tests/tools/compass.jsonl.
//   npm install mongodb-data-service@22.41.1 mongodb-schema
//   NODE_PATH=node_modules node compass_record.cjs URI > compass.jsonl
const { connect } = require("mongodb-data-service");
const { BSON } = require("mongodb");
const { Connection } = require("mongodb/lib/cmap/connection");
const schemas = require("mongodb-schema");

let action = "connect";
// The driver's own traffic, and what it adds to each command, say nothing of Compass.
const AUTOMATIC = new Set(["hello", "isMaster", "ismaster", "endSessions", "ping"]);
const ADDED = ["lsid", "txnNumber", "$clusterTime", "$db", "$readPreference", "comment"];
const command = Connection.prototype.command;
Connection.prototype.command = function (ns, cmd, options, ...rest) {
  const name = Object.keys(cmd)[0];
  if (!AUTOMATIC.has(name)) {
    const kept = Object.entries(cmd).filter(([key]) => !ADDED.includes(key));
    // A batch is a sequence of documents beside the command.
    const plain = kept.map(([key, value]) => [key, value?.chunks ? value.documents : value]);
    const transaction = options?.session?.inTransaction() || name === "abortTransaction";
    console.log(BSON.EJSON.stringify({ action, db: ns.db, transaction, command: Object.fromEntries(plain) }));
  }
  return command.call(this, ns, cmd, options, ...rest);
};

const NS = "compass_shop.fruit";
const ACTIONS = {
  sidebar: async (s) => {
    await s.instance();
    await s.listDatabases();
    await s.databaseStats("compass_shop");
    await s.listCollections("compass_shop");
    await s.collectionInfo("compass_shop", "fruit");
    await s.collectionStats("compass_shop", "fruit", "collection");
  },
  "create collection": async (s) => {
    await s.createCollection("compass_shop.fruit", {});
    await s.createCollection("compass_shop.log", { capped: true, size: 4096 });
    await s.createView("cheap", NS, [{ $match: { price: { $lt: 3 } } }], {});
    await s.insertMany(NS, [1, 2, 3, 4].map((n) => ({ _id: n, name: `f${n}`, price: n, tags: ["a", n] })));
  },
  documents: async (s) => {
    await s.fetchShardKey(NS);
    await s.find(NS, {}, { sort: undefined, skip: 0, limit: 20, batchSize: 20, maxTimeMS: 60000, promoteValues: false, bsonRegExp: true });
    await s.find(NS, { price: { $gt: 1 } }, { projection: { name: 1 }, sort: [["price", -1]], skip: 1, limit: 2, collation: { locale: "en", strength: 2 }, maxTimeMS: 60000 });
    await s.count(NS, { price: { $gt: 1 } }, { maxTimeMS: 5000, hint: "_id_" });
    await s.estimatedCount(NS, { maxTimeMS: 5000 });
  },
  edit: async (s) => {
    await s.insertOne(NS, { _id: 5, name: "f5", price: 5 });
    await s.findOneAndUpdate(NS, { _id: 5, price: 5 }, { $set: { price: 6 }, $unset: { name: true } }, { returnDocument: "after", promoteValues: false });
    await s.findOneAndReplace(NS, { _id: 5 }, { _id: 5, name: "new" }, { returnDocument: "after", promoteValues: false });
    await s.updateOne(NS, { _id: 5 }, { $set: { price: 7 } }, {});
    await s.deleteOne(NS, { _id: 5 });
    await s.bulkWrite(NS, [{ insertOne: { document: { _id: 6 } } }, { deleteOne: { filter: { _id: 6 } } }], { ordered: false });
  },
  "bulk update and delete": async (s) => {
    await s.previewUpdate(NS, { price: { $gt: 2 } }, { $set: { dear: true } }, { sample: 3, timeout: 5000 });
    await s.updateMany(NS, { price: { $gt: 2 } }, { $set: { dear: true } });
    await s.deleteMany(NS, { price: 100 });
  },
  schema: async (s) => {
    const docs = await s.sample(NS, { size: 1000, query: {} }, { promoteValues: false, maxTimeMS: 60000 });
    await schemas.analyzeDocuments(docs);
    await s.sample(NS, { size: 2, query: { price: { $gt: 1 } }, fields: { name: 1 } }, { maxTimeMS: 60000 });
  },
  explain: async (s) => {
    await s.explainFind(NS, { price: { $gt: 1 } }, { sort: [["price", 1]], maxTimeMS: 60000 }, { explainVerbosity: "allPlansExecution" });
    await s.explainFind(NS, { price: { $gt: 1 } }, {}, { explainVerbosity: "queryPlanner" });
    await s.explainAggregate(NS, [{ $match: { price: 1 } }, { $group: { _id: "$name" } }], {}, { explainVerbosity: "executionStats" });
  },
  aggregations: async (s) => {
    await s.aggregate(NS, [{ $match: { price: { $gt: 1 } } }, { $limit: 10 }], { maxTimeMS: 60000, allowDiskUse: true });
    await s.aggregate(NS, [{ $limit: 100000 }, { $group: { _id: "$dear", n: { $sum: 1 } } }, { $sort: { _id: 1 } }, { $skip: 0 }, { $limit: 20 }], { maxTimeMS: 60000 });
    await s.aggregate(NS, [{ $match: {} }, { $count: "count" }], { maxTimeMS: 5000 });
    await s.aggregate(NS, [{ $match: { price: 1 } }, { $out: "copy" }], {});
  },
  indexes: async (s) => {
    await s.createIndex(NS, { price: 1 }, { name: "by_price" });
    await s.createIndex(NS, { name: 1 }, { unique: true, collation: { locale: "en" } });
    await s.createIndex(NS, { "tags.$**": 1 }, {});
    await s.indexes(NS, { full: true });
    await s.indexes(NS);
    await s.updateCollection(NS, { index: { name: "by_price", hidden: true } });
    await s.dropIndex(NS, "by_price");
    await s.isListSearchIndexesSupported(NS);
    await s.getSearchIndexes(NS).catch((e) => console.error("search indexes:", e.message));
  },
  validation: async (s) => {
    await s.updateCollection(NS, { validator: { $jsonSchema: { required: ["name"] } }, validationLevel: "moderate", validationAction: "warn" });
    await s.collectionInfo("compass_shop", "fruit");
    await s.sample(NS, { size: 1, query: { $nor: [{ $jsonSchema: { required: ["name"] } }] } }, {});
  },
  performance: async (s) => {
    await s.serverStatus();
    await s.top();
    await s.currentOp();
    await s.killOp(99999999, "test").catch((e) => console.error("killOp:", e.message));
  },
  drop: async (s) => {
    await s.renameCollection("compass_shop.copy", "renamed");
    await s.dropCollection("compass_shop.renamed");
    await s.dropDatabase("compass_shop");
  },
};

(async () => {
  const order = ["create collection", "sidebar", "documents", "edit", "bulk update and delete", "schema", "explain", "aggregations",
    "indexes", "validation", "performance", "drop"];
  const service = await connect({ connectionOptions: { connectionString: process.argv[2] }, productName: "recorder", productDocsLink: "" });
  for (action of order) {
    try { await ACTIONS[action](service); } catch (error) { console.error(action, error); process.exitCode = 1; }
  }
  await service.disconnect();
  process.exit();
})();
