"""secantus_transport: clients without sockets, and the behaviour that must not differ from clients with sockets."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

BOTH = pytest.mark.parametrize("transport", ["direct", "tcp"])


def sets(transport: str) -> tuple[str, str]:
    return "-o", f"secantus_transport={transport}"


SOCKETS = """
    import socket

    import pytest


    @pytest.fixture
    def opened(monkeypatch):
        opened = []
        connect = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda sock, place: (opened.append(place), connect(sock, place))[1])
        return opened


    def test_sockets(opened, secantus_uri):
        from pymongo import MongoClient

        with MongoClient(secantus_uri) as client:
            client.shop.fruit.insert_one({"_id": 1})
            assert client.shop.fruit.find_one() == {"_id": 1}
            assert bool(opened) is SOCKETS
"""


@pytest.mark.parametrize(("transport", "sockets"), [("direct", False), ("tcp", True)])
def test_a_client_uses_sockets(project: Project, transport: str, sockets: bool) -> None:
    project.write(test_it=SOCKETS.replace("SOCKETS", str(sockets)))
    project.passes("--secantus-process", "no", *sets(transport), passed=1)


def test_an_unknown_transport(project: Project) -> None:
    project.write(test_it="def test_it(): pass")
    result = project.run(*sets("pigeons"))
    result.stderr.fnmatch_lines(["*secantus_transport is 'pigeons'; it must be one of direct, tcp*"])


def test_a_driver_that_is_not_known(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymongo.version", "4.19.3")
    project.write(test_it=SOCKETS.replace("SOCKETS", "True"))
    result = project.passes(*sets("direct"), passed=1)
    result.stdout.fnmatch_lines(["secantus: *, transport tcp (direct is for other versions than pymongo 4.19.3)"])


@BOTH
def test_connections_are_counted(project: Project, transport: str) -> None:
    project.write(
        test_it="""
        import time

        from pymongo import MongoClient


        def connections(client):
            return client.admin.command("serverStatus")["connections"]


        def operations(client):
            return list(client.admin.aggregate([{"$currentOp": {"idleConnections": True}}]))


        def test_it(secantus_client, secantus_uri):
            secantus_client.admin.command("ping")
            before = connections(secantus_client)
            with MongoClient(secantus_uri, serverMonitoringMode="poll", appname="other") as other:
                other.admin.command("ping")
                during = connections(secantus_client)
                assert during["current"] >= before["current"] + 1
                assert during["totalCreated"] >= before["totalCreated"] + 1
                found = operations(secantus_client)
                assert all(one["client"].startswith("127.0.0.1:") for one in found if "client" in one)
                assert len({one["client"] for one in found if "client" in one}) >= 2
                assert any(one.get("appName") == "other" for one in found)
            until = time.monotonic() + 20
            while any(one.get("appName") == "other" for one in operations(secantus_client)):
                assert time.monotonic() < until
        """
    )
    project.passes(*sets(transport), passed=1)


def test_the_connections_of_a_dropped_client_are_closed(project: Project) -> None:
    project.write(
        test_it="""
        import gc
        import time

        from pymongo import MongoClient


        def is_connected(client):
            found = client.admin.aggregate([{"$currentOp": {"idleConnections": True}}])
            return any(one.get("appName") == "other" for one in found)


        def test_it(secantus_client, secantus_uri):
            other = MongoClient(secantus_uri, appname="other")
            other.admin.command("ping")
            assert is_connected(secantus_client)
            del other
            until = time.monotonic() + 20
            while is_connected(secantus_client):
                gc.collect()
                assert time.monotonic() < until
        """
    )
    # Clients reach a server in a child process through sockets, which pymongo keeps open.
    project.passes(*sets("direct"), "--secantus-process", "no", passed=1)


@BOTH
def test_time_limits_of_the_client(project: Project, transport: str) -> None:
    project.write(
        test_it="""
        import pymongo
        import pytest
        from pymongo.errors import AutoReconnect, NetworkTimeout


        def test_socket_timeout(secantus_uri, secantus_faults):
            with pymongo.MongoClient(secantus_uri, socketTimeoutMS=200, retryReads=False) as client:
                client.admin.command("ping")
                secantus_faults.delay("find", seconds=5)
                with pytest.raises(NetworkTimeout, match="timed out"):
                    client.shop.fruit.find_one()


        def test_timeout(secantus_client, secantus_faults):
            secantus_faults.delay("find", seconds=5)
            with pymongo.timeout(0.2), pytest.raises(pymongo.errors.PyMongoError) as raised:
                secantus_client.shop.fruit.find_one()
            assert raised.value.timeout


        def test_dropped_connection(secantus_uri, secantus_faults):
            with pymongo.MongoClient(secantus_uri, retryReads=False) as client:
                client.admin.command("ping")
                secantus_faults.drop_connection("find")
                with pytest.raises(AutoReconnect, match="connection closed"):
                    client.shop.fruit.find_one()
                secantus_faults.end()
                assert client.shop.fruit.find_one() is None
        """
    )
    project.passes(*sets(transport), passed=3)


ALARM = """
import signal
import time

import pytest
from pymongo.errors import WriteError


class Alarm(BaseException):
    pass


@pytest.fixture
def alarm():
    def ring(number, frame):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    assert signal.getsignal(signal.SIGALRM) is ring
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
"""


@BOTH
def test_a_signal_during_a_write_that_waits(project: Project, transport: str) -> None:
    project.write(
        alarms=ALARM,
        test_it="""
        from alarms import *


        def test_a_write_that_waits(secantus_client, alarm):
            fruit = secantus_client.shop.fruit
            fruit.insert_one({"_id": 1})
            with secantus_client.start_session() as session:
                session.start_transaction()
                fruit.update_one({"_id": 1}, {"$set": {"a": 1}}, session=session)
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                with pytest.raises(Alarm):
                    fruit.update_one({"_id": 1}, {"$set": {"a": 2}})
                session.commit_transaction()
            assert fruit.find_one()["a"] in (1, 2)
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_a_signal_during_a_long_read(project: Project, transport: str) -> None:
    project.write(
        alarms=ALARM,
        test_it="""
        from alarms import *


        def test_a_long_read(secantus_client, alarm):
            numbers = secantus_client.shop.numbers
            numbers.insert_many([{"_id": n} for n in range(2000)])
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            join = {"$lookup": {"from": "numbers", "pipeline": [{"$match": {"$expr": {"$gt": ["$_id", -1]}}}], "as": "all"}}
            with pytest.raises(Alarm):
                list(numbers.aggregate([join, {"$group": {"_id": None, "n": {"$sum": {"$size": "$all"}}}}]))
            assert numbers.count_documents({}) == 2000
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_each_event_of_a_waiting_stream_arrives_once(project: Project, transport: str) -> None:
    project.write(
        test_it="""
        from threading import Event, Thread

        from pymongo import MongoClient


        def test_it(secantus_uri):
            found, opened = [], Event()

            def read():
                with MongoClient(secantus_uri).shop.fruit.watch(max_await_time_ms=20_000) as stream:
                    opened.set()
                    while len(found) < 200:
                        found.append(next(stream)["documentKey"]["_id"])

            reader = Thread(target=read)
            reader.start()
            opened.wait(20)
            fruit = MongoClient(secantus_uri).shop.fruit
            for number in range(200):
                fruit.insert_one({"_id": number})
            reader.join(60)
            assert found == list(range(200))
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_a_signal_while_a_stream_waits(project: Project, transport: str) -> None:
    project.write(
        alarms=ALARM,
        test_it="""
        from alarms import *


        def test_a_stream(secantus_client, alarm):
            with secantus_client.shop.fruit.watch(max_await_time_ms=60_000) as stream:
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                began = time.monotonic()
                with pytest.raises(Alarm):
                    stream.next()
                assert time.monotonic() - began < 30
        """,
    )
    project.passes(*sets(transport), passed=1)


def test_the_report_names_the_interrupted_line(project: Project) -> None:
    project.write(
        test_it="""
        import signal
        import time



        def test_it(secantus_client):
            def interrupt(*_):
                __tracebackhide__ = True
                raise AssertionError("time is over")

            before = signal.signal(signal.SIGALRM, interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                time.sleep(30)  # here
            finally:
                signal.signal(signal.SIGALRM, before)
        """,
    )
    result = project.run("--tb=line", *sets("direct"))
    result.stdout.re_match_lines([r".*test_it.py:\d+: AssertionError: time is over"])


@BOTH
def test_a_signal_whose_handler_does_not_raise(project: Project, transport: str) -> None:
    project.write(
        alarms=ALARM,
        test_it="""
        from alarms import *


        def test_a_handler_that_does_not_raise(secantus_client):
            calls = []
            before = signal.signal(signal.SIGALRM, lambda number, frame: calls.append(number))
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            try:
                secantus_client.shop.numbers.insert_many([{"_id": n} for n in range(5000)])
                while not calls:
                    secantus_client.admin.command("ping")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            assert secantus_client.shop.numbers.count_documents({}) == 5000
        """,
    )
    project.passes(*sets(transport), passed=1)


LOOP = """
import asyncio

import pytest
from pymongo import AsyncMongoClient
"""


@BOTH
def test_a_write_that_waits_for_another_task(project: Project, transport: str) -> None:
    project.write(
        loops=LOOP,
        test_it="""
        from loops import *


        def test_a_write_that_waits_for_another_task(secantus_uri):
            async def commit_later(client, session):
                await asyncio.sleep(0.2)
                await session.commit_transaction()

            async def main():
                async with AsyncMongoClient(secantus_uri) as client:
                    fruit = client.shop.fruit
                    await fruit.insert_one({"_id": 1, "n": 0})
                    async with client.start_session() as session:
                        await session.start_transaction()
                        await fruit.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
                        await asyncio.gather(commit_later(client, session), fruit.update_one({"_id": 1}, {"$inc": {"n": 1}}))
                    assert await fruit.find_one() == {"_id": 1, "n": 2}

            asyncio.run(asyncio.wait_for(main(), 60))
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_a_stream_beside_other_tasks(project: Project, transport: str) -> None:
    project.write(
        loops=LOOP,
        test_it="""
        from loops import *


        def test_a_stream_beside_other_tasks(secantus_uri):
            async def main():
                async with AsyncMongoClient(secantus_uri) as client:
                    async with await client.shop.fruit.watch(max_await_time_ms=30_000) as stream:
                        waiting = asyncio.create_task(stream.next())
                        await asyncio.sleep(0.1)
                        await client.shop.fruit.insert_one({"_id": 1})
                        assert (await waiting)["fullDocument"] == {"_id": 1}
                        waiting = asyncio.create_task(stream.next())
                        await asyncio.sleep(0.1)
                        waiting.cancel()
                        with pytest.raises(asyncio.CancelledError):
                            await waiting
                    assert await client.shop.fruit.count_documents({}) == 1

            asyncio.run(asyncio.wait_for(main(), 60))
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_other_tasks_have_a_turn(project: Project, transport: str) -> None:
    project.write(
        loops=LOOP,
        test_it="""
        from loops import *


        def test_other_tasks_have_a_turn(secantus_uri):
            async def main():
                async with AsyncMongoClient(secantus_uri) as client:
                    done = False

                    async def other():
                        nonlocal done
                        for _ in range(3):
                            await asyncio.sleep(0)
                        done = True

                    task = asyncio.create_task(other())
                    while not done:
                        await client.admin.command("ping")
                    await task

            asyncio.run(asyncio.wait_for(main(), 60))
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_time_limits_in_an_event_loop(project: Project, transport: str) -> None:
    project.write(
        loops=LOOP,
        test_it="""
        from loops import *


        def test_time_limits(secantus_uri, secantus_faults):
            async def main():
                async with AsyncMongoClient(secantus_uri, socketTimeoutMS=200, retryReads=False) as client:
                    await client.admin.command("ping")
                    secantus_faults.delay("find", seconds=5)
                    with pytest.raises(Exception, match="timed out"):
                        await client.shop.fruit.find_one()

            asyncio.run(asyncio.wait_for(main(), 60))
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_a_time_limit_in_an_event_loop_while_freezegun_stops_the_clock(project: Project, transport: str) -> None:
    project.write(
        loops=LOOP,
        test_it="""
        from freezegun import freeze_time
        from loops import *
        from pymongo.errors import NetworkTimeout


        def test_time_limits(secantus_uri, secantus_faults):
            async def main():
                async with AsyncMongoClient(secantus_uri, socketTimeoutMS=200, retryReads=False) as client:
                    await client.admin.command("ping")
                    secantus_faults.delay("find", seconds=5)
                    with freeze_time("2001-01-01", real_asyncio=True), pytest.raises(NetworkTimeout, match="timed out"):
                        await client.shop.fruit.find_one()

            asyncio.run(main())
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_a_client_with_tls_options_is_refused(project: Project, transport: str) -> None:
    project.write(
        test_it="""
        import pytest
        from pymongo import MongoClient
        from pymongo.errors import ServerSelectionTimeoutError


        def test_tls(secantus_uri):
            with MongoClient(secantus_uri, tls=True, tlsAllowInvalidCertificates=True, serverSelectionTimeoutMS=300) as client:
                with pytest.raises(ServerSelectionTimeoutError, match="SSL handshake failed"):
                    client.admin.command("ping")
        """,
    )
    project.passes(*sets(transport), passed=1)


@BOTH
def test_an_exhaust_cursor(project: Project, transport: str) -> None:
    project.write(
        test_it="""
        from pymongo import CursorType


        def test_it(secantus_db):
            secantus_db.numbers.insert_many([{"_id": n} for n in range(1000)])
            cursor = secantus_db.numbers.find(cursor_type=CursorType.EXHAUST, batch_size=50)
            assert [document["_id"] for document in cursor] == list(range(1000))
            half = secantus_db.numbers.find(cursor_type=CursorType.EXHAUST, batch_size=50)
            next(half)
            half.close()
            assert secantus_db.numbers.count_documents({}) == 1000


        def test_unacknowledged_writes(secantus_db):
            things = secantus_db.get_collection("things", write_concern=__import__("pymongo").WriteConcern(w=0))
            things.insert_one({"_id": 1})
            assert things.find_one() == {"_id": 1}


        def test_compression(secantus_uri):
            from pymongo import MongoClient

            with MongoClient(secantus_uri, compressors="zlib") as client:
                client.shop.fruit.insert_one({"_id": "a" * 10_000})
                assert len(client.shop.fruit.find_one()["_id"]) == 10_000
        """
    )
    project.passes(*sets(transport), passed=3)


def test_a_fork_uses_sockets(project: Project) -> None:
    project.write(
        test_it="""
        import os


        def test_it(secantus_client):
            secantus_client.shop.fruit.insert_one({"_id": 1})
            child = os.fork()
            if not child:
                try:
                    secantus_client.shop.fruit.insert_one({"_id": 2})
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert secantus_client.shop.fruit.count_documents({}) == 2
        """
    )
    project.run_apart("--secantus-process", "no", *sets("direct")).assert_outcomes(passed=1)


def test_redirected_clients(project: Project) -> None:
    project.write(
        test_it="""
        from pymongo import MongoClient


        def test_it():
            with MongoClient("localhost", 27017) as client:
                client.shop.fruit.insert_one({"_id": 1})
                assert client.address == ("localhost", 27017)
                assert client.shop.fruit.count_documents({}) == 1
        """
    )
    project.passes("--secantus", "--secantus-redirect=localhost:27017", *sets("direct"), passed=1)


LINES = """
    import asyncio

    from pymongo import AsyncMongoClient, MongoClient


    def test_lines(secantus_commands, secantus_uri):
        with MongoClient(secantus_uri) as client:
            client.shop.fruit.insert_one({})
            client.shop.fruit.count_documents({"a": 1})


        async def send():
            async with AsyncMongoClient(secantus_uri) as client:
                await client.shop.fruit.insert_one({})
                await client.shop.fruit.find_one()

        asyncio.run(send())
        found = [(one.name, one.source, bool(one.task)) for one in secantus_commands]
        assert found[:2] == [("insert", "test_it.py:9", False), ("aggregate", "test_it.py:10", False)]
        assert found[2:] == [("insert", "test_it.py:15", True), ("find", "test_it.py:16", True)]
        assert len({one.request_id for one in secantus_commands}) == 4


    def test_they_end_with_the_log(secantus_uri):
        from pymongo.asynchronous import pool as asynchronous
        from pymongo.synchronous import pool

        for send in (pool.sendall, asynchronous.async_sendall):
            assert (send.__module__, getattr(send, "hook", None) and send.hook.note) in (
                ("pymongo.network_layer", None), ("pytest_secantus.direct_driver", None)
            )
"""


@BOTH
def test_the_source_lines_of_commands(project: Project, transport: str) -> None:
    project.write(test_it=LINES)
    project.passes("--secantus-process", "no", *sets(transport), passed=2)
