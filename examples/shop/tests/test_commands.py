"""The command log and plan checks: which commands a function sends, and whether they would be slow on a large database."""

import pytest
import pytest_asyncio
from shop.models import Customer, Line, Order
from shop.orders import latest_orders, names_at_once, names_one_by_one, place_order, sold


@pytest_asyncio.fixture
async def orders(ann):
    """60 orders of 30 customers."""
    customers = [Customer(mail=f"{number}@example.org", name=f"Customer {number}") for number in range(30)]
    ids = (await Customer.insert_many(customers)).inserted_ids
    line = Line(article="apple", count=1, price_cents=50)
    await Order.insert_many([Order(customer=ids[number % 30], lines=[line], total_cents=50, state="paid") for number in range(60)])
    return await Order.find_all().limit(60).to_list()


async def test_the_latest_orders_need_one_command(ann, secantus_commands):
    with secantus_commands.expect(1) as block:
        await latest_orders(ann.id)
    (find,) = block
    assert find.shape.startswith("db.orders.find({ customer: ? }")
    assert find.plan_summary == "IXSCAN { customer: 1, placed_at: -1 }"
    assert find.source is not None


async def test_an_order_updates_the_stock_once_per_line(ann, secantus_commands):
    with (
        secantus_commands.expect(2, name="findAndModify", namespace="shop.articles"),
        secantus_commands.expect(1, name="insert"),
        secantus_commands.expect(at_most=5),
    ):
        await place_order(ann.id, [Line(article="apple", count=1), Line(article="bread", count=1)])


def test_an_expectation_that_fails_lists_the_commands(secantus_db, secantus_commands):
    with pytest.raises(AssertionError, match="expected 0 commands, but 1 ran") as caught, secantus_commands.expect(0):
        secantus_db.articles.find_one({"_id": "apple"})
    assert 'db.articles.find({ _id: "apple" }).limit(1)' in str(caught.value)


def test_the_commands_of_a_request(api, secantus_commands):
    with secantus_commands.expect(1, name="find"), secantus_commands.expect(0, name=["insert", "update", "delete"]):
        api.get("/articles/bread")


async def test_names_at_once(orders):
    assert len(await names_at_once(orders)) == 60


@pytest.mark.xfail(strict=True, reason="n_plus_one: a command per order, of the same shape and from the same line")
async def test_names_one_by_one(orders):
    assert len(await names_one_by_one(orders)) == 60


@pytest.mark.xfail(strict=True, reason="collscan: no index serves the amount")
def test_an_amount_without_an_index(orders, secantus_db):
    assert secantus_db.orders.find_one({"total_cents": 51}) is None


@pytest.mark.secantus_allow("collscan")
async def test_the_report_may_scan(orders):
    assert await sold("apple") == 60
    assert await sold("bread") == 0


@pytest.mark.secantus_fail_on(collscan=100)
async def test_a_higher_threshold(orders):
    assert await sold("bread") == 0
