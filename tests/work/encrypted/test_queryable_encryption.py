"""Queryable Encryption with pymongo, which encrypts explicitly, so that it needs neither mongocryptd nor the crypt_shared library."""

from __future__ import annotations

import datetime
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from secantus_server.encryption import tokens
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from tests.failing import code, code_of_call

pytest.importorskip("pymongocrypt")
pytest.importorskip("cryptography")

from pymongo.encryption import Algorithm, ClientEncryption, QueryType
from pymongo.encryption_options import AutoEncryptionOpts, RangeOpts

# The keys and the expected tags are those of the specification's tests: the tags do not depend on randomness.
# https://github.com/mongodb/specifications/tree/master/source/client-side-encryption/tests
LOCAL_KEY = (
    "Mng0NCt4ZHVUYUJCa1kxNkVyNUR1QURhZ2h2UzR2d2RrZzh0cFBwM3R6NmdWMDFBMUN3YkQ5aXRRMkhGRGdQV09wOGVNYUMxT2k3NjZKelhaQmRCZGJkTXVyZG9uSjFk"
)
KEY_MATERIAL = (
    "sHe0kz57YW7v8g9VP9sf/+K1ex4JqKc5rf/URX3n3p8XdZ6+15uXPaSayC6adWbNxkFskuMCOifDoTT+rkqMtFkDclOy884RuGGtUysq3X7zkAWYTKi8QAfKkajvVbZl2y23"
    "UqgVasdQu3OVBQCrH/xY00nNAs/52e958nVjBuzQkSb1T8pKJAyjZsHJ60+FtnfafDZSTAIBJYn7UWBCwQ=="
)
KEY_ID = Binary(b64decode("EjRWeBI0mHYSNBI0VniQEg=="), 4)
VAULT = "keyvault.datakeys"
PROVIDERS = {"local": {"key": b64decode(LOCAL_KEY)}}
RANGE = RangeOpts(min=0, max=200, sparsity=1, trim_factor=1)
CONTENTION = 3
DAYS = [datetime.datetime.fromtimestamp(day * 86400, tz=datetime.timezone.utc).replace(tzinfo=None) for day in range(4)]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture(scope="module")
def plain(server: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client that does not know of the encryption."""
    with MongoClient(server.uri) as client:
        now = datetime.datetime.now(tz=datetime.timezone.utc)
        key = {"_id": KEY_ID, "keyMaterial": Binary(b64decode(KEY_MATERIAL)), "creationDate": now, "updateDate": now, "status": 0}
        client.keyvault.datakeys.insert_one({**key, "masterKey": {"provider": "local"}})
        yield client


@pytest.fixture(scope="module")
def client(server: SecantusDBServer, plain: MongoClient[dict[str, Any]]) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client that decrypts, and that sends `encryptionInformation`."""
    options = AutoEncryptionOpts(PROVIDERS, VAULT, bypass_query_analysis=True)
    with MongoClient(server.uri, auto_encryption_opts=options) as connected:
        yield connected


@pytest.fixture(scope="module")
def encryption(plain: MongoClient[dict[str, Any]]) -> Iterator[ClientEncryption[dict[str, Any]]]:
    with ClientEncryption(PROVIDERS, VAULT, plain, plain.codec_options) as made:
        yield made


@pytest.fixture
def people(client: MongoClient[dict[str, Any]]) -> Iterator[Collection[dict[str, Any]]]:
    """A collection whose name gets an index on equality, and whose age gets an index on ranges. Both are encrypted with different keys."""
    yield from _created(client, "people", {"path": "name", "bsonType": "string", "queries": {"queryType": "equality"}})


@pytest.fixture
def ages(client: MongoClient[dict[str, Any]]) -> Iterator[Collection[dict[str, Any]]]:
    query = {"queryType": "range", "contention": Int64(0), "trimFactor": 1, "sparsity": Int64(1), "min": 0, "max": 200}
    yield from _created(client, "ages", {"path": "age", "bsonType": "int", "queries": query})


def _created(client: MongoClient[dict[str, Any]], name: str, field: dict[str, Any]) -> Iterator[Collection[dict[str, Any]]]:
    yield client.test.create_collection(name, encryptedFields={"fields": [{"keyId": KEY_ID, **field}]})
    client.drop_database("test")


@pytest.fixture
def word(encryption: ClientEncryption[dict[str, Any]]) -> Callable[..., Binary]:
    """A function that encrypts a text to store it."""
    return lambda text, contention=0: encryption.encrypt(text, Algorithm.INDEXED, key_id=KEY_ID, contention_factor=contention)


@pytest.fixture
def sought(encryption: ClientEncryption[dict[str, Any]]) -> Callable[..., Binary]:
    """A function that encrypts a text to search it."""
    return lambda text, contention=0: encryption.encrypt(
        text, Algorithm.INDEXED, key_id=KEY_ID, contention_factor=contention, query_type=QueryType.EQUALITY
    )


@pytest.fixture
def age(encryption: ClientEncryption[dict[str, Any]]) -> Callable[[int], Binary]:
    return lambda value: encryption.encrypt(value, Algorithm.RANGE, key_id=KEY_ID, contention_factor=0, range_opts=RANGE)


@pytest.fixture
def span(encryption: ClientEncryption[dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function that encrypts the bounds in a filter or an expression."""
    options: dict[str, Any] = {"key_id": KEY_ID, "contention_factor": 0, "query_type": "range", "range_opts": RANGE}
    return lambda expression: encryption.encrypt_expression(expression, Algorithm.RANGE, **options)


def tags(plain: MongoClient[dict[str, Any]], name: str, _id: Any) -> list[str]:
    document = plain.test[name].find_one({"_id": _id})
    assert document is not None
    return [b64encode(tag).decode() for tag in document["__safeContent__"]]


def states(plain: MongoClient[dict[str, Any]], name: str) -> tuple[int, int]:
    """Return the numbers of documents in the ESC and the ECOC."""
    esc, ecoc = (plain.test[f"enxcol_.{name}.{kind}"].count_documents({}) for kind in ("esc", "ecoc"))
    return esc, ecoc


def names(found: Any) -> list[Any]:
    return [document["name"] for document in found]


def test_equality(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    people.insert_many(
        [{"_id": 1, "name": word("value123")}, {"_id": 2, "name": word("Bo")}, {"_id": 3, "name": word("value123")}, {"_id": 4}]
    )
    assert tags(plain, "people", 1) == ["ThpoKfQ8AkOzkFfNC1+9PF0pY2nIzfXvRdxQgjkNbBw="]
    stored = plain.test.people.find_one({"_id": 1})
    assert stored is not None
    assert stored["name"].subtype == 6
    assert stored["name"][0] == 14
    assert names(people.find({"name": sought("Bo")})) == ["Bo"]

    def ids(query: dict[str, Any]) -> list[int]:
        return [document["_id"] for document in people.find(query, sort={"_id": 1})]

    assert ids({"name": sought("value123")}) == [1, 3]
    assert ids({"name": {"$ne": sought("value123")}}) == [2, 4]
    assert ids({"name": {"$in": [sought("Bo"), sought("value123"), sought("nobody")]}}) == [1, 2, 3]
    assert ids({"name": {"$nin": [sought("Bo")]}}) == [1, 3, 4]
    assert ids({"name": {"$not": {"$eq": sought("Bo")}, "$exists": True}}) == [1, 3]
    assert ids({"$or": [{"name": sought("Bo")}, {"_id": 4}]}) == [2, 4]
    assert ids({"$expr": {"$ne": ["$name", sought("Bo")]}}) == [1, 3, 4]
    assert ids({"$expr": {"$in": ["$name", [sought("Bo")]]}}) == [2]
    assert ids({"name": sought("nobody")}) == []
    assert people.count_documents({"name": sought("value123")}) == 2
    assert plain.test.command("count", "people", query={"name": {"$exists": True}})["n"] == 3
    stage = {"$addFields": {"is": {"$eq": ["$name", sought("Bo")]}}}
    assert [document["is"] for document in people.aggregate([{"$sort": {"_id": 1}}, stage])] == [False, True, False, False]


def test_range(
    ages: Collection[dict[str, Any]],
    plain: MongoClient[dict[str, Any]],
    age: Callable[[int], Binary],
    span: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    values = [0, 6, 30, 200]
    ages.insert_many([{"_id": value, "age": age(value)} for value in values])
    assert tags(plain, "ages", 0)[0] == "RjBYT2h3ZAoHxhf8DU6/dFbDkEBZp0IxREcsRTu2MXs="

    def found(query: dict[str, Any]) -> list[int]:
        return [document["age"] for document in ages.find(query, sort={"_id": 1})]

    for low in (0, 5, 6, 30, 200):
        assert found(span({"$and": [{"age": {"$gte": low}}]})) == [value for value in values if value >= low]
        assert found(span({"$and": [{"age": {"$lte": low}}]})) == [value for value in values if value <= low]
        both = {"$and": [{"age": {"$gte": low}}, {"age": {"$lte": 100}}]}
        assert low > 100 or found(span(both)) == [value for value in values if low <= value <= 100]
    expression = span({"$and": [{"$gte": ["$age", 6]}, {"$lte": ["$age", 30]}]})
    assert found({"$expr": expression}) == [6, 30]
    assert [document["age"] for document in ages.aggregate([{"$match": {"$expr": expression}}, {"$sort": {"_id": -1}}])] == [30, 6]
    bounds = span({"$and": [{"age": {"$gte": 6}}, {"age": {"$lt": 30}}]})["$and"]
    assert found({"$nor": [{"$and": bounds}]}) == [0, 30, 200]
    assert code_of_call(found, {"$or": bounds}) == 2
    assert code_of_call(found, bounds[1]) == 2
    assert code_of_call(found, {"age": {"$lt": bounds[0]["age"]["$gte"]}}) == 2


@pytest.mark.parametrize(
    ("kind", "options", "values"),
    [
        ("long", RangeOpts(min=Int64(0), max=Int64(200), sparsity=1, trim_factor=1), [Int64(1), Int64(100)]),
        ("double", RangeOpts(sparsity=1, trim_factor=1), [-1.5, 2.25]),
        ("double", RangeOpts(min=0.0, max=200.0, sparsity=1, trim_factor=1, precision=2), [1.25, 99.5]),
        ("decimal", RangeOpts(sparsity=1, trim_factor=1), [Decimal128("1"), Decimal128("100.5")]),
        ("date", RangeOpts(min=DAYS[0], max=DAYS[3], sparsity=1, trim_factor=1), DAYS[1:3]),
    ],
)
def test_range_types(
    client: MongoClient[dict[str, Any]], encryption: ClientEncryption[dict[str, Any]], kind: str, options: RangeOpts, values: list[Any]
) -> None:
    for found in _created(client, "c", {"path": "v", "bsonType": kind, "queries": {"queryType": "range"}}):
        given: dict[str, Any] = {"key_id": KEY_ID, "contention_factor": CONTENTION, "range_opts": options}
        found.insert_many([{"v": encryption.encrypt(value, Algorithm.RANGE, **given)} for value in values])
        query = encryption.encrypt_expression({"$and": [{"v": {"$gt": values[0]}}]}, Algorithm.RANGE, query_type="range", **given)
        assert [document["v"] for document in found.find(query)] == values[1:]


def test_contention(people: Collection[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]) -> None:
    people.insert_many([{"name": word("Ann", CONTENTION)} for _ in range(20)])
    assert people.count_documents({"name": sought("Ann", CONTENTION)}) == 20


def test_update_and_delete(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    people.insert_one({"_id": 1, "name": word("value123")})
    people.update_one({"name": sought("value123")}, {"$set": {"name": word("value456"), "x": 1}})
    assert tags(plain, "people", 1) == ["rhe7/w8Ob8Unl44rGr/moScx6m5VODQnscDhF4Nkn6g="]
    people.update_one({"name": sought("value456")}, {"$inc": {"x": 1}})
    assert tags(plain, "people", 1) == ["rhe7/w8Ob8Unl44rGr/moScx6m5VODQnscDhF4Nkn6g="]
    people.replace_one({"name": sought("value456")}, {"name": word("Bo"), "y": 1})
    assert len(tags(plain, "people", 1)) == 1
    assert people.count_documents({"name": sought("value456")}) == 0
    changed = people.find_one_and_update({"name": sought("Bo")}, {"$set": {"name": word("Cy")}}, return_document=ReturnDocument.AFTER)
    assert changed["name"] == "Cy"
    people.update_one({"name": sought("Cy")}, {"$unset": {"name": 1}})
    assert tags(plain, "people", 1) == []
    assert people.update_one({"_id": 2}, {"$set": {"name": word("Di")}}, upsert=True).upserted_id == 2
    assert names(people.find({"name": sought("Di")})) == ["Di"]
    assert people.delete_one({"name": sought("Cy")}).deleted_count == 0
    assert people.delete_one({"name": sought("Di")}).deleted_count == 1
    people.insert_one({"_id": 3, "name": word("Di")})
    assert people.find_one_and_delete({"name": sought("Di")})["_id"] == 3
    assert plain.test.command("validate", "people")["valid"]


def test_failed_insert_leaves_no_trace(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    documents: list[dict[str, Any]] = [{"_id": number, "name": word("Ann")} for number in (1, 1, 2)]
    documents.append({"_id": 3, "other": word("Ann")})
    with pytest.raises(BulkWriteError) as caught:
        people.insert_many(documents, ordered=False)
    assert [(error["index"], error["code"]) for error in caught.value.details["writeErrors"]] == [(1, 11000), (3, 2)]
    assert states(plain, "people") == (2, 2)
    assert people.count_documents({"name": sought("Ann")}) == 2


def test_concurrent_inserts(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    payload = word("Ann")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: people.insert_one({"name": payload}), range(40)))
    assert people.count_documents({"name": sought("Ann")}) == 40
    assert len({tag for document in plain.test.people.find() for tag in document["__safeContent__"]}) == 40


def test_transaction(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    with people.database.client.start_session() as session:
        with session.start_transaction():
            people.insert_one({"_id": 1, "name": word("Ann")}, session=session)
            people.insert_one({"_id": 2, "name": word("Ann")}, session=session)
            assert len(list(people.find({"name": sought("Ann")}, session=session))) == 2
            session.abort_transaction()
        assert states(plain, "people") == (0, 0)
        with session.start_transaction():
            people.insert_one({"_id": 1, "name": word("Ann")}, session=session)
            people.update_one({"name": sought("Ann")}, {"$set": {"name": word("Bo")}}, session=session)
    assert names(people.find({"name": sought("Bo")})) == ["Bo"]


def test_retried_write_stores_no_second_tag(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary]
) -> None:
    information = {"type": 1, "schema": {"test.people": {"fields": []}}}
    with plain.start_session() as session:
        common = {"encryptionInformation": information, "lsid": session.session_id}
        insert = {"insert": "people", "documents": [{"_id": 1, "name": word("Ann")}], "txnNumber": Int64(1), **common}
        update = {"$set": {"name": word("Bo")}}
        statement = {"update": "people", "updates": [{"q": {"_id": 1}, "u": update}], "txnNumber": Int64(2), **common}
        modify = {"findAndModify": "people", "query": {"_id": 1}, "update": update, "txnNumber": Int64(3), **common}
        for number, command in enumerate([insert, statement, modify], 1):
            replies = [plain.test.command(command) for _ in range(2)]
            assert replies[0].get("n") == replies[1].get("n")
            assert states(plain, "people") == (number, number)
            assert len(tags(plain, "people", 1)) == 1


def test_bulk_write(
    people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]
) -> None:
    space = {"ns": "test.people", "encryptionInformation": {"type": 1, "schema": {"test.people": {"fields": []}}}}

    def command(*operations: dict[str, Any], spaces: int = 1) -> dict[str, Any]:
        return {"bulkWrite": 1, "ops": [{next(iter(operation)): 0, **operation} for operation in operations], "nsInfo": [space] * spaces}

    def run(*operations: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = plain.admin.command(command(*operations))
        return {name: value for name, value in reply.items() if name[0] == "n" and value}

    inserts = [{"insert": 0, "document": {"_id": number, "name": word(name)}} for number, name in enumerate(["Ann", "Bo"])]
    assert run(*inserts) == {"nInserted": 2}
    update = {"update": 0, "filter": {"name": sought("Ann")}, "updateMods": {"$set": {"name": word("Cy")}}}
    assert run(update) == {"nMatched": 1, "nModified": 1}
    assert run({"update": 0, "filter": {"name": sought("Cy")}, "updateMods": {"name": word("Di")}}) == {"nMatched": 1, "nModified": 1}
    assert names(people.find({"name": sought("Di")})) == ["Di"]
    assert run({**update, "multi": True}) == {"nErrors": 1}
    assert run({"delete": 0, "filter": {"name": sought("Di")}, "multi": True}) == {"nErrors": 1}
    assert run({"delete": 0, "filter": {"name": sought("Di")}}) == {"nDeleted": 1}
    assert code(plain.admin, command(update, update)) == 2
    assert code(plain.admin, command(*inserts, spaces=2)) == 2


def test_compaction_and_cleanup(
    people: Collection[dict[str, Any]],
    plain: MongoClient[dict[str, Any]],
    word: Callable[..., Binary],
    sought: Callable[..., Binary],
) -> None:
    db = people.database

    def insert() -> None:
        people.insert_many([{"name": word("Ann")}, {"name": word("Ann")}, {"name": word("Bo")}])

    def stats(command: str) -> dict[str, Any]:
        found: dict[str, Any] = db.command(command, "people")["stats"]
        return found

    total = 0
    for command, inserted, left in (
        ("compactStructuredEncryptionData", 2, 2),
        ("compactStructuredEncryptionData", 2, 4),
        ("cleanupStructuredEncryptionData", 2, 2),
        ("compactStructuredEncryptionData", 2, 4),
        ("cleanupStructuredEncryptionData", 0, 2),
    ):
        insert()
        total += 2
        found = stats(command)
        assert found["ecoc"] == {"read": 3, "deleted": 3}
        assert found["esc"]["inserted"] == inserted
        assert states(plain, "people") == (left, 0)
        assert people.count_documents({"name": sought("Ann")}) == total
    assert stats("compactStructuredEncryptionData")["esc"] == {"read": 0, "inserted": 0, "updated": 0, "deleted": 0}


def test_compaction_of_ranges(
    ages: Collection[dict[str, Any]],
    plain: MongoClient[dict[str, Any]],
    age: Callable[[int], Binary],
    span: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    ages.insert_many([{"age": age(7)}, {"age": age(7)}])
    assert states(plain, "ages") == (16, 16)
    assert ages.database.command("compactStructuredEncryptionData", "ages")["stats"]["esc"]["inserted"] == 8
    assert states(plain, "ages") == (8, 0)
    ages.insert_one({"age": age(7)})
    assert ages.count_documents(span({"$and": [{"age": {"$lt": 9}}]})) == 3


def test_rewrapped_keys(
    people: Collection[dict[str, Any]],
    encryption: ClientEncryption[dict[str, Any]],
    word: Callable[..., Binary],
    sought: Callable[..., Binary],
) -> None:
    people.insert_one({"name": word("Ann")})
    encryption.rewrap_many_data_key({}, provider="local")
    assert names(people.find({"name": sought("Ann")})) == ["Ann"]


def test_refusals(
    people: Collection[dict[str, Any]],
    plain: MongoClient[dict[str, Any]],
    word: Callable[..., Binary],
    sought: Callable[..., Binary],
) -> None:
    ann, sought_ann = word("Ann"), sought("Ann")
    assert code_of_call(people.update_many, {"name": sought_ann}, {"$set": {"x": 1}}) == 2
    assert code_of_call(people.delete_many, {"name": sought_ann}) == 2
    assert code_of_call(people.update_one, {}, [{"$set": {"x": ann}}]) == 238
    assert code_of_call(people.update_one, {}, {"$push": {"name": ann}}) == 2
    assert code_of_call(people.update_one, {"name": sought_ann}, {"$set": {"x": 1}}, upsert=True) == 238
    assert code_of_call(people.update_one, {}, {"$set": {"__safeContent__": []}}, upsert=True) == 2
    assert code_of_call(people.insert_one, {"other": ann}) == 2
    assert code_of_call(people.insert_one, {"name": [ann]}) == 2
    assert code_of_call(people.insert_one, {"name": sought_ann}) == 9
    assert code_of_call(people.insert_one, {"name": Binary(b"\x0bx", 6)}) == 9
    assert code_of_call(people.insert_one, {"name": ann, "__safeContent__": []}) == 2
    assert code_of_call(people.insert_one, {"name": "plain", "x": ann}) == 2
    assert code_of_call(plain.test.people.insert_one, {"name": "plain"}) == 121
    assert code_of_call(plain.test.people.insert_one, {"name": ann}) == 121
    assert code_of_call(list, people.find({"name": ann})) == 9
    assert code_of_call(people.find_one, {"other": sought_ann}) == 2
    assert code_of_call(people.find_one, {"name": {"$gt": sought_ann}}) == 2
    assert code_of_call(people.find_one, {"name": {"$elemMatch": {"$eq": sought_ann}}}) == 238
    assert code_of_call(people.find_one, {"name": Binary(b"\x12x", 6)}) == 238
    assert code_of_call(people.find_one, {"_id": 1}, {"x": {"$eq": ["$name", sought_ann]}}) == 238
    later = [{"$group": {"_id": "$name"}}, {"$match": {"name": sought_ann}}]
    assert code_of_call(people.aggregate, later) == 238
    assert code_of_call(people.distinct, "name", {"name": sought_ann}) == 40415


def test_information_is_checked(people: Collection[dict[str, Any]], plain: MongoClient[dict[str, Any]]) -> None:
    plain.test.ordinary.insert_one({})
    schema = {"test.ordinary": {"fields": []}, "test.missing": {"fields": []}}

    def find(name: str, **information: Any) -> dict[str, Any]:
        return {"find": name, "encryptionInformation": {"type": 1, "schema": schema, **information}}

    assert code(plain.test, find("ordinary")) == 6346807
    assert code(plain.test, find("ordinary", type=2)) == 2
    assert code(plain.test, find("people")) == 2
    assert plain.test.command(find("missing"))["cursor"]["firstBatch"] == []
    insert = {"insert": "missing", "documents": [{}], "encryptionInformation": {"type": 1, "schema": schema}}
    assert [error["code"] for error in plain.test.command(insert)["writeErrors"]] == [6346807]
    assert "missing" not in plain.test.list_collection_names()


def test_explain(people: Collection[dict[str, Any]], word: Callable[..., Binary], sought: Callable[..., Binary]) -> None:
    people.insert_one({"name": word("Ann")})
    assert people.find({"name": sought("Ann")}).explain()["executionStats"]["nReturned"] == 1


def test_missing_cipher_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    tokens._ciphers.cache_clear()
    monkeypatch.setattr(tokens.importlib, "import_module", missing)
    with pytest.raises(CommandError, match=r"pip install 'pytest-secantus\[encryption\]'"):
        tokens.encrypt(bytes(32), b"x", bytes(16))
    tokens._ciphers.cache_clear()
