"""`secantus_block`: tests that request none of our fixtures cannot reach the server."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

TESTS = """
    import os
    import unittest

    import pytest
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure


    @pytest.fixture(scope="module", autouse=True)
    def app():
        with MongoClient(os.environ["MONGODB_URI"]) as client:
            client.shop.articles.insert_one({"_id": 1})
            yield client
            client.shop.articles.delete_one({})


    def setup_module():
        with MongoClient(os.environ["MONGODB_URI"]) as client:
            client.shop.other.insert_one({})


    def is_blocked(client):
        with pytest.raises(OperationFailure) as caught:
            client.shop.articles.find_one()
        assert caught.value.code == 20
        assert "secantus_block: this test requests no fixture of the plugin" in str(caught.value)
        assert "@pytest.mark.usefixtures('secantus_server')" in str(caught.value)
        return True


    def test_plain(app):
        assert is_blocked(app)
        with MongoClient(os.environ["MONGODB_URI"]) as client:
            assert is_blocked(client)
            with pytest.raises(OperationFailure):
                client.shop.articles.insert_one({})


    def test_with_a_fixture(app, secantus_db):
        assert app.shop.articles.count_documents({}) == 1


    @pytest.mark.usefixtures("secantus_server")
    def test_with_a_marker(app):
        assert app.shop.articles.count_documents({}) == 1


    @pytest.fixture
    def own(secantus_uri): pass


    def test_through_a_fixture(app, own):
        assert app.shop.articles.count_documents({}) == 1


    @pytest.mark.secantus_seed([lambda db: db.orders.insert_one({})])
    def test_with_a_seed(app):
        assert app.secantus_test.orders.count_documents({}) == 1


    class Case(unittest.TestCase):
        def test_case(self):
            with MongoClient(os.environ["MONGODB_URI"]) as client:
                assert is_blocked(client)


    @pytest.fixture(scope="class")
    def late(app):
        app.shop.late.insert_one({})
        return app.shop.late


    def test_a_wider_fixture_in_between(app, request):
        assert is_blocked(app)
        late = request.getfixturevalue("late")
        assert is_blocked(app)


    @pytest.fixture
    def narrow(app):
        assert is_blocked(app)


    def test_its_own_fixtures(narrow): pass
"""


@pytest.mark.parametrize("process", ["no", "yes"])
def test_block(project: Project, process: str) -> None:
    project.ini("secantus_block = yes")
    project.write(test_it=TESTS)
    project.passes("--secantus", "--secantus-process", process, passed=8)


def test_no_block_by_default(project: Project) -> None:
    project.write(test_it=TESTS)
    project.run("--secantus").assert_outcomes(passed=4, failed=3, errors=1)
