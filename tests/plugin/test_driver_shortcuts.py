"""The shorter replacements for functions of pymongo that create collections and send commands: they send what the replaced ones send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_secantus import direct_driver
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

HELPERS = """
    import json
    import os
    import threading

    import bson
    import pymongo
    import pytest
    from bson.codec_options import CodecOptions
    from bson.json_util import dumps
    from bson.son import SON
    from pymongo import MongoClient, ReadPreference, UpdateOne, WriteConcern, monitoring
    from pymongo.errors import (
        AutoReconnect, BulkWriteError, DocumentTooLarge, DuplicateKeyError, InvalidName, InvalidOperation, OperationFailure, PyMongoError,
        WriteConcernError,
    )
    from pymongo.read_concern import ReadConcern


    @pytest.fixture
    def client(secantus_uri):
        with MongoClient(secantus_uri) as client:
            client.admin.command("ping")
            yield client


    def fail(client, **data):
        client.admin.command("configureFailPoint", "failCommand", mode={"times": data.pop("times", 1)}, data=data)


    class Log(monitoring.CommandListener):
        def __init__(self):
            self.names = []

        def started(self, event):
            self.names.append("started " + event.command_name)

        def succeeded(self, event):
            self.names.append("succeeded " + event.command_name)

        def failed(self, event):
            self.names.append("failed " + event.command_name)
"""

TESTS = """
    def test_the_methods(client):
        for method in (pymongo.database.Database.__getitem__, MongoClient._tmp_session, pymongo.synchronous.pool.Connection.command):
            assert method.__code__.co_filename.endswith("driver_shortcuts.py") is IS_SHORT


    @pytest.mark.parametrize("name", ["things", "a.b", "with space", "_private", "a1"])
    def test_a_collection(client, name):
        db = client.get_database("shop", write_concern=WriteConcern("majority"), codec_options=CodecOptions(document_class=SON))
        for owner in (db, client.shop):
            made, found = pymongo.collection.Collection(owner, name), owner[name]
            assert {key: repr(value) for key, value in vars(found).items()} == {key: repr(value) for key, value in vars(made).items()}
            assert type(found) is type(made)
            assert found == made
        made, found = pymongo.database.Database(client, "shop"), client["shop"]
        assert vars(found) == vars(made)


    @pytest.mark.parametrize("name", ["", "a..b", "$a", ".a", "a.", "a" + chr(0) + "b"])
    def test_an_invalid_name(client, name):
        with pytest.raises(InvalidName):
            client.shop[name]
        with pytest.raises(TypeError):
            client.shop[5]
        with pytest.raises(InvalidName):
            client["a b"]


    def test_errors(client):
        things = client.shop.things
        things.insert_one({"_id": 1})
        with pytest.raises(DuplicateKeyError) as caught:
            things.insert_one({"_id": 1})
        assert caught.value.details["keyValue"] == {"_id": 1}
        with pytest.raises(OperationFailure) as caught:
            client.shop.command("nonsense")
        assert caught.value.code == 59
        assert client.shop.command("nonsense", check=False)["code"] == 59
        assert client.shop.command("nonsense", allowable_errors=[59])["code"] == 59
        with pytest.raises(DocumentTooLarge):
            things.insert_one({"a": "x" * 17_000_000})
        things.drop()


    def test_retries(client):
        things = client.shop.retried
        fail(client, failCommands=["insert"], closeConnection=True)
        things.insert_one({"_id": 1})
        fail(client, failCommands=["aggregate"], errorCode=6)
        assert things.count_documents({}) == 1
        fail(client, failCommands=["insert"], closeConnection=True, times=2)
        with pytest.raises(AutoReconnect) as caught:
            things.insert_one({"_id": 2})
        assert caught.value.has_error_label("RetryableWriteError")
        fail(client, failCommands=["insert"], writeConcernError={"code": 64, "errmsg": "late"})
        with pytest.raises(WriteConcernError):
            things.insert_one({"_id": 3})
        assert things.count_documents({}) == 2


    def test_arguments_by_position(client):
        (server,) = client._topology._servers.values()
        rest = (ReadPreference.PRIMARY, CodecOptions(), True, None, None, None)
        with client.start_session() as session, server.pool.checkout() as conn:
            for arguments in (rest, (*rest, True), (*rest, True, None)):
                assert conn.command("shop", {"ping": 1}, *arguments, session=session, client=client)["ok"] == 1
            assert conn.command("shop", {"ping": 1}, *rest, True, None, session, client)["ok"] == 1
            with pytest.raises(TypeError):
                conn.command("shop", {"ping": 1}, *rest, read_preference=ReadPreference.PRIMARY)


    def test_a_reply_that_asks_for_a_login(client, monkeypatch):
        logins = []
        log_in = pymongo.synchronous.pool.Connection.authenticate

        def authenticate(conn, reauthenticate=False):
            # The monitors open connections at any time.
            logins.append(reauthenticate) if reauthenticate else log_in(conn)

        monkeypatch.setattr(pymongo.synchronous.pool.Connection, "authenticate", authenticate)
        fail(client, failCommands=["count"], errorCode=391)
        assert client.shop.command("count", "things")["n"] == 0
        assert logins == [True]
        fail(client, failCommands=["ping"], errorCode=391, times=2)
        with pytest.raises(OperationFailure) as caught:
            client.shop.command("ping")
        assert caught.value.code == 391
        assert logins == [True, True]


    def test_an_interruption_closes_the_connection(client, monkeypatch):
        def interrupt(*args):
            raise KeyboardInterrupt

        client.shop.things.count_documents({})
        (server,) = client._topology._servers.values()
        (conn,) = server.pool.conns
        with monkeypatch.context() as patch:
            patch.setattr(type(conn), "receive_message", interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.shop.things.count_documents({})
        assert conn.closed
        assert client.shop.things.count_documents({}) == 0


    def test_events(secantus_uri):
        log = Log()
        with MongoClient(secantus_uri, event_listeners=[log]) as client:
            client.shop.seen.insert_one({})
            with pytest.raises(OperationFailure):
                client.shop.command("nonsense")
        assert log.names[:4] == ["started insert", "succeeded insert", "started nonsense", "failed nonsense"]


    def test_a_session_of_another_client(client, secantus_uri):
        with MongoClient(secantus_uri) as other, other.start_session() as session:
            with pytest.raises(InvalidOperation):
                client.shop.things.insert_one({}, session=session)
        with pytest.raises(ValueError):
            client.shop.things.count_documents({}, session=5)


    def test_sessions_are_lent(client):
        client.shop.lent.insert_many([{} for _ in range(5)])
        sessions = client._topology._session_pool
        before = len(sessions)
        assert len(list(client.shop.lent.find(batch_size=2))) == 5
        cursor = client.shop.lent.find(batch_size=2)
        next(cursor)
        assert len(sessions) == before - 1
        cursor.close()
        assert len(sessions) == before
        fail(client, failCommands=["ping"], closeConnection=True)
        with pytest.raises(AutoReconnect):
            client.admin.command("ping")
        # The session of a broken connection is not used again.
        assert len(sessions) == before - 1
        with client.start_session() as session, session.bind():
            client.shop.lent.count_documents({})
            assert session.session_id
        with client.start_session() as session, session.start_transaction():
            assert session.in_transaction
            client.shop.lent.insert_one({}, session=session)
        assert not session.in_transaction
        assert client.shop.lent.count_documents({}) == 6


    def test_what_is_sent(client, monkeypatch):
        sent, plain, main = [], pymongo.synchronous.pool.sendall, threading.get_ident()

        def record(line, message):
            # The further sections have the documents and statements of writes.
            end = 21 + int.from_bytes(message[21:25], "little")
            flags, document, further = message[16:20].hex(), bson.decode(message[21:end]), message[end:].hex()
            for name in ("lsid", "$clusterTime"):
                document[name] = name in document
            for name in ("afterClusterTime", "atClusterTime"):
                if name in document.get("readConcern", {}):
                    document["readConcern"][name] = True
            if "getMore" in document:
                document["getMore"] = True
            # The client's monitors send others at any time.
            if threading.get_ident() == main:
                sent.append((flags, dumps(document), further))
            plain(line, message)

        monkeypatch.setattr(pymongo.synchronous.pool, "sendall", record)
        run_all(client)
        with open(os.environ["SENT"], "w") as file:
            json.dump(sent, file)


    def run_all(client):
        db = client.shop
        things = db.things
        things.insert_one({"_id": 1, "a": 1}, comment="why")
        things.insert_many([{"_id": number} for number in range(2, 9)])
        things.update_one({"_id": 1}, {"$inc": {"a": 1}}, upsert=True, let={"x": 1})
        things.replace_one({"_id": 2}, {"b": 1})
        things.bulk_write([UpdateOne({"_id": 3}, {"$set": {"c": 1}}), pymongo.DeleteOne({"_id": 4}), pymongo.InsertOne({"_id": 40})])
        things.delete_many({"_id": {"$gt": 7}})
        things.find_one_and_update({"_id": 5}, {"$set": {"d": 1}}, projection={"d": 1})
        things.create_index("a", name="by_a")
        things.count_documents({"a": {"$gt": 0}}, collation={"locale": "de"})
        things.estimated_document_count()
        things.distinct("a", {"_id": 1})
        list(things.aggregate([{"$match": {"_id": {"$lt": 5}}}, {"$out": "copied"}]))
        list(things.find({}, {"_id": 1}, batch_size=2, sort=[("_id", -1)]))
        things.with_options(read_concern=ReadConcern("majority"), read_preference=ReadPreference.NEAREST).count_documents({})
        things.with_options(write_concern=WriteConcern(1, j=True)).insert_one({"_id": 100})
        things.with_options(write_concern=WriteConcern(0)).insert_one({"_id": 101})
        things.with_options(codec_options=CodecOptions(document_class=SON)).aggregate([{"$limit": 1}]).next()
        db.command(SON([("count", "things"), ("query", {"a": 1})]), read_preference=ReadPreference.SECONDARY_PREFERRED)
        db.command({"ping": 1})
        db.list_collection_names()
        with client.start_session(causal_consistency=True) as session:
            things.insert_one({"_id": 200}, session=session)
            things.count_documents({}, session=session)
            things.with_options(read_concern=ReadConcern("local")).count_documents({}, session=session)
            with session.start_transaction():
                things.insert_one({"_id": 201}, session=session)
                things.count_documents({}, session=session)
        with client.start_session(snapshot=True) as session:
            things.count_documents({}, session=session)
            things.distinct("a", session=session)
        with pymongo.timeout(10):
            things.insert_one({"_id": 300})
        db.things.rename("renamed")
        db.drop_collection("renamed")
"""


@pytest.fixture(autouse=True)
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the project writes the messages that it sends."""
    monkeypatch.setenv("SENT", str(tmp_path / "sent.json"))
    return tmp_path / "sent.json"


def messages(project: Project, sent: Path, *, is_short: bool) -> list[Any]:
    """Run the project's tests, and return the messages that they send."""
    project.write(test_it=HELPERS + TESTS.replace("IS_SHORT", str(is_short)))
    project.run("--secantus-process", "no").assert_outcomes(passed=TESTS.count("def test_") + 4 + 5)
    found: list[Any] = json.loads(sent.read_text())
    sent.unlink()
    return found


def test_the_same_messages_are_sent(project: Project, sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = messages(project, sent, is_short=True)
    monkeypatch.setattr(direct_driver, "SHORTENED", ())
    assert short == messages(project, sent, is_short=False)
    assert len(short) > 30
