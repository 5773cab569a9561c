"""The plan checks: what they report and do not report, and their options."""

from __future__ import annotations

import pytest

from tests.nightly import nightly
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

#: Each check with a test that it reports, and a test that it does not report.
CASES = {
    "collscan": (
        'fill(db, 60)\n    db.c.find_one({"a": 59})',
        'fill(db, 50)\n    db.c.find_one({"a": 70})\n    list(db.c.find())\n    db.c.update_many({}, {"$set": {"b": 1}})\n'
        '    fill(db, 60, 100)\n    db.c.count_documents({"a": {"$gt": 20}})',
    ),
    "n_plus_one": (
        'for n in range(10):\n        db.c.find_one({"_id": n})',
        'fill(db, 30)\n    for n in range(9):\n        db.c.find_one({"_id": n})\n    for n in range(30):\n        db.d.insert_one({})\n'
        '    for n in range(30):\n        db.c.update_one({"_id": 1}, {"$set": {"a": n}})\n        db.c.find_one({"_id": 1})\n'
        '    for n in range(30):\n        db.c.insert_one({"x": 1000 + n})\n        db.c.find_one({"x": 1000 + n})\n'
        '    for n in range(30):\n        db.d.find_one({"_id": 1})\n'
        '    for n in range(30):\n        db.d.find_one({"_id": n % 9})\n'
        '    for n in range(30):\n        list(db.d.find({"_id": {"$gt": n}}).sort("_id").limit(2))',
    ),
    "in_memory_sort": (
        'fill(db, 60)\n    list(db.c.find().sort("a"))',
        'fill(db, 60)\n    list(db.c.find({"a": {"$lt": 50}}).sort("a"))\n    db.c.create_index("a")\n    list(db.c.find().sort("a"))',
    ),
    "unbounded_find": (
        "fill(db, 101)\n    list(db.c.find(batch_size=10))",
        "fill(db, 150)\n    next(db.c.find())\n    list(db.c.find({'_id': {'$in': list(range(101))}}))\n    list(db.c.find().limit(101))\n"
        "    list(db.c.find({'_id': {'$lt': 100}}))\n    list(db.c.aggregate([]))",
    ),
    "large_reply": (
        'db.c.insert_many([{"text": "x" * 60_000} for _ in range(20)])\n    list(db.c.find().limit(20))',
        'db.c.insert_many([{"text": "x" * 60_000} for _ in range(20)])\n    list(db.c.find().limit(15))',
    ),
}
FILL = "def fill(db, number, first=0):\n    db.c.insert_many([{'_id': first + n, 'a': n} for n in range(number)])\n"


def write(project: Project, name: str, *, marked: bool) -> None:
    bad, good = CASES[name]
    marker = f'@pytest.mark.secantus_fail_on("{name}")\n' if marked else ""
    tests = [f"{marker}def test_{kind}(secantus_db):\n    db = secantus_db\n    {body}\n" for kind, body in (("bad", bad), ("good", good))]
    project.write(test_it="\n".join(["import pytest", FILL, *tests]))


@pytest.mark.parametrize("name", CASES)
def test_each_check(project: Project, name: str) -> None:
    write(project, name, marked=True)
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [f'secantus_fail_on: 1 finding; the marker secantus_allow("{name}") would allow it', f"{name}: db.c.find(*"]
    )
    assert "FAILED test_it.py::test_bad" in result.stdout.str()


def test_checks_of_the_ini_file(project: Project) -> None:
    project.ini("secantus_fail_on = collscan unbounded_find=5")
    write(project, "collscan", marked=False)
    project.run().assert_outcomes(failed=2)
    project.run_apart("-p", "no:asyncio", "-n", "2").assert_outcomes(failed=2)


def test_the_message(project: Project) -> None:
    project.write(
        test_it="""
        import pytest
        from app import orders

        @pytest.mark.secantus_fail_on("collscan", "n_plus_one", "in_memory_sort")
        def test_it(secantus_db):
            secantus_db.orders.insert_many([{"_id": n, "customer": n % 10, "total": n} for n in range(100)])
            for _ in range(3):
                list(secantus_db.orders.find({"customer": 3, "total": {"$gt": 20}}))
            orders(secantus_db)
        """,
        app="""
        def orders(db):
            return [db.orders.find_one({"_id": number}) for number in range(12)]
        """,
    )
    result = project.run_apart("-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            'secantus_fail_on: 2 findings; the marker secantus_allow("collscan", "n_plus_one") would allow them',
            "",
            "collscan: db.orders.find({ customer: ?, total: { $gt: ? } })",
            "    on secantus_test.orders, 3 times: examined 300 documents, 24 of which matched (COLLSCAN)",
            "    at test_it.py:9",
            "    An index that would have served:",
            "        db.orders.createIndex({ customer: 1, total: 1 })",
            "",
            "n_plus_one: db.orders.find({ _id: ? }).limit(?)",
            "    on secantus_test.orders, 12 times: the same command 12 times from one line, with other values",
            "    at app.py:3 (from test_it.py:10)",
            "    Read them together: with $in instead of a value, or with $lookup or $graphLookup, before the loop.",
        ],
        consecutive=True,
    )


MARKS = """
    import pytest

    pytestmark = pytest.mark.secantus_fail_on("collscan", n_plus_one=5)

    def scan(db):
        db.c.insert_many([{"a": n} for n in range(80)])
        db.c.find_one({"b": 1})

    def test_reported(secantus_db):
        scan(secantus_db)

    @pytest.mark.secantus_allow("collscan")
    def test_allowed(secantus_db):
        scan(secantus_db)

    @pytest.mark.secantus_fail_on("collscan=80")
    def test_a_closer_threshold(secantus_db):
        scan(secantus_db)

    @pytest.mark.secantus_fail_on(collscan=79)
    class TestIt:
        def test_of_a_class(self, secantus_db):
            scan(secantus_db)

    def test_fewer(secantus_db):
        for n in range(5):
            secantus_db.c.find_one({"_id": n})

    @pytest.mark.xfail(strict=True)
    def test_expected(secantus_db):
        scan(secantus_db)

    def test_its_own_failure(secantus_db):
        scan(secantus_db)
        assert not "own"
"""


def test_markers(project: Project) -> None:
    project.write(test_it=MARKS)
    result = project.run()
    result.assert_outcomes(passed=2, failed=4, xfailed=1)
    text = result.stdout.str()
    for name in ("test_reported", "TestIt::test_of_a_class", "test_fewer", "test_its_own_failure"):
        assert f"FAILED test_it.py::{name}" in text, name
    # Exclude the summary, which contains the whole messages if the environment has the variable CI.
    assert text.split("short test summary")[0].count("collscan: db.c.find") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="workers"),
        pytest.param(("--secantus-process=yes",), id="process", marks=nightly),
    ],
)
def test_async_tests_classes_and_processes(project: Project, arguments: tuple[str, ...]) -> None:
    project.ini("asyncio_default_fixture_loop_scope = function", "secantus_fail_on = n_plus_one")
    project.write(
        test_it="""
        import asyncio
        import unittest

        import pytest

        @pytest.mark.asyncio
        async def test_loop(secantus_async_db):
            for n in range(10):
                await secantus_async_db.c.find_one({"_id": n})

        @pytest.mark.asyncio
        async def test_gather(secantus_async_db):
            await asyncio.gather(*(secantus_async_db.c.find_one({"_id": n}) for n in range(10)))

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _db(self, secantus_db):
                self.db = secantus_db

            def test_class(self):
                for n in range(10):
                    self.db.c.count_documents({"_id": n})

        def test_good(secantus_db):
            for n in range(10):
                secantus_db.c.insert_one({"_id": n})
        """
    )
    result = project.run_apart(*arguments)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines_random(["    at test_it.py:10", "    at test_it.py:14", "    at test_it.py:23"])


@pytest.mark.parametrize(
    ("ini", "marker", "message"),
    [
        ("secantus_fail_on = colscan", "", "secantus_fail_on: 'colscan' is not a check; the checks are collscan, n_plus_one, *"),
        ("secantus_fail_on = collscan=no", "", "secantus_fail_on: collscan must be a whole number from 1 on, not 'no'"),
        ("secantus_fail_on = collscan=0", "", "secantus_fail_on: collscan must be a whole number from 1 on, not '0'"),
        ("secantus_fail_on = collscan\nsecantus_uri = mongodb://h", "", "secantus_fail_on cannot be combined with secantus_uri"),
        ("", 'secantus_fail_on("scan")', "test_it.py::test_it: the marker secantus_fail_on: 'scan' is not a check; *"),
        ("", "secantus_fail_on()", "test_it.py::test_it: the marker secantus_fail_on names no check; *"),
        ("", "secantus_fail_on(scan=3)", "test_it.py::test_it: the marker secantus_fail_on: 'scan' is not a check; *"),
        ("", "secantus_fail_on(collscan=True)", "test_it.py::test_it: *: collscan must be a whole number from 1 on, not True"),
        ("", 'secantus_allow("scan")', "test_it.py::test_it: the marker secantus_allow: 'scan' is not a check; *"),
        ("", "secantus_allow()", "test_it.py::test_it: the marker secantus_allow takes the names of checks: collscan, *"),
        ("secantus_uri = mongodb://h", 'secantus_fail_on("collscan")', "test_it.py::test_it: *cannot be combined with secantus_uri"),
    ],
)
def test_bad_use_is_a_usage_error(project: Project, ini: str, marker: str, message: str) -> None:
    project.ini(*ini.split("\n"))
    project.write(test_it=f"import pytest\n{f'@pytest.mark.{marker}' if marker else ''}\ndef test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_wrong_marker_under_xdist(project: Project) -> None:
    project.write(test_it="import pytest\n@pytest.mark.secantus_allow('scan')\ndef test_it(): pass")
    result = project.run_apart("-p", "no:asyncio", "-n", "2")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it.py::test_it: the marker secantus_allow: 'scan' is not a check; *"])


def test_a_line_that_many_share_is_not_one_line(project: Project) -> None:
    project.write(
        app="""
        def load(db, number):
            return db.c.find_one({"_id": number})

        def pair(db, number):
            return [load(db, number), load(db, -number)]
        """,
        test_it="""
        from threading import Barrier, Thread

        import pytest
        from app import load, pair

        @pytest.mark.secantus_fail_on("n_plus_one")
        def test_good(secantus_db):
            pair(secantus_db, 1); load(secantus_db, 2)
            pair(secantus_db, 3); load(secantus_db, 4)
            pair(secantus_db, 5); load(secantus_db, 6)
            pair(secantus_db, 7); load(secantus_db, 8)

        @pytest.mark.secantus_fail_on("n_plus_one")
        def test_threads(secantus_db):
            barrier = Barrier(12)
            def work():
                barrier.wait()
                load(secantus_db, 1)
                barrier.wait()
            threads = [Thread(target=work) for _ in range(12)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()

        @pytest.mark.secantus_fail_on("n_plus_one")
        def test_bad(secantus_db):
            for number in range(1, 6):
                pair(secantus_db, number)
        """,
    )
    result = project.run_apart("-p", "no:asyncio")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["    at app.py:3 (from test_it.py:30)"])


LOOPS = """
    from concurrent.futures import ThreadPoolExecutor
    import pytest

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_read_and_change(secantus_db):
        secantus_db.c.insert_many([{"_id": n} for n in range(12)])
        for n in range(12):
            secantus_db.c.find_one({"_id": n})
            secantus_db.c.update_one({"_id": n}, {"$set": {"a": 1}})

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_pages(secantus_db):
        secantus_db.c.insert_many([{"_id": n} for n in range(12)])
        for n in range(12):
            list(secantus_db.c.find().skip(n).limit(1))

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_counts(secantus_db):
        for n in range(20):
            secantus_db.c.count_documents({"a": n % 10})

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_ranges(secantus_db):
        for n in range(12):
            list(secantus_db.c.find({"a": {"$gte": n, "$lt": n + 1}}))

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_lists(secantus_db):
        for n in range(12):
            list(secantus_db.c.find({"a": {"$in": [n]}}))

    def read(secantus_db):
        for n in range(12):
            secantus_db.c.find_one({"_id": n})

    @pytest.mark.secantus_fail_on("n_plus_one")
    def test_threads(secantus_db):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(read, [secantus_db] * 3))
"""


def test_tasks_that_write_and_read_are_clients(project: Project) -> None:
    project.write(
        test_it="""
        import asyncio
        import pytest

        pytestmark = pytest.mark.secantus_fail_on("n_plus_one")

        async def write_and_read(db, n):
            await db.c.insert_one({"n": n, "kind": 1})
            return await db.c.find({"kind": 1}).to_list()

        def test_clients(secantus_async_db):
            async def run():
                await asyncio.gather(*(write_and_read(secantus_async_db, n) for n in range(20)))
            asyncio.run(run())

        def test_a_loop(secantus_async_db):
            async def run():
                await secantus_async_db.c.insert_many([{"_id": n} for n in range(20)])
                await asyncio.gather(*(secantus_async_db.c.find_one({"_id": n}) for n in range(20)))
            asyncio.run(run())
        """
    )
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_a_loop*"])


def test_a_scan_that_needs_several_indexes(project: Project) -> None:
    project.ini("secantus_fail_on = collscan")
    test = "def test_it(secantus_db):\n    fill(secantus_db, 60)\n    list(secantus_db.c.find({'$or': [{'a': 59}, {'b': 1}]}))"
    project.write(test_it=FILL + test)
    result = project.run()
    result.assert_outcomes(failed=1)
    indexes = ["        db.c.createIndex({ a: 1 })", "        db.c.createIndex({ b: 1 })"]
    result.stdout.fnmatch_lines(["    Indexes that together would have served:", *indexes], consecutive=True)


def test_existing_indexes_are_not_advised(project: Project) -> None:
    project.ini("secantus_fail_on = collscan")
    project.write(
        test_it=f"""{FILL}
def test_a_branch(secantus_db):
    fill(secantus_db, 60)
    secantus_db.c.create_index([('a', -1), ('z', 1)])
    list(secantus_db.c.find({{'$or': [{{'a': 59}}, {{'b': 1}}]}}))

def test_hidden(secantus_db):
    fill(secantus_db, 60)
    secantus_db.c.create_index('a', hidden=True)
    secantus_db.c.delete_many({{'a': 59}})
"""
    )
    result = project.run()
    result.assert_outcomes(failed=2)
    title = "    An index that would have served:"
    result.stdout.fnmatch_lines([title, "        db.c.createIndex({ b: 1 })", "*", title, '        db.c.unhideIndex("a_1")'])
    result.stdout.no_fnmatch_line("*createIndex({ a: *")


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ('.hint([("$natural", 1)])', "Its hint keeps it from using another index: leave it out."),
        ("", "An index that would have served:"),
    ],
)
def test_a_hint_is_the_reason_of_a_scan(project: Project, options: str, remedy: str) -> None:
    project.ini("secantus_fail_on = collscan")
    project.write(test_it=f"{FILL}def test_it(secantus_db):\n    fill(secantus_db, 60)\n    list(secantus_db.c.find({{'a': 59}}){options})")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"    {remedy}"])


def test_loops(project: Project) -> None:
    project.write(test_it=LOOPS)
    result = project.run()
    result.assert_outcomes(failed=6)
    result.stdout.fnmatch_lines(
        [
            "*on secantus_test.c, 12 times: the same command 12 times from one line, with other values",
            "    Read them together: with $in instead of a value, or with $lookup or $graphLookup, before the loop.",
            "*on secantus_test.c, 11 times: the same command 11 times from one line, with other values",
            "    Read them with one command, without skip(): each skip() reads what it leaves out.",
            "*on secantus_test.c, 20 times: the same command 20 times from one line, with 10 different values",
            "    Read them together: with $in instead of a value, and $group by its field, before the loop.",
            "    Read them together: with one command for the whole range, before the loop.",
            "    Read them together: with one $in of all values, or with $lookup, before the loop.",
            "*the same command * times from one line*values",
        ]
    )


EXAMPLES = """
    import unittest

    import pytest
    from hypothesis import HealthCheck, given, settings, strategies as st

    pytestmark = pytest.mark.secantus_fail_on("n_plus_one")
    PROFILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12, database=None)

    @PROFILE
    @given(st.integers(0, 1000))
    def test_good_examples(secantus_db, number):
        secantus_db.things.find_one({"a": number})

    @PROFILE
    @given(st.integers(10, 20))
    def test_bad_examples(secantus_db, number):
        for each in range(number):
            secantus_db.things.find_one({"a": each})

    class TestOfUnittest(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def database(self, secantus_db):
            self.db = secantus_db

        def test_good_subtests(self):
            for number in range(12):
                with self.subTest(number=number):
                    self.db.things.find_one({"a": number})

        def test_bad_subtest(self):
            for number in range(12):
                with self.subTest(number=number), self.subTest("within"):
                    for each in range(number):
                        self.db.things.find_one({"a": each})
"""


@pytest.mark.parametrize("reset", ["", "examples subtests"])
def test_each_example_and_subtest_has_its_own_count(project: Project, reset: str) -> None:
    pytest.importorskip("hypothesis")
    project.ini(f"secantus_reset = {reset}" if reset else "")
    project.write(test_it=EXAMPLES)
    result = project.run_apart("-p", "no:asyncio", "-rA")
    result.stdout.fnmatch_lines_random(
        [
            "PASSED test_it.py::test_good_examples",
            "PASSED test_it.py::TestOfUnittest::test_good_subtests",
            "FAILED test_it.py::test_bad_examples*",
            "FAILED test_it.py::TestOfUnittest::test_bad_subtest*",
        ]
    )


def test_pytest_subtests_have_their_own_count(project: Project) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.skip("pytest 8 has no subtests")
    project.write(
        test_it="""
        import pytest

        @pytest.mark.secantus_fail_on("n_plus_one")
        def test_good(subtests, secantus_db):
            for number in range(12):
                with subtests.test(number=number):
                    secantus_db.things.find_one({"a": number})
        """
    )
    assert project.run_apart("-p", "no:asyncio").ret == 0
