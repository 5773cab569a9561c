"""The job of each night: orders that nobody has paid give their articles back."""

from __future__ import annotations

from datetime import timedelta

from pymongo.asynchronous.client_session import AsyncClientSession

from shop.database import in_transaction
from shop.models import Article, Order, now

#: How long an order waits for its payment.
PATIENCE = timedelta(days=1)


async def expire_orders() -> int:
    """Expire the open orders that are too old; return how many there were."""
    due = await Order.find(Order.state == "open", Order.placed_at < now() - PATIENCE).sort(+Order.placed_at).limit(1000).to_list()
    return sum([await expire(order) for order in due])


async def expire(order: Order) -> bool:
    """Expire one order and return its articles to the stock, unless it has been paid meanwhile."""

    async def work(session: AsyncClientSession) -> bool:
        change = {"$set": {"state": "expired"}}
        updated = await Order.get_pymongo_collection().update_one({"_id": order.id, "state": "open"}, change, session=session)
        if updated.modified_count:
            for line in order.lines:
                await Article.get_pymongo_collection().update_one({"_id": line.article}, {"$inc": {"stock": line.count}}, session=session)
        return bool(updated.modified_count)

    return await in_transaction(work)
