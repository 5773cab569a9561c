import mongoose from "mongoose";
import { beforeAll, expect, test } from "vitest";
import { Order, totalOf } from "./orders.js";

// Data that all tests of this file share: written before the first snapshot, so it stays.
beforeAll(async () => {
  await Order.create({ number: 1, customer: "ann", lines: [{ price: 3, count: 2 }] });
});

test("the total of a customer", async () => {
  await Order.create({ number: 2, customer: "ann", lines: [{ price: 10, count: 1 }] });
  expect(await totalOf("ann")).toBe(16);
});

test("nothing of another test is left", async () => {
  expect(await totalOf("ann")).toBe(6);
  expect(await Order.countDocuments()).toBe(1);
});

test("the unique index is there in each test", async () => {
  await expect(Order.create({ number: 1 })).rejects.toThrow(/E11000/);
});

test("a dropped collection comes back", async () => {
  await Order.collection.drop();
  expect(await Order.countDocuments()).toBe(0);
});

test("a transaction", async () => {
  await mongoose.connection.transaction(async (session) => {
    await Order.create([{ number: 3, customer: "bob", lines: [{ price: 1, count: 1 }] }], { session });
  });
  expect(await totalOf("bob")).toBe(1);
});
