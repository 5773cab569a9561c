"""Fail points end with the test or the fixture that set them, wherever the server runs."""

from __future__ import annotations

import pytest

from tests.plugin.project import LOAD

pytest_plugins = ["pytester"]

TESTS = """
    import pytest


    def fail(client, command):
        data = {"failCommands": [command], "errorCode": 8000}
        client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})


    def fails(client, command):
        return not client.admin.command({command: 1}, check=False)["ok"]


    def test_one_sets_a_fail_point(secantus_client):
        fail(secantus_client, "ping")
        assert fails(secantus_client, "ping")


    def test_another_does_not_meet_it(secantus_client):
        assert not fails(secantus_client, "ping")


    def test_one_steps_down(secantus_client):
        secantus_client.admin.command("replSetStepDown", 3600, force=True)
        secantus_client.admin.command("replSetFreeze", 3600)
        assert secantus_client.admin.command("hello")["secondary"]


    def test_another_has_a_primary(secantus_client):
        secantus_client.shop.fruit.insert_one({})
        assert not secantus_client.admin.command("hello")["secondary"]


    class TestWider:
        @pytest.fixture(scope="class", autouse=True)
        def wider(self, secantus_client):
            fail(secantus_client, "buildInfo")

        def test_one_replaces_it(self, secantus_client):
            assert fails(secantus_client, "buildInfo")
            fail(secantus_client, "ping")
            assert not fails(secantus_client, "buildInfo")

        def test_another_has_it(self, secantus_client):
            assert fails(secantus_client, "buildInfo")
            assert not fails(secantus_client, "ping")


    def test_after_the_class(secantus_client):
        assert not fails(secantus_client, "buildInfo")
"""


@pytest.mark.parametrize("where", ["in the process", "in a process of its own"])
def test_the_end_of_a_test_ends_them(pytester: pytest.Pytester, where: str) -> None:
    pytester.makepyfile(TESTS)
    if where != "in the process":
        pytester.makeini("[pytest]\nsecantus_process = yes\n")
    pytester.runpytest_subprocess(*LOAD, "-p", "no:cacheprovider").assert_outcomes(passed=7)
