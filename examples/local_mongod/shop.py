"""A shop's stock and orders, in the MongoDB on localhost."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

client: MongoClient[dict[str, Any]] = MongoClient("localhost", 27017)
db = client.shop


class OutOfStock(Exception):
    """There is not enough stock of an article."""


def stock_up(article: str, amount: int) -> None:
    """Add to the stock of an article."""
    db.stock.update_one({"_id": article}, {"$inc": {"amount": amount}}, upsert=True)


def order(customer: str, **articles: int) -> Any:
    """Order articles and return the order's number. Raises OutOfStock and leaves the stock unchanged if there are not enough."""
    taken: dict[str, int] = {}
    for article, amount in articles.items():
        if not db.stock.update_one({"_id": article, "amount": {"$gte": amount}}, {"$inc": {"amount": -amount}}).modified_count:
            for back, number in taken.items():
                stock_up(back, number)
            raise OutOfStock(article)
        taken[article] = amount
    lines = [{"article": article, "amount": amount} for article, amount in articles.items()]
    return db.orders.insert_one({"customer": customer, "lines": lines}).inserted_id


def sold() -> dict[str, int]:
    """Return the amount sold of each article."""
    pipeline: list[dict[str, Any]] = [
        {"$unwind": "$lines"},
        {"$group": {"_id": "$lines.article", "amount": {"$sum": "$lines.amount"}}},
        {"$sort": {"_id": 1}},
    ]
    return {article["_id"]: article["amount"] for article in db.orders.aggregate(pipeline)}
