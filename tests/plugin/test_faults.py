"""The fixture `secantus_faults`: the effect of each fault, its limits, its end, and its names in tables."""

from __future__ import annotations

import pytest

from pytest_secantus import faults
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

KINDS = """
    from datetime import datetime

    import pytest
    from pymongo import MongoClient
    from pymongo.errors import AutoReconnect, OperationFailure, WriteConcernError


    @pytest.fixture
    def client(secantus_uri):
        with MongoClient(secantus_uri, appname="shop", retryWrites=False, retryReads=False) as client:
            yield client


    def test_fail(secantus_faults, client):
        fault = secantus_faults.fail("insert", code=8000, times=2)
        for _ in range(2):
            with pytest.raises(OperationFailure) as caught:
                client.shop.orders.insert_one({})
            assert caught.value.code == 8000
        client.shop.orders.insert_one({})
        assert fault.count == 2


    def test_labels_and_fields(secantus_faults, client):
        secantus_faults.fail("insert", code=8000, labels=["Mine"], info={"hint": 1, "at": datetime(2030, 1, 1)})
        with pytest.raises(OperationFailure) as caught:
            client.shop.orders.insert_one({})
        assert caught.value.has_error_label("Mine")
        assert (caught.value.details["hint"], caught.value.details["at"]) == (1, datetime(2030, 1, 1))


    def test_drop_connection(secantus_faults, client):
        with secantus_faults.drop_connection("find") as fault, pytest.raises(AutoReconnect):
            client.shop.orders.find_one()
        assert fault.count == 1
        assert client.shop.orders.find_one() is None


    def test_delay(secantus_faults, client):
        secantus_faults.delay("find", seconds=60)
        with pytest.raises(OperationFailure) as caught:
            list(client.shop.orders.find().max_time_ms(20))
        assert caught.value.code == 50


    def test_write_concern_error(secantus_faults, client):
        secantus_faults.write_concern_error("insert", code=64)
        with pytest.raises(WriteConcernError) as caught:
            client.shop.orders.insert_one({"_id": 1})
        assert caught.value.code == 64
        assert client.shop.orders.find_one() == {"_id": 1}


    def test_overload(secantus_faults, client):
        secantus_faults.overload("find", retryable=False)
        with pytest.raises(OperationFailure) as caught:
            client.shop.orders.find_one()
        assert caught.value.code == 462
        assert caught.value.has_error_label("SystemOverloadedError")
        assert not caught.value.has_error_label("RetryableError")


    def test_any_command(secantus_faults, client, secantus_uri):
        secantus_faults.fail(code=8000)
        for act in (client.shop.orders.find_one, client.server_info, lambda: client.admin.command("ping")):
            with pytest.raises(OperationFailure):
                act()
        with MongoClient(secantus_uri) as other, pytest.raises(OperationFailure) as caught:
            other.shop.orders.find_one()
        assert caught.value.code == 8000


    def test_limits(secantus_faults, client, secantus_client):
        secantus_faults.fail("find", code=8000, client="shop", namespace="shop.orders")
        assert secantus_client.shop.orders.find_one() is None
        assert client.shop.articles.find_one() is None
        with pytest.raises(OperationFailure):
            client.shop.orders.find_one()


    def test_skip(secantus_faults, client):
        secantus_faults.fail("insert", code=8000, skip=1)
        client.shop.orders.insert_one({})
        with pytest.raises(OperationFailure):
            client.shop.orders.insert_one({})


    def test_several_at_once(secantus_faults, client):
        secantus_faults.fail("insert", code=8000, times=1)
        secantus_faults.fail("insert", code=8001, times=1)
        delay = secantus_faults.delay("insert", seconds=0.001)
        find = secantus_faults.fail("find", code=8002)
        for code in (8000, 8001):
            with pytest.raises(OperationFailure) as caught:
                client.shop.orders.insert_one({})
            assert caught.value.code == code
        client.shop.orders.insert_one({})
        assert (delay.count, find.count) == (3, 0)
        find.end()
        assert client.shop.orders.find_one()


    def test_beside_a_fail_point(secantus_faults, client):
        data = {"failCommands": ["find"], "errorCode": 8000}
        client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
        secantus_faults.fail("insert", code=8001)
        for act, code in ((client.shop.orders.find_one, 8000), (lambda: client.shop.orders.insert_one({}), 8001)):
            with pytest.raises(OperationFailure) as caught:
                act()
            assert caught.value.code == code
"""

ENDS = """
    import unittest

    import pytest
    from pymongo.errors import OperationFailure


    @pytest.fixture
    def cleaned(secantus_client):
        yield
        secantus_client.shop.orders.delete_many({})


    def test_one(secantus_faults, secantus_client, cleaned):
        secantus_faults.fail(code=8000)
        with pytest.raises(OperationFailure):
            secantus_client.shop.orders.find_one()


    def test_another(secantus_client):
        assert secantus_client.shop.orders.find_one() is None


    def test_one_that_fails(secantus_faults, secantus_client, cleaned):
        secantus_faults.fail(code=8000)
        assert False


    def test_another_one(secantus_client):
        assert secantus_client.shop.orders.find_one() is None


    class Orders(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def given(self, secantus_faults, secantus_client):
            self.faults, self.client = secantus_faults, secantus_client

        def test_one(self):
            self.faults.fail("find", code=8000)
            with self.assertRaises(OperationFailure):
                self.client.shop.orders.find_one()

        def test_two(self):
            self.assertIsNone(self.client.shop.orders.find_one())


    @pytest.mark.anyio
    async def test_async(secantus_faults, secantus_async_db):
        secantus_faults.fail("find", code=8000, times=1)
        with pytest.raises(OperationFailure):
            await secantus_async_db.orders.find_one()
        assert await secantus_async_db.orders.find_one() is None


    @pytest.fixture
    def anyio_backend():
        return "asyncio"
"""

TABLE = """
    import pytest
    from pymongo.errors import PyMongoError
    from pytest_secantus import faults

    FAULTS = [faults.fail("insert", code=8000, times=2), faults.drop_connection(client="shop"), faults.delay("find", "insert", seconds=0.5)]


    @pytest.mark.parametrize("fault", FAULTS)
    def test_order(secantus_faults, fault):
        with secantus_faults.set(fault):
            pass
"""

WRONG = """
    def test_it(secantus_faults):
        secantus_faults.{call}
"""


@pytest.mark.parametrize("process", ["no", "yes"])
def test_kinds(project: Project, process: str) -> None:
    project.write(test_it=KINDS)
    project.passes("--secantus-process", process, passed=11)


@pytest.mark.parametrize("isolation", ["restore", "namespace", "none"])
def test_faults_end_with_the_test(project: Project, isolation: str) -> None:
    project.write(test_it=ENDS)
    result = project.run(f"--secantus-isolation={isolation}")
    result.assert_outcomes(passed=6, failed=1)


def test_under_xdist(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write(test_it=ENDS)
    project.run_apart("-n", "2", "-p", "no:asyncio").assert_outcomes(passed=6, failed=1)


def test_names_in_a_table(project: Project) -> None:
    project.write(test_it=TABLE)
    result = project.passes("-v", passed=3)
    for name in ("insert-fails-8000-twice", "any-command-drops-connection-shop", "find+insert-waits-0.5s"):
        result.stdout.fnmatch_lines([f"*::test_order?{name}? PASSED*"])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("fail('insret', code=1)", "fail('insret', code=1): no such command: 'insret'"),
        ("fail('insert', code='x')", "fail: code is 'x'; it must be a whole number of at least 1"),
        ("fail('insert', 11600, code=1)", "fail: ('insert', 11600) must be names of commands, such as 'insert'; name other arguments"),
        ("fail('insert', code=1, times=0)", "fail: times is 0; it must be a whole number of at least 1"),
        ("fail('insert', code=1, time=2)", "fail: unknown argument time; a fault is limited by times, skip, client, namespace"),
        ("overload('insert', skip=-1)", "overload: skip is -1; it must be a whole number of at least 0"),
        ("delay('insert', seconds=-1)", "delay: seconds is -1; it must be a positive number below 1000000"),
        ("drop_connection('find', namespace='shop')", "drop_connection: namespace is 'shop'; it must be database.collection"),
        ("fail(code=2**31)", "fail: code is 2147483648; it must be at most 2147483647"),
        ("write_concern_error(code=2**31)", "write_concern_error: code is 2147483648; it must be at most 2147483647"),
        ("overload(times=2**31)", "overload: times is 2147483648; it must be at most 2147483647"),
        ("fail(code=1, labels='x')", "fail: labels is 'x'; it must be a list of texts, such as ['RetryableError']"),
        ("write_concern_error('find')", "write_concern_error('find', code=64): the command find takes no write concern"),
        ("write_concern_error(labels=5)", "write_concern_error: labels is 5; it must be a list of texts"),
        ("fail(code=1, labels=[''])", "fail: labels is ['']; it must be a list of texts"),
        ("fail(code=1, labels={'x': 1})", "fail: labels is {'x': 1}; it must be a list of texts"),
        ("fail(code=1, info='x')", "fail: info is 'x'; it must be a document, such as {'reason': 'on purpose'}"),
        ("fail(code=1, info={'n': 2**70})", "fail: info is {'n': 1180591620717411303424}, which BSON cannot hold: "),
        ("fail(code=1, info={'x': int})", "fail: info is {'x': <class 'int'>}, which BSON cannot hold: "),
        ("fail(code=1, client=5)", "fail: client is 5; it must be a text that is not empty"),
        ("drop_connection(client='')", "drop_connection: client is ''; it must be a text that is not empty"),
        ("drop_connection(namespace=5)", "drop_connection: namespace is 5; it must be database.collection"),
        ("write_concern_error(message=None)", "write_concern_error: message is None; it must be a text that is not empty"),
        ("overload(retryable='no')", "overload: retryable is 'no'; it must be True or False"),
        ("set('insert')", "secantus_faults.set: 'insert' is not a fault; make one with pytest_secantus.faults"),
    ],
)
def test_wrong_use(project: Project, call: str, reason: str) -> None:
    project.write(test_it=WRONG.format(call=call))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert f"UsageError: {reason}" in result.stdout.str()
    assert "faults.py:" not in result.stdout.str()


def test_an_external_server(project: Project) -> None:
    project.write(test_it="def test_it(secantus_faults): pass")
    result = project.run("--secantus-uri=mongodb://127.0.0.1:1")
    result.assert_outcomes(errors=1)
    assert "secantus_faults needs the server of the plugin: leave out secantus_uri" in result.stdout.str()


def test_repr() -> None:
    fault = faults.fail("insert", code=11600, times=2)
    assert repr(fault) == "fail('insert', code=11600, times=2)"
    assert fault == faults.fail("insert", code=11600, times=2)
    assert fault.id == "insert-fails-11600-twice"
    assert faults.write_concern_error(namespace="a.b", skip=2).id == "any-command-reports-write-concern-error-64-after-2-a.b"
    assert repr(faults.overload(retryable=False)) == "overload(retryable=False)"
    assert len({fault, faults.drop_connection(), faults.drop_connection()}) == 2


def test_an_unknown_fault(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        def test_it(secantus_faults):
            with pytest.raises(AttributeError, match="secantus_faults has no 'explode'; the faults are fail, drop_connection, "):
                secantus_faults.explode("insert")
        """
    )
    project.passes(passed=1)
