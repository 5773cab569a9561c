"""The generated suites that `felt` runs. Each has many tests of one kind, which use a fixture `db` that is specific to the subject."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The number of documents in the seeded store.
SEEDED = 100_000


@dataclass(frozen=True)
class Kind:
    """One kind of test.

    Arguments:
        title: the kind's name in tables.
        body: the source of the test, with placeholders: `n` is the test's number; `a`, `w` and `f` insert the keywords of a coroutine.
        tests: the number of tests in a suite.
        undo: the code that undoes a test's writes, for subjects that neither undo them nor create a new store per test.
    """

    title: str
    body: str
    tests: int = 400
    undo: str = ""

    @property
    def is_seeded(self) -> bool:
        """Whether the store contains documents before the first test."""
        return bool(self.undo)


KINDS = (
    Kind("empty", "{a}def test_{n}(): pass"),
    Kind("fixture only", "{a}def test_{n}(db): pass"),
    Kind(
        "insert, count",
        """{a}def test_{n}(db):
    {w}db.t.insert_one({{"_id": {n}}})
    assert {w}db.t.count_documents({{}}) == 1""",
    ),
    Kind(
        "100 documents",
        """{a}def test_{n}(db):
    {w}db.t.create_index("kind")
    {w}db.t.insert_many([{{"_id": i, "kind": i % 7}} for i in range(100)])
    {w}db.t.update_many({{"kind": 3}}, {{"$inc": {{"n": 1}}}})
    assert len([one {f} one in db.t.find({{"kind": {{"$lt": 5}}}}).sort("_id", -1)]) == 72
    assert len([one {f} one in {w}db.t.aggregate([{{"$group": {{"_id": "$kind", "n": {{"$sum": 1}}}}}}])]) == 7""",
    ),
    Kind(
        "seeded store",
        """{a}def test_{n}(db):
    assert ({w}db.seeded.find_one({{"_id": {n}}}))["kind"] == {n} % 7
    {w}db.seeded.update_one({{"_id": {n}}}, {{"$set": {{"kind": 100}}}})
    assert {w}db.seeded.count_documents({{"_id": {{"$lt": 100}}}}) == 100
    assert {w}db.seeded.find_one({{"_id": 0}}, {{"kind": 1}}) == {{"_id": 0, "kind": 100 if {n} == 0 else 0}}""",
        tests=50,
        undo="""
    {w}db.seeded.update_one({{"_id": {n}}}, {{"$set": {{"kind": {n} % 7}}}})""",
    ),
)

_SEED = f"""
def seed(client, database="test"):
    documents = [{{"_id": i, "kind": i % 7, "text": "x" * 40}} for i in range({SEEDED})]
    for at in range(0, len(documents), 10_000):
        client[database].seeded.insert_many(documents[at:at + 10_000])
"""
_OURS = """
@pytest.fixture(scope="session")
def seeded(secantus_client):
    seed(secantus_client, "secantus_test")


@pytest.fixture
def db({seeded}secantus_{a}db):
    return secantus_{a}db
"""
_MOCK = """
import {module}


@pytest.fixture
def db():
    return {module}.MongoClient().test
"""
_MOCK_SEEDED = """
import {module}


@pytest.fixture(scope="session")
def seeded():
    client = {module}.MongoClient()
    seed(client)
    return client


@pytest.fixture
def db(seeded):
    return seeded.test
"""
_NX = """
import socket
import subprocess
import sys
import tempfile

import pymongo


@pytest.fixture(scope="session")
def uri():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        files = ["--log-file", scratch + "/log", "--pid-file", scratch + "/pid"]
        words = [sys.executable, "-m", "nx_27017.nx_27017", "--data-dir", "memory", "--port", str(port), *files]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
            with pymongo.MongoClient(uri, serverSelectionTimeoutMS=60_000, heartbeatFrequencyMS=500) as client:
                client.admin.command("ping")
                SEED
            yield uri
        finally:
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def client(uri):
    with pymongo.MongoClient(uri) as client:
        yield client
"""
_NX_DB = """

@pytest.fixture
def db(client):
    yield client.test
    DROP
"""
_NX_ASYNC_DB = """

@pytest.fixture
async def db(uri, client):
    async with pymongo.AsyncMongoClient(uri) as own:
        yield own.test
    DROP
"""


def fixtures_of(subject: str, kind: Kind, *, is_async: bool) -> str:
    """Return the source of the conftest for a subject.

    Arguments:
        subject: "ours", "nx_27017", or the module of a mock.
    """
    seed = _SEED if kind.is_seeded else ""
    if subject == "ours":
        given = {"seeded": "seeded, " if kind.is_seeded else "", "a": "async_" if is_async else ""}
        text = _OURS.format(**given)
    elif subject == "nx_27017":
        text = _NX.replace("SEED", "seed(client)" if kind.is_seeded else "pass") + (_NX_ASYNC_DB if is_async else _NX_DB)
        text = text.replace("DROP", "pass" if kind.is_seeded else 'client.drop_database("test")')
    else:
        text = (_MOCK_SEEDED if kind.is_seeded else _MOCK).format(module=subject)
    return "import pytest\n" + seed + text


def generate(place: Path, kind: Kind, subject: str, *, is_async: bool) -> Path:
    """Write a suite of one kind of test, and return its directory."""
    words = {"a": "async ", "w": "await ", "f": "async for"} if is_async else {"a": "", "w": "", "f": "for"}
    body = kind.body if subject == "ours" else kind.body + kind.undo
    place.mkdir(parents=True)
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (place / "conftest.py").write_text(fixtures_of(subject, kind, is_async=is_async), encoding="utf-8")
    (place / "test_it.py").write_text("\n\n\n".join(body.format(n=n, **words) for n in range(kind.tests)) + "\n", encoding="utf-8")
    return place
