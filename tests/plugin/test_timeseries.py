"""Time-series collections in the plugin: isolation, kept definitions, dumps and seeds."""

from __future__ import annotations

import json

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

ISOLATED = """
    from datetime import datetime

    import pytest

    START = datetime(2024, 1, 1)


    @pytest.fixture(scope="session", autouse=True)
    def schema(secantus_client):
        secantus_client.app.create_collection("log", timeseries={"timeField": "t", "metaField": "m"})
        secantus_client.app.log.create_index("v")


    @pytest.mark.parametrize("run", range(3))
    def test_each_run_begins_empty(secantus_client, run):
        log = secantus_client.app.log
        assert log.count_documents({}) == 0
        log.insert_many([{"t": START, "m": run, "v": number} for number in range(3)])
        assert log.count_documents({"m": run}) == 3
        assert sorted(one["name"] for one in log.list_indexes()) == ["m_1_t_1", "v_1"]
        assert secantus_client.app.command("validate", "log")["valid"]
"""

KEPT = """
    from datetime import datetime

    import pytest

    made = set()


    @pytest.mark.parametrize("run", range(3))
    def test_made_once(secantus_db, run):
        if not made:
            secantus_db.create_collection("log", timeseries={"timeField": "t", "metaField": "m"})
            secantus_db.log.create_index("v")
            made.add(run)
        assert secantus_db.log.count_documents({}) == secantus_db.log.delete_many({}).deleted_count == 0
        secantus_db.log.insert_one({"t": datetime(2024, 1, 1), "m": 1})
        assert secantus_db["system.buckets.log"].count_documents({}) == 1
        assert [one["name"] for one in secantus_db.log.list_indexes()] == ["m_1_t_1", "v_1"]
"""

FAILS = """
    from datetime import datetime

    def test_log(secantus_db):
        secantus_db.create_collection("zlog", timeseries={"timeField": "t", "metaField": "m"}, expireAfterSeconds=10**9)
        secantus_db.zlog.create_index("v")
        secantus_db.zlog.insert_many([{"_id": n, "t": datetime(2024, 1, 1), "m": 1, "v": n} for n in range(3)])
        assert False, "on purpose"
"""

SEEDED = """
    import pytest

    @pytest.mark.secantus_seed("kept/test_it.py-test_log")
    def test_it(secantus_db):
        assert [one["_id"] for one in secantus_db.zlog.find()] == [0, 1, 2]
        assert secantus_db.zlog.options()["timeseries"]["metaField"] == "m"
        assert [one["name"] for one in secantus_db.zlog.list_indexes()] == ["m_1_t_1", "v_1"]
        assert secantus_db["system.buckets.zlog"].count_documents({}) == 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


def test_isolation(project: Project) -> None:
    project.write(test_it=ISOLATED)
    project.passes(passed=3)


def test_kept_definitions(project: Project) -> None:
    project.write(test_it=KEPT)
    project.passes("--secantus", passed=3)


@pytest.mark.parametrize("form", ["json", "bson"])
def test_a_dump_is_a_seed(project: Project, form: str) -> None:
    project.write(test_it=FAILS)
    result = project.run("--secantus-dump=kept", f"--secantus-dump-format={form}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["secantus_test.zlog: the collection was created, 3 added"])
    database = project.pytester.path / "kept" / "test_it.py-test_log" / "secantus_test"
    documents = "system.buckets.zlog.bson" if form == "bson" else "zlog.json"
    assert sorted(path.name for path in database.iterdir()) == sorted(["zlog.metadata.json", documents])
    assert json.loads((database / "zlog.metadata.json").read_text())["type"] == "timeseries"
    project.write(test_it=SEEDED)
    project.passes(passed=1)
