"""Tests without the database, which cannot reach it by mistake."""

import os

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from shop.models import Line
from shop.prices import total_cents


def test_one_in_ten_is_free():
    assert [total_cents([Line(article="apple", count=count, price_cents=50)]) for count in (1, 9, 10, 11, 20)] == [50, 450, 450, 500, 900]


def test_the_database_is_blocked():
    with MongoClient(os.environ["MONGODB_URI"]) as client, pytest.raises(OperationFailure, match="requests no fixture of the plugin"):
        client.shop.articles.find_one()
