"""The features of the harness together: in async tests, in unittest classes, with one process and with four workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nightly import nightly
from tests.plugin.project import LOAD, Project

pytest_plugins = ["pytester"]

ASYNC = """
    import asyncio
    from datetime import datetime, timezone

    import pytest
    import time_machine
    from hypothesis import HealthCheck, given, settings, strategies as st

    async def find(db, n):
        return [x async for x in db.things.find({"a": n})]

    @pytest.mark.secantus_fail_on("collscan", "n_plus_one")
    async def test_log(secantus_async_db, secantus_commands):
        with secantus_commands.expect(1, name="find") as block:
            await find(secantus_async_db, 1)
        assert block[0].source.startswith("test_async.py:")
        with secantus_commands.expect(5):
            await asyncio.gather(*(secantus_async_db.things.insert_one({"_id": n}) for n in range(5)))

    @pytest.mark.xfail(strict=True, raises=pytest.fail.Exception)
    @pytest.mark.secantus_fail_on("n_plus_one")
    async def test_n_plus_one(secantus_async_db):
        for n in range(12):
            await find(secantus_async_db, n)

    @pytest.mark.secantus_fail_on("n_plus_one")
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None, max_examples=12)
    @given(st.integers(0, 1000))
    async def test_examples(secantus_async_db, n):
        assert await secantus_async_db.things.count_documents({}) == 0
        await secantus_async_db.things.insert_one({"_id": n})

    async def test_faults(secantus_async_db, secantus_faults):
        fault = secantus_faults.fail("insert", code=11600, times=1)
        await secantus_async_db.things.insert_one({})
        assert fault.count == 1

    async def test_clock(secantus_async_db, secantus_clock):
        await secantus_async_db.things.create_index("at", expireAfterSeconds=10)
        await secantus_async_db.things.insert_one({"at": secantus_clock.freeze()})
        secantus_clock.tick(100)
        assert await secantus_async_db.things.count_documents({}) == 0

    async def test_follow(secantus_async_db):
        with time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc), tick=False):
            await secantus_async_db.things.update_one({"_id": 1}, {"$currentDate": {"at": True}}, upsert=True)
            assert (await secantus_async_db.things.find_one())["at"] == datetime(2030, 1, 1)

    async def test_reset(secantus_reset, secantus_async_db):
        for _ in range(2):
            await secantus_async_db.things.insert_one({"_id": 1})
            secantus_reset()

    async def test_fails(secantus_async_db):
        await secantus_async_db.things.insert_one({"_id": "left"})
        pytest.fail("on purpose")
"""

SUBTESTS = """
    async def test_subtests(subtests, secantus_async_db):
        for n in range(3):
            with subtests.test(n=n):
                await secantus_async_db.things.insert_one({"_id": 1})
"""

UNITTEST = """
    import unittest
    from datetime import datetime, timezone

    import pytest
    import time_machine

    class Base(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _fx(self, secantus_db, secantus_commands, secantus_faults, secantus_clock, secantus_reset):
            self.db, self.commands, self.faults = secantus_db, secantus_commands, secantus_faults
            self.clock, self.reset = secantus_clock, secantus_reset

        def setUp(self):
            self.db.setup.insert_one({"_id": 1})

        def test_log(self):
            with self.commands.expect(1):
                self.db.things.find_one()
            assert [c.name for c in self.commands] == ["insert", "find"]

        def test_reset(self):
            for _ in range(2):
                self.db.things.insert_one({"_id": 1})
                self.reset()
            assert self.db.setup.count_documents({}) == 1

        def test_faults(self):
            self.faults.drop_connection("find", times=1)
            self.db.things.find_one()

        def test_clock(self):
            self.clock.set(datetime(2030, 1, 1, tzinfo=timezone.utc))
            self.db.things.update_one({"_id": 1}, {"$currentDate": {"at": True}}, upsert=True)
            assert self.db.things.find_one()["at"] == datetime(2030, 1, 1)

        @time_machine.travel(datetime(2031, 1, 1, tzinfo=timezone.utc), tick=False)
        def test_follow(self):
            self.db.things.update_one({"_id": 1}, {"$currentDate": {"at": True}}, upsert=True)
            assert self.db.things.find_one()["at"] == datetime(2031, 1, 1)

        def test_subtests(self):
            for n in range(3):
                with self.subTest(n=n):
                    self.db.things.insert_one({"_id": 1})

    @pytest.mark.secantus_fail_on("n_plus_one")
    class Plans(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _fx(self, secantus_db):
            self.db = secantus_db

        @pytest.mark.xfail(strict=True)
        def test_bad(self):
            for n in range(12):
                self.db.things.find_one({"a": n})

        @pytest.mark.secantus_allow("n_plus_one")
        def test_allowed(self):
            for n in range(12):
                self.db.things.find_one({"a": n})

        @pytest.mark.secantus_seed([lambda db: db.seeded.insert_one({"_id": 1})])
        def test_seed(self):
            assert self.db.seeded.count_documents({}) == 1

        def test_fails(self):
            self.db.things.insert_one({"_id": "left"})
            self.fail("on purpose")

    class Async(unittest.IsolatedAsyncioTestCase):
        @pytest.fixture(autouse=True)
        def _fx(self, secantus_async_db, secantus_commands, secantus_faults):
            self.db, self.commands, self.faults = secantus_async_db, secantus_commands, secantus_faults

        async def test_it(self):
            with self.commands.expect(1, name="insert") as block:
                await self.db.things.insert_one({})
            assert block[0].source.startswith("test_unit.py")
            self.faults.fail("find", code=11600, times=1)
            assert len([x async for x in self.db.things.find()]) == 1

        async def test_subtests(self):
            for n in range(3):
                with self.subTest(n=n):
                    await self.db.things.insert_one({"_id": 1})
"""


@pytest.mark.parametrize(
    ("workers", "process"),
    [
        pytest.param((), "no", id="alone", marks=nightly),
        pytest.param(("-n", "4"), "no", id="four-workers"),
        pytest.param((), "yes", id="child-process", marks=nightly),
    ],
)
def test_all_features(project: Project, workers: tuple[str, ...], process: str) -> None:
    for library in ("hypothesis", "pytest_asyncio", "time_machine", "xdist"):
        pytest.importorskip(library)
    project.ini(
        "asyncio_mode = auto",
        "asyncio_default_fixture_loop_scope = function",
        "secantus_reset = examples subtests",
        "secantus_clock = follow",
        "secantus_thread_guard = yes",
        "secantus_block = yes",
    )
    project.write(test_async=ASYNC + (SUBTESTS if hasattr(pytest, "Subtests") else ""), test_unit=UNITTEST)
    tools = ("--secantus-report=report.html", "--secantus-dump=kept")
    options = ("-p", "no:cacheprovider", "-p", "no:django", "--secantus-process", process)
    result = project.pytester.runpytest_subprocess(*LOAD, *options, *tools, *workers, timeout=300)
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["xfailed"]) == (2, 2)
    assert outcomes["passed"] == (17 if hasattr(pytest, "Subtests") else 16)
    check_files(project.pytester.path)


def check_files(place: Path) -> None:
    """Check the dumps of the tests that fail on purpose, and the report."""
    names = {"test_async.py-test_fails", "test_unit.py-Plans-test_fails"}
    assert names <= {path.name for path in (place / "kept").iterdir()}
    for name in names:
        (left,) = json.loads((place / "kept" / name / "secantus_test" / "things.json").read_text())
        assert left == {"_id": "left"}
    report = json.loads((place / "report.json").read_text())
    assert {test["outcome"] for test in report["tests"]} == {"passed", "failed", "xfailed"}
    assert any("n_plus_one" in advice["check"] for advice in report["advice"])
