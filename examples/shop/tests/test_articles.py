"""Fixtures and seeds: what a test finds in the database, and that nothing stays."""

import unittest

import pytest


def test_everything_is_sold(secantus_db):
    secantus_db.articles.delete_many({})
    assert secantus_db.articles.count_documents({}) == 0


def test_the_catalogue_is_there_again(secantus_db):
    assert secantus_db.articles.count_documents({}) == 4


def test_articles_by_http(api):
    assert [one["_id"] for one in api.get("/articles").json()] == ["apple", "bread", "coffee", "globe"]
    assert api.get("/articles/bread").json() == {"_id": "bread", "name": "Bread", "price_cents": 420, "stock": 12}
    assert api.get("/articles/sword").status_code == 404


async def test_an_asynchronous_test(secantus_async_db):
    await secantus_async_db.articles.update_one({"_id": "bread"}, {"$inc": {"stock": -1}})
    assert (await secantus_async_db.articles.find_one({"_id": "bread"}))["stock"] == 11


@pytest.mark.secantus_seed("seeds/last_year")
def test_a_seed_of_files(secantus_db):
    assert secantus_db.orders.count_documents({"state": "paid"}) == 2
    assert secantus_db.articles.count_documents({}) == 4


def many_articles(db):
    db.articles.insert_many([{"_id": f"card-{number}", "name": f"Card {number}", "price_cents": 100} for number in range(300)])


@pytest.mark.secantus_seed([many_articles])
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_seed_of_code_runs_once(secantus_db, attempt):
    assert secantus_db.articles.delete_many({"_id": {"$regex": "^card-"}}).deleted_count == 300


class TestOfUnittest(unittest.TestCase):
    """A unittest class requests fixtures in a fixture that is used automatically."""

    @pytest.fixture(autouse=True)
    def database(self, secantus_db):
        self.articles = secantus_db.articles

    def setUp(self):
        self.articles.insert_one({"_id": "fig", "name": "Fig", "price_cents": 30, "stock": 2})

    def test_a_fig_is_sold(self):
        self.articles.update_one({"_id": "fig"}, {"$inc": {"stock": -1}})
        assert self.articles.find_one({"_id": "fig"})["stock"] == 1

    def test_each_method_has_two_figs(self):
        assert self.articles.find_one({"_id": "fig"})["stock"] == 2
