"""The fixture `secantus_clock`, and a server's clock that follows the test's clock."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

PROCESSES = pytest.mark.parametrize("process", ["no", "yes"])

MOVES = """
    from datetime import datetime, timedelta, timezone

    import pytest
    from bson import ObjectId, Timestamp
    from bson.codec_options import CodecOptions
    from pymongo.errors import OperationFailure

    WHEN = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
    AWARE = CodecOptions(tz_aware=True)


    @pytest.fixture
    def orders(secantus_db):
        orders = secantus_db.get_collection("orders", codec_options=AWARE)
        orders.insert_one({"_id": 1})
        return orders


    def now(orders):
        return orders.aggregate([{"$limit": 1}, {"$project": {"now": "$$NOW"}}]).next()["now"]


    def test_freeze(secantus_clock, orders):
        when = secantus_clock.freeze()
        assert abs(when - datetime.now(timezone.utc)) < timedelta(minutes=1)
        assert now(orders) == now(orders) == when == secantus_clock.now()
        assert secantus_clock.tick(timedelta(hours=2)) == when + timedelta(hours=2) == now(orders)
        assert secantus_clock.tick(0.5) == when + timedelta(hours=2, seconds=0.5) == now(orders)
        assert secantus_clock.freeze(WHEN) == WHEN == now(orders)


    def test_set(secantus_clock, orders):
        assert secantus_clock.set(WHEN) == WHEN == now(orders)
        past = WHEN - timedelta(days=10_000)
        assert secantus_clock.set(past.replace(tzinfo=None)) == past == now(orders)
        assert "stands still" in repr(secantus_clock)


    def test_a_time_that_runs(secantus_clock, orders):
        before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
        secantus_clock.tick(3600)
        assert timedelta(hours=1) <= now(orders) - before < timedelta(hours=1, minutes=1)
        secantus_clock.set(WHEN)
        secantus_clock.resume()
        assert "runs" in repr(secantus_clock)
        while now(orders) == WHEN:
            pass
        assert now(orders) > WHEN
        secantus_clock.restore()
        assert abs(now(orders) - datetime.now(timezone.utc)) < timedelta(minutes=1)


    def test_dates_ids_and_timestamps(secantus_clock, orders, secantus_db):
        secantus_clock.set(WHEN)
        stamp = Timestamp(int(WHEN.timestamp()), 1)
        orders.update_one({"_id": 1}, {"$currentDate": {"at": True, "stamp": {"$type": "timestamp"}}})
        assert orders.find_one() == {"_id": 1, "at": WHEN, "stamp": stamp}
        orders.update_one({"_id": 1}, [{"$replaceWith": {"at": "$$NOW", "stamp": "$$CLUSTER_TIME"}}])
        assert orders.find_one() == {"_id": 1, "at": WHEN, "stamp": stamp}
        secantus_db.command("insert", "made", documents=[{"empty": Timestamp(0, 0)}])
        assert secantus_db.made.find_one()["empty"].time == stamp.time
        made = orders.update_one({"a": 1}, {"$set": {"b": 1}}, upsert=True).upserted_id
        assert made.generation_time == WHEN.replace(microsecond=0)
        secantus_db.command("update", "made", updates=[{"q": {"a": 2}, "u": {"$set": {"b": 2}}, "upsert": True}])
        assert secantus_db.made.find_one({"a": 2})["_id"].generation_time == WHEN.replace(microsecond=0)


    def test_ttl(secantus_clock, orders):
        orders.create_index("until", expireAfterSeconds=60)
        secantus_clock.freeze()
        orders.insert_one({"_id": 2, "until": secantus_clock.now()})
        secantus_clock.tick(59)
        assert orders.count_documents({}) == 2
        secantus_clock.tick(1)
        assert [order["_id"] for order in orders.find()] == [1]


    def test_the_data_is_back(secantus_clock, secantus_db):
        assert secantus_db.list_collection_names() == []
        assert abs(secantus_clock.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)


    def test_ttl_beside_an_open_transaction(secantus_clock, orders, secantus_client):
        orders.create_index("until", expireAfterSeconds=0)
        orders.insert_many([{"_id": n, "until": secantus_clock.now()} for n in (2, 3)])
        with secantus_client.start_session() as session, session.start_transaction():
            orders.update_one({"_id": 2}, {"$set": {"seen": True}}, session=session)
            secantus_clock.tick(1)
            assert orders.find_one({"_id": 2})
        secantus_clock.tick(1)
        assert [order["_id"] for order in orders.find()] == [1]


    def test_idle_cursors(secantus_clock, orders):
        orders.insert_many([{} for _ in range(5)])
        cursor, other = orders.find(batch_size=2), orders.find(batch_size=2, no_cursor_timeout=True)
        next(cursor), next(other)
        secantus_clock.tick(599)
        next(cursor), next(cursor)
        secantus_clock.tick(602)
        with pytest.raises(OperationFailure) as caught:
            list(cursor)
        assert caught.value.code == 43
        assert len(list(other)) == 5


    def test_sessions(secantus_clock, orders, secantus_client):
        with secantus_client.start_session() as session:
            orders.find_one(session=session)
            ours = session.session_id["id"]

            def known():
                return [one["_id"]["id"] for one in secantus_client.admin.aggregate([{"$listLocalSessions": {"allUsers": True}}])]

            assert ours in known()
            secantus_clock.tick(timedelta(minutes=31))
            assert ours not in known()


    def test_transactions(secantus_clock, orders, secantus_client):
        with secantus_client.start_session() as session:
            session.start_transaction()
            orders.insert_one({}, session=session)
            secantus_clock.tick(59)
            orders.insert_one({}, session=session)
            secantus_clock.tick(2)
            with pytest.raises(OperationFailure) as caught:
                orders.insert_one({}, session=session)
            assert caught.value.code == 251
            assert caught.value.has_error_label("TransientTransactionError")


    def test_change_streams(secantus_clock, orders):
        with orders.watch() as stream:
            orders.insert_one({})
            before = stream.next()
            secantus_clock.set(WHEN)
            orders.insert_one({})
            event = stream.next()
            assert event["wallTime"] == WHEN
            assert event["clusterTime"] >= before["clusterTime"]
            secantus_clock.set(datetime(2000, 1, 1))
            orders.insert_one({})
            later = stream.next()
            assert later["wallTime"] == datetime(2000, 1, 1, tzinfo=timezone.utc)
            assert later["clusterTime"] > event["clusterTime"]


    def test_time_limits_do_not_follow(secantus_clock, secantus_faults, orders):
        secantus_clock.freeze()
        with orders.watch(max_await_time_ms=1) as stream:
            assert stream.try_next() is None
        secantus_faults.delay("find", seconds=60)
        with pytest.raises(OperationFailure) as caught:
            list(orders.find().max_time_ms(1))
        assert caught.value.code == 50
"""

WRONG = """
    from datetime import date, datetime, timedelta

    def test_it(secantus_clock):
        secantus_clock.{call}
"""


@PROCESSES
def test_moves(project: Project, process: str) -> None:
    project.write(test_it=MOVES)
    project.passes("--secantus-process", process, passed=12)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("tick(-1)", "tick(-1): a tick goes forward; use set() to go back"),
        ("tick(timedelta(seconds=-1))", "a tick goes forward; use set() to go back"),
        ("tick(float('nan'))", "tick(nan): pass a finite number of seconds"),
        ("tick(float('inf'))", "tick(inf): pass a finite number of seconds"),
        ("tick('1')", "tick('1'): pass seconds or a timedelta"),
        ("tick(True)", "tick(True): pass seconds or a timedelta"),
        ("tick(timedelta(days=40_000))", "the time would be after 2106-02-07T06:28:15+00:00"),
        ("set('2030-01-01')", "set('2030-01-01'): pass a datetime"),
        ("set(date(2030, 1, 1))", "pass a datetime"),
        ("set(datetime(1969, 1, 1))", "ObjectIds and timestamps exist from 1970 to 2106 only"),
        ("freeze(0)", "freeze(0): pass a datetime"),
    ],
)
def test_wrong_use(project: Project, call: str, reason: str) -> None:
    project.write(test_it=WRONG.format(call=call))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "UsageError: secantus_clock." in result.stdout.str()
    assert "clock.py:" not in result.stdout.str()
    assert reason in result.stdout.str()


def test_an_external_server(project: Project) -> None:
    project.write(test_it="def test_it(secantus_clock): pass")
    result = project.run("--secantus-uri=mongodb://127.0.0.1:1")
    result.assert_outcomes(errors=1)
    assert "secantus_clock needs the server of the plugin: leave out secantus_uri" in result.stdout.str()


FOLLOWS = """
    from datetime import datetime, timedelta, timezone
    from time import time

    import freezegun
    import pytest
    import time_machine

    WHEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


    def now(db):
        return db.aggregate([{"$documents": [{}]}, {"$project": {"now": "$$NOW"}}]).next()["now"].replace(tzinfo=timezone.utc)


    def test_freezegun(secantus_db):
        with freezegun.freeze_time(WHEN) as frozen:
            assert now(secantus_db) == WHEN
            frozen.tick(3600)
            assert now(secantus_db) == WHEN + timedelta(hours=1)
            frozen.tick(timedelta(hours=1))
            assert now(secantus_db) == WHEN + timedelta(hours=2)
            with freezegun.freeze_time("2001-01-01"):
                assert now(secantus_db).year == 2001
            assert now(secantus_db) == WHEN + timedelta(hours=2)
            frozen.move_to(WHEN)
            assert now(secantus_db) == WHEN
        assert abs(now(secantus_db).timestamp() - time()) < 60


    def test_freezegun_that_ticks(secantus_db):
        with freezegun.freeze_time(WHEN, tick=True):
            assert WHEN <= now(secantus_db) < WHEN + timedelta(minutes=1)


    def test_freezegun_that_steps(secantus_db):
        with freezegun.freeze_time(WHEN, auto_tick_seconds=10):
            found = now(secantus_db)
            assert WHEN <= found < WHEN + timedelta(minutes=30)
            assert now(secantus_db) == found


    def test_time_machine(secantus_db):
        with time_machine.travel(WHEN, tick=False) as traveller:
            assert now(secantus_db) == WHEN
            traveller.shift(3600)
            assert now(secantus_db) == WHEN + timedelta(hours=1)
            traveller.move_to(WHEN)
            assert now(secantus_db) == WHEN
        assert abs(now(secantus_db).timestamp() - time()) < 60


    @time_machine.travel(WHEN)
    def test_time_machine_that_ticks(secantus_db):
        assert WHEN <= now(secantus_db) < WHEN + timedelta(minutes=1)


    def test_its_fixture(time_machine, secantus_db):
        time_machine.move_to(WHEN, tick=False)
        assert now(secantus_db) == WHEN


    @time_machine.travel(WHEN)
    def test_ttl(secantus_db):
        secantus_db.orders.create_index("until", expireAfterSeconds=0)
        secantus_db.orders.insert_one({"until": WHEN + timedelta(hours=1)})
        with time_machine.travel(WHEN + timedelta(hours=2)):
            assert secantus_db.orders.count_documents({}) == 0


    def test_both(secantus_clock, secantus_db):
        with time_machine.travel(WHEN, tick=False) as traveller:
            secantus_clock.tick(60)
            assert now(secantus_db) == WHEN + timedelta(minutes=1)
            traveller.shift(1)
            assert now(secantus_db) == WHEN + timedelta(seconds=1)


    @pytest.fixture(scope="module")
    def wider():
        with time_machine.travel(WHEN, tick=False):
            yield


    @pytest.mark.parametrize("run", [1, 2])
    def test_a_wider_fixture(wider, secantus_clock, secantus_db, run):
        assert now(secantus_db) == WHEN
        secantus_clock.tick(1)
"""


@PROCESSES
def test_a_clock_that_follows(project: Project, process: str) -> None:
    pytest.importorskip("freezegun")
    pytest.importorskip("time_machine")
    project.ini("secantus_clock = follow")
    project.write(test_it=FOLLOWS)
    project.run_apart("--secantus-process", process, "-p", "no:randomly").assert_outcomes(passed=10)


STARTED_LATER = """
    import time_machine

    def test_it(request):
        with time_machine.travel(1_893_553_445, tick=False):
            db = request.getfixturevalue("secantus_db")
            assert db.client.admin.command("hello")["localTime"].year == 2030
"""


def test_a_server_that_starts_in_a_frozen_time(project: Project) -> None:
    pytest.importorskip("time_machine")
    project.write(test_it=STARTED_LATER)
    project.run_apart("-o", "secantus_clock=follow").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-o", "secantus_clock=folow"], "secantus_clock is 'folow'; it must be system or follow"),
        (["-o", "secantus_clock=follow", "--secantus-uri=mongodb://a"], "secantus_clock = follow cannot be combined with secantus_uri"),
    ],
)
def test_wrong_options(project: Project, options: list[str], reason: str) -> None:
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{reason}*"])
