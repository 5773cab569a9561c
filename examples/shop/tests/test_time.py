"""The clock: what happens in two hours, in a night, in a year."""

from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from shop.models import Article, Basket, Line, Order
from shop.nightly import expire_orders
from shop.orders import pay, place_order

NOON = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)


def test_a_basket_expires(secantus_clock, indexes, secantus_db):
    secantus_db.baskets.insert_one({"touched_at": secantus_clock.freeze()})
    secantus_clock.tick(timedelta(hours=2))
    assert secantus_db.baskets.count_documents({}) == 0


async def test_a_basket_that_is_touched_stays(ann):
    basket = Basket(id=ann.id, lines=[Line(article="apple", count=1)])
    with time_machine.travel(NOON, tick=False) as traveller:
        await basket.insert()
        traveller.shift(timedelta(hours=1, minutes=59))
        await Basket(id=ann.id, lines=[]).save()
        traveller.shift(timedelta(hours=1))
        assert await Basket.get(ann.id) is not None
        traveller.shift(timedelta(hours=1))
        assert await Basket.get(ann.id) is None


async def test_an_order_waits_for_a_day(ann):
    with time_machine.travel(NOON, tick=False) as traveller:
        order = await place_order(ann.id, [Line(article="coffee", count=5)])
        traveller.shift(timedelta(hours=24))
        assert await expire_orders() == 0
        traveller.shift(timedelta(seconds=1))
        assert await expire_orders() == 1
        assert await expire_orders() == 0
    assert (await Order.get(order.id)).state == "expired"
    assert (await Article.get("coffee")).stock == 5


async def test_a_paid_order_does_not_expire(ann):
    with time_machine.travel(NOON, tick=False) as traveller:
        order = await place_order(ann.id, [Line(article="coffee", count=5)])
        await pay(order.id, "key", order.total_cents)
        traveller.shift(timedelta(days=30))
        assert await expire_orders() == 0


@pytest.mark.secantus_seed("seeds/last_year")
async def test_the_order_of_last_year_expires(models):
    assert await expire_orders() == 1
    assert (await Article.get("bread")).stock == 13


def test_the_end_of_the_year(secantus_clock, secantus_db):
    secantus_clock.set(datetime(2030, 12, 31, 23, 59, 59, tzinfo=timezone.utc))
    secantus_db.articles.update_one({"_id": "apple"}, [{"$set": {"year": {"$year": "$$NOW"}}}])
    secantus_clock.tick(1)
    secantus_db.articles.update_one({"_id": "bread"}, [{"$set": {"year": {"$year": "$$NOW"}}}])
    assert [one["year"] for one in secantus_db.articles.find({"_id": {"$in": ["apple", "bread"]}})] == [2030, 2031]
