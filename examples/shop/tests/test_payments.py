"""Payments: they count once, whatever the database does meanwhile. Faults make it do that."""

import asyncio

import pytest
import pytest_asyncio
from pymongo.errors import OperationFailure
from shop.models import Line, Order, Payment
from shop.orders import WrongPaymentError, pay, place_order

from pytest_secantus import faults


@pytest_asyncio.fixture
async def order(ann):
    """An open order of 420 cents."""
    return await place_order(ann.id, [Line(article="bread", count=1)])


async def test_a_payment_is_repeated(order):
    assert await pay(order.id, "key-1", 420) == await pay(order.id, "key-1", 420)
    assert await Payment.find_all().count() == 1
    assert (await Order.get(order.id)).state == "paid"


async def test_both_requests_come_at_once(order):
    first, second = await asyncio.gather(pay(order.id, "key-1", 420), pay(order.id, "key-1", 420))
    assert first == second
    assert await Payment.find_all().count() == 1


async def test_a_second_payment_is_refused(order):
    await pay(order.id, "key-1", 420)
    for key, cents in (("key-2", 420), ("key-1", 421)):
        with pytest.raises(WrongPaymentError):
            await pay(order.id, key, cents)
    assert await Payment.find_all().count() == 1


PASSING = [
    faults.fail("insert", code=11600, times=1),
    faults.drop_connection("commitTransaction", times=1),
    faults.write_concern_error("commitTransaction", code=64, times=1),
    faults.overload("update", times=1),
    faults.delay("find", "insert", seconds=0.01, client="shop"),
]


@pytest.mark.parametrize("fault", PASSING)
async def test_a_payment_survives(order, secantus_faults, fault):
    secantus_faults.set(fault)
    await pay(order.id, "key-1", 420)
    assert (await Order.get(order.id)).state == "paid"
    assert await Payment.find_all().count() == 1


async def test_an_error_that_no_driver_retries_pays_nothing(order, secantus_faults):
    with secantus_faults.fail("update", code=8000, namespace="shop.orders") as fault, pytest.raises(OperationFailure):
        await pay(order.id, "key-1", 420)
    assert fault.count == 1
    assert await Payment.find_all().count() == 0


def test_the_database_does_not_answer(api, secantus_faults):
    assert api.get("/health").status_code == 200
    secantus_faults.fail("ping", code=8000)
    assert api.get("/health").status_code == 503
