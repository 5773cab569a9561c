"""Users, roles and certificates."""

import pytest
from fastapi.testclient import TestClient
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from shop.app import app


def test_the_application_logs_in(secantus_db):
    with TestClient(app) as client:
        assert client.post("/customers", json={"mail": "ann@example.org", "name": "Ann"}).status_code == 201
    assert secantus_db.customers.count_documents({}) == 1


def test_the_application_may_use_its_database_only(secantus_client):
    with pytest.raises(OperationFailure, match="not authorized"):
        secantus_client.wages.people.find_one()


def test_who_reads_cannot_write(secantus_client_as):
    secantus_client_as("admin").shop.articles.insert_one({"_id": "apple"})
    reader = secantus_client_as("read@shop")
    assert reader.shop.articles.find_one() == {"_id": "apple"}
    with pytest.raises(OperationFailure, match="not authorized"):
        reader.shop.articles.delete_one({"_id": "apple"})


@pytest.mark.secantus_auth("jo", "pw", "read@shop")
def test_a_user_of_one_test(secantus_server, secantus_tls):
    options = {"port": secantus_server.port, "username": "jo", **secantus_tls.options()}
    with MongoClient(password="pw", **options) as client:
        assert client.shop.articles.find_one() is None
    with MongoClient(password="wrong", **options) as client, pytest.raises(OperationFailure, match="Authentication failed"):
        client.shop.articles.find_one()


def test_a_client_without_a_certificate(secantus_server, secantus_tls):
    with (
        MongoClient(port=secantus_server.port, tls=True, tlsCAFile=secantus_tls.ca_file, serverSelectionTimeoutMS=200) as client,
        pytest.raises(ServerSelectionTimeoutError),
    ):
        client.admin.command("ping")
