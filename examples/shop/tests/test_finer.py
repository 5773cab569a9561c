"""Isolation in layers and within a test."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="class")
def toys(secantus_client):
    """Articles of a whole class of tests."""
    secantus_client.shop.articles.insert_many([{"_id": "ball", "stock": 3}, {"_id": "kite", "stock": 1}])


class TestToys:
    def test_a_ball_is_sold(self, toys, secantus_db):
        secantus_db.articles.delete_one({"_id": "ball"})
        assert secantus_db.articles.count_documents({}) == 5

    def test_the_ball_is_there_again(self, toys, secantus_db):
        assert secantus_db.articles.count_documents({}) == 6


def test_no_toys_are_left(secantus_db):
    assert secantus_db.articles.count_documents({}) == 4


def test_each_price(secantus_server, secantus_db):
    for cents in (1, 2, 3):
        with secantus_server.checkpoint():
            secantus_db.articles.update_one({"_id": "apple"}, {"$inc": {"price_cents": cents}})
            assert secantus_db.articles.find_one({"_id": "apple"})["price_cents"] == 50 + cents


def test_back_and_forth(secantus_server, secantus_db):
    before = secantus_server.snapshot()
    secantus_db.drop_collection("articles")
    secantus_server.restore(before)
    assert secantus_db.articles.count_documents({}) == 4
    secantus_server.release(before)


@pytest.fixture
def fig(secantus_db):
    secantus_db.articles.insert_one({"_id": "fig", "stock": 2})


def test_resets_by_hand(secantus_reset, fig, secantus_db):
    for count in (1, 2):
        secantus_db.articles.update_one({"_id": "fig"}, {"$inc": {"stock": -count}})
        assert secantus_db.articles.find_one({"_id": "fig"})["stock"] == 2 - count
        secantus_reset()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None, max_examples=20)
@given(st.integers(1, 12))
def test_each_example_finds_twelve_loaves(secantus_db, count):
    secantus_db.articles.update_one({"_id": "bread"}, {"$inc": {"stock": -count}})
    assert secantus_db.articles.find_one({"_id": "bread"})["stock"] == 12 - count


def test_each_subtest_finds_twelve_loaves(subtests, secantus_db):
    for count in (1, 2):
        with subtests.test(count=count):
            secantus_db.articles.update_one({"_id": "bread"}, {"$inc": {"stock": -count}})
            assert secantus_db.articles.find_one({"_id": "bread"})["stock"] == 12 - count
