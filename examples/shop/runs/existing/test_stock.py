"""Tests as they were before: they know nothing of Secantus."""

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure


@pytest.fixture
def stock():
    with MongoClient("localhost", 27017) as client:
        yield client.shop.stock


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_delivery(stock, attempt):
    stock.insert_one({"_id": "apple", "count": 10})
    assert stock.database.client.address == ("localhost", 27017)


def test_a_standalone_server_has_no_transactions(stock):
    with pytest.raises(OperationFailure) as caught, stock.database.client.start_session() as session, session.start_transaction():
        stock.insert_one({"_id": "apple"}, session=session)
    assert caught.value.code == 20
