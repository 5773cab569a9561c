"""Orders: transactions and what is left if one fails, through the models and by HTTP."""

import asyncio

import pytest
from shop.models import Article, Basket, Line, Order
from shop.orders import OutOfStockError, latest_orders, place_order


async def test_an_order_takes_from_the_stock(ann):
    order = await place_order(ann.id, [Line(article="bread", count=2), Line(article="coffee", count=1)])
    assert order.total_cents == 2 * 420 + 899
    assert (await Article.get("bread")).stock == 10
    assert await Order.get(order.id) == order


async def test_an_order_that_fails_changes_nothing(ann):
    with pytest.raises(OutOfStockError, match="coffee"):
        await place_order(ann.id, [Line(article="bread", count=2), Line(article="coffee", count=6)])
    assert (await Article.get("bread")).stock == 12
    assert await Order.find_all().count() == 0


async def test_two_want_the_last_globe(ann):
    results = await asyncio.gather(*(place_order(ann.id, [Line(article="globe", count=1)]) for _ in range(2)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Order", "OutOfStockError"]
    assert (await Article.get("globe")).stock == 0


async def test_an_order_empties_the_basket(ann):
    await Basket(id=ann.id, lines=[Line(article="apple", count=3)]).insert()
    await place_order(ann.id, [Line(article="apple", count=3)])
    assert await Basket.get(ann.id) is None


async def test_the_latest_orders_come_first(ann):
    placed = [await place_order(ann.id, [Line(article="apple", count=count)]) for count in (1, 2, 3)]
    assert [order.id for order in await latest_orders(ann.id, count=2)] == [placed[2].id, placed[1].id]


def test_an_order_by_http(api):
    ann = api.post("/customers", json={"mail": "ann@example.org", "name": "Ann"}).json()["_id"]
    placed = api.post("/orders", json={"customer": ann, "lines": [{"article": "apple", "count": 10}]})
    assert (placed.status_code, placed.json()["total_cents"]) == (201, 450)
    assert [order["_id"] for order in api.get(f"/customers/{ann}/orders").json()] == [placed.json()["_id"]]
    assert api.post("/orders", json={"customer": ann, "lines": [{"article": "globe", "count": 2}]}).status_code == 409


def test_an_address_joins_once(api):
    ann = {"mail": "ann@example.org", "name": "Ann"}
    assert api.post("/customers", json=ann).status_code == 201
    assert api.post("/customers", json=ann).status_code == 409
