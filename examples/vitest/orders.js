import mongoose from "mongoose";

const schema = new mongoose.Schema({ number: { type: Number, unique: true }, customer: String, lines: [{ price: Number, count: Number }] });

export const Order = mongoose.model("Order", schema);

export async function totalOf(customer) {
  const [found] = await Order.aggregate([
    { $match: { customer } },
    { $unwind: "$lines" },
    { $group: { _id: null, total: { $sum: { $multiply: ["$lines.price", "$lines.count"] } } } },
  ]);
  return found ? found.total : 0;
}
