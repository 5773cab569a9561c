"""The shop's tests, written for a MongoDB on localhost. They clean up by hand, and not completely."""

import unittest

import pytest
import shop
from pymongo import MongoClient


@pytest.fixture(scope="module", autouse=True)
def stock():
    shop.stock_up("apple", 10)
    shop.stock_up("pear", 3)
    yield
    shop.db.stock.delete_many({})


def amount(article):
    return shop.db.stock.find_one({"_id": article})["amount"]


def test_ordering_takes_from_stock():
    shop.order("ada", apple=4, pear=1)
    assert (amount("apple"), amount("pear")) == (6, 2)


def test_an_order_that_cannot_be_filled_takes_nothing():
    with pytest.raises(shop.OutOfStock):
        shop.order("bo", apple=1, pear=4)
    assert (amount("apple"), amount("pear")) == (10, 3)
    assert shop.db.orders.count_documents({}) == 0


@pytest.mark.parametrize("number", range(10))
def test_every_apple_can_be_sold(number):
    for _ in range(10):
        shop.order("cy", apple=1)
    assert shop.sold() == {"apple": 10}
    assert amount("apple") == 0


class TestWithUnittest(unittest.TestCase):
    def setUp(self):
        self.client = MongoClient("mongodb://127.0.0.1:27017/shop")
        self.addCleanup(self.client.close)

    def test_another_client_sees_the_same(self):
        shop.order("ada", pear=3)
        assert self.client.get_default_database().orders.count_documents({"customer": "ada"}) == 1

    def test_nothing_is_left_of_other_tests(self):
        assert self.client.shop.orders.count_documents({}) == 0
