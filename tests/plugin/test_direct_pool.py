"""The shorter replacements for pymongo's bookkeeping of pools and selection of servers: their effects are those of the replaced methods."""

from __future__ import annotations

import pytest

from pytest_secantus import direct_driver
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

HELPERS = """
    import threading
    from collections import UserDict, deque

    import bson
    import pymongo
    import pytest
    from bson.raw_bson import RawBSONDocument
    from bson.son import SON
    from pymongo import MongoClient, ReadPreference, monitoring
    from pymongo.errors import AutoReconnect, WaitQueueTimeoutError


    def counts(pool):
        return pool.operation_count, pool.requests, pool.active_sockets, len(pool.conns), len(pool.active_contexts)


    def pool_of(client):
        (server,) = client._topology._servers.values()
        return server.pool


    @pytest.fixture
    def client(secantus_uri):
        with MongoClient(secantus_uri) as client:
            client.admin.command("ping")
            yield client


    class Interrupted(deque):
        def popleft(self):
            super().popleft()
            raise KeyboardInterrupt


    class Log(monitoring.ConnectionPoolListener):
        def __init__(self):
            self.names = []

        def __getattribute__(self, name):
            own = object.__getattribute__(self, "__dict__")
            return own[name] if name in own else lambda event: own["names"].append(name)
"""

TESTS = """
    def test_the_methods(client):
        assert (pymongo.synchronous.pool.Pool.checkin.__code__.co_filename.endswith("driver_shortcuts.py")) is IS_SHORT


    def test_the_counts(client):
        pool = pool_of(client)
        before = pool.conns[0].last_checkin_time
        assert counts(pool) == (0, 0, 0, 1, 0)
        with pool.checkout() as conn:
            assert (counts(pool), conn.active) == ((1, 1, 1, 0, 1), True)
            with pool.checkout() as other:
                assert other is not conn
                assert counts(pool) == (2, 2, 2, 0, 2)
        assert (counts(pool), conn.active) == ((0, 0, 0, 2, 0), False)
        assert pool.conns[0] is conn
        assert conn.last_checkin_time > before


    def test_an_older_generation_is_replaced(client):
        pool = pool_of(client)
        with pool.checkout() as conn:
            pool.reset_without_pause()
        assert (counts(pool), conn.closed) == ((0, 0, 0, 0, 0), True)
        client.admin.command("ping")
        old = pool.conns[0]
        pool.gen.inc(None)
        with pool.checkout() as conn:
            assert conn is not old
        assert (counts(pool), old.closed) == ((0, 0, 0, 1, 0), True)


    def test_a_closed_connection_is_not_kept(client):
        pool = pool_of(client)
        with pool.checkout() as conn:
            conn.close_conn(None)
        assert counts(pool) == (0, 0, 0, 0, 0)


    def test_a_connection_that_the_server_closed(client):
        pool = pool_of(client)
        conn = pool.conns[0]
        conn.conn.conn.direct.close()
        pool._check_interval_seconds = 0
        client.admin.command("ping")
        assert (counts(pool), conn.closed) == ((0, 0, 0, 1, 0), True)


    def test_an_error_during_a_command(client):
        pool = pool_of(client)
        pool.conns[0].conn.conn.direct.close()
        pool._check_interval_seconds = None
        with pytest.raises(AutoReconnect), pool.checkout() as conn:
            conn.command("admin", {"ping": 1})
        assert counts(pool) == (0, 0, 0, 0, 0)
        assert client.admin.command("ping")["ok"]


    def test_an_interruption(client):
        pool = pool_of(client)
        conn = pool.conns[0]
        pool.conns = Interrupted(pool.conns)
        with pytest.raises(KeyboardInterrupt):
            pool.checkout().__enter__()
        assert (counts(pool)[:3], conn.active) == ((0, 0, 0), False)
        assert not IS_SHORT or list(pool.conns) == [conn]
        assert not pool.lock.locked()
        pool.conns = deque(pool.conns)
        assert client.admin.command("ping")["ok"]


    def test_a_full_pool(secantus_uri):
        with MongoClient(secantus_uri, maxPoolSize=1, waitQueueTimeoutMS=50) as client:
            client.admin.command("ping")
            pool = pool_of(client)
            with pool.checkout(), pytest.raises(WaitQueueTimeoutError):
                pool.checkout().__enter__()
            assert counts(pool) == (0, 0, 0, 1, 0)


    def test_a_thread_that_waits_for_a_connection(secantus_uri):
        with MongoClient(secantus_uri, maxPoolSize=1) as client:
            client.admin.command("ping")
            pool, found = pool_of(client), []
            thread = threading.Thread(target=lambda: found.append(client.admin.command("ping")["ok"]))
            with pool.checkout():
                thread.start()
                while not pool.size_cond._waiters:
                    pass
            thread.join()
            assert (found, counts(pool)) == ([1], (0, 0, 0, 1, 0))


    def test_a_paused_pool(client):
        pool = pool_of(client)
        pool.state = type(pool).__init__.__globals__["PoolState"].PAUSED
        with pytest.raises(AutoReconnect, match="paused"):
            pool.checkout().__enter__()
        assert counts(pool) == (0, 0, 0, 1, 0)
        pool.ready()


    def test_a_closed_client(secantus_uri):
        client = MongoClient(secantus_uri)
        client.admin.command("ping")
        pool = pool_of(client)
        with pool.checkout() as conn:
            client.close()
        assert (counts(pool), conn.closed) == ((0, 0, 0, 0, 0), True)
        with pytest.raises(pymongo.errors.InvalidOperation):
            client.admin.command("ping")


    def test_the_events(secantus_uri):
        log = Log()
        with MongoClient(secantus_uri, event_listeners=[log]) as client:
            client.admin.command("ping")
            client.admin.command("ping")
        taken = ["connection_check_out_started", "connection_checked_out", "connection_checked_in"]
        assert log.names[:5] == ["pool_created", "pool_ready", "connection_check_out_started", "connection_created", "connection_ready"]
        assert log.names[5:7] + log.names[7:10] == taken[1:] + taken
        assert log.names[10:] == [*taken, "connection_closed", "pool_closed"]


    def test_idle_connections_expire(secantus_uri):
        with MongoClient(secantus_uri, maxIdleTimeMS=1000) as client:
            client.admin.command("ping")
            conn = pool_of(client).conns[0]
            conn.last_checkin_time -= 2
            client.admin.command("ping")
            assert conn.closed


    def test_the_server(client):
        topology = client._topology
        (server,) = topology._servers.values()
        selector = pymongo.server_selectors.writable_server_selector
        for chosen in (selector, ReadPreference.PRIMARY, ReadPreference.SECONDARY):
            assert topology.select_server(chosen, "find") is server
        assert topology.select_server(selector, "find", None, next(iter(topology._servers))) is server
        with pymongo.timeout(5):
            assert topology.select_server(selector, "find", operation_id=4) is server


    def test_the_selection_is_logged(client, caplog):
        with caplog.at_level("DEBUG", "pymongo"):
            client.admin.command("ping")
        messages = [record.getMessage() for record in caplog.records]
        for text in ("Server selection started", "Server selection succeeded", "Connection checked out", "Connection checked in"):
            assert sum(text in message for message in messages) == 1


    def test_documents_are_checked(client):
        with pytest.raises(TypeError) as error:
            client.shop.stock.insert_many([{"_id": 1}, SON([("_id", 2)]), [("_id", 3)]])
        assert str(error.value).startswith("document must be an instance of dict, bson.son.SON, bson.raw_bson.RawBSONDocument, or a type")
        with pytest.raises(TypeError, match="document must be an instance of dict"):
            client.shop.stock.insert_one(1)
        raw = RawBSONDocument(bson.encode({"_id": 4}))
        client.shop.stock.insert_many([UserDict(_id=1), SON([("_id", 2)]), {"_id": 3}, raw])
        assert [one["_id"] for one in client.shop.stock.find(sort={"_id": 1})] == [1, 2, 3, 4]


    def test_many_documents_are_inserted(client):
        stock = client.shop.stock
        documents = [{"n": 1}, {"_id": 2}, {"n": 3}]
        result = stock.insert_many(documents)
        assert [type(one) for one in result.inserted_ids] == [bson.ObjectId, int, bson.ObjectId]
        assert [one["_id"] for one in documents] == result.inserted_ids == [one["_id"] for one in stock.find()]
        with pytest.raises(pymongo.errors.BulkWriteError) as error:
            stock.insert_many([{"_id": 4}, {"_id": 2}, {"_id": 5}])
        assert (error.value.details["writeErrors"][0]["index"], error.value.details["nInserted"]) == (1, 1)
        with pytest.raises(pymongo.errors.BulkWriteError) as error:
            stock.insert_many([{"_id": 4}, {"_id": 5}, {"_id": 2}, {"_id": 6}], ordered=False)
        assert [one["index"] for one in error.value.details["writeErrors"]] == [0, 2]
        silent = stock.with_options(write_concern=pymongo.WriteConcern(w=0))
        assert not silent.insert_many([{"_id": 7}]).acknowledged


    def test_an_invalid_session_gives_no_ids(client):
        document = {}
        with pytest.raises(AttributeError):
            client.shop.stock.insert_many([document], session="x")
        assert document == {}


    def test_a_bulk_of_one_and_of_several_kinds(client):
        stock = client.shop.stock
        inserts = [pymongo.InsertOne({"_id": n}) for n in (1, 2, 2, 3)]
        with pytest.raises(pymongo.errors.BulkWriteError) as error:
            stock.bulk_write(inserts)
        assert (error.value.details["writeErrors"][0]["index"], stock.count_documents({})) == (2, 2)
        updates = [pymongo.UpdateOne({"_id": n}, {"$set": {"a": n}}, upsert=True) for n in (5, 1, 6)]
        assert stock.bulk_write(updates).upserted_ids == {0: 5, 2: 6}
        mixed = stock.bulk_write([pymongo.InsertOne({"_id": 7}), *updates, pymongo.DeleteOne({"_id": 5}), pymongo.InsertOne({"_id": 8})])
        assert (mixed.inserted_count, mixed.matched_count, mixed.deleted_count) == (2, 3, 1)


    def test_a_server_that_is_away():
        with MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50, directConnection=True) as client:
            with pytest.raises(pymongo.errors.ServerSelectionTimeoutError):
                client.admin.command("ping")
"""


@pytest.mark.parametrize("is_short", [True, False], ids=["short", "original"])
def test_the_effects_are_the_same(project: Project, monkeypatch: pytest.MonkeyPatch, is_short: bool) -> None:
    if not is_short:
        monkeypatch.setattr(direct_driver, "SHORTENED", ())
    project.write(test_it=HELPERS + TESTS.replace("IS_SHORT", str(is_short)))
    project.passes("--secantus-process", "no", passed=TESTS.count("def test_"))
