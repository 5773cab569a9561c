"""Orders: placing, paying, listing."""

from __future__ import annotations

from collections.abc import Sequence

from beanie import PydanticObjectId
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from shop.database import in_transaction
from shop.models import Article, Basket, Customer, Line, Order, Payment
from shop.prices import total_cents


class OutOfStockError(Exception):
    """There are not enough pieces of an article."""


class WrongPaymentError(Exception):
    """The payment does not fit the order."""


async def place_order(customer: PydanticObjectId, wanted: Sequence[Line]) -> Order:
    """Take the articles from the stock and store the order, both or neither.

    Raises:
        OutOfStockError: there are not enough pieces of an article.
    """

    async def work(session: AsyncClientSession) -> Order:
        lines = []
        for line in wanted:
            article = await Article.get_pymongo_collection().find_one_and_update(
                {"_id": line.article, "stock": {"$gte": line.count}},
                {"$inc": {"stock": -line.count}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if article is None:
                raise OutOfStockError(line.article)
            lines.append(Line(article=line.article, count=line.count, price_cents=article["price_cents"]))
        order = Order(customer=customer, lines=lines, total_cents=total_cents(lines))
        await order.insert(session=session)
        await Basket.get_pymongo_collection().delete_one({"_id": customer}, session=session)
        return order

    return await in_transaction(work)


async def pay(order: PydanticObjectId, key: str, cents: int) -> Payment:
    """Record a payment. The provider may repeat its request: the same key pays once.

    Raises:
        WrongPaymentError: the order is not open, the amount is not its total, or the key belongs to another payment.
    """

    async def work(session: AsyncClientSession) -> Payment:
        payment = Payment(id=key, order=order, cents=cents)
        await payment.insert(session=session)
        change = {"$set": {"state": "paid"}}
        open_order = {"_id": order, "state": "open", "total_cents": cents}
        updated = await Order.get_pymongo_collection().update_one(open_order, change, session=session)
        if updated.modified_count == 0:
            raise WrongPaymentError(str(order))
        return payment

    try:
        return await in_transaction(work)
    except DuplicateKeyError:
        before = await Payment.get(key)
        if before is None or (before.order, before.cents) != (order, cents):
            raise WrongPaymentError(key) from None
        return before


async def latest_orders(customer: PydanticObjectId, count: int = 20) -> list[Order]:
    """The newest orders of a customer, newest first."""
    return await Order.find(Order.customer == customer).sort(-Order.placed_at).limit(count).to_list()


async def names_one_by_one(orders: Sequence[Order]) -> list[str]:
    """The names of the customers of some orders: with a command for each order."""
    found = [await Customer.get(order.customer) for order in orders]
    return [customer.name for customer in found if customer is not None]


async def names_at_once(orders: Sequence[Order]) -> list[str]:
    """The same with one command."""
    wanted = {order.customer for order in orders}
    names = {one.id: one.name for one in await Customer.find({"_id": {"$in": list(wanted)}}).to_list()}
    return [names[order.customer] for order in orders if order.customer in names]


async def sold(article: str) -> int:
    """How many pieces of an article were ordered and paid. A report of once a day, which may read all orders."""
    found = await Order.aggregate(
        [
            {"$match": {"lines.article": article, "state": "paid"}},
            {"$unwind": "$lines"},
            {"$match": {"lines.article": article}},
            {"$group": {"_id": None, "count": {"$sum": "$lines.count"}}},
        ]
    ).to_list()
    return found[0]["count"] if found else 0
