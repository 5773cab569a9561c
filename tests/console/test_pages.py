"""The console's pages: what they show, and what their forms do."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from datetime import datetime, timezone
from typing import Any

import pytest
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.json_util import JSONMode, JSONOptions
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_console.charts import reading
from secantus_console.ejson import canonical, dumps, loads, plain, pretty
from secantus_console.pages import ROUTES
from secantus_server import SecantusDBServer
from secantus_server.backup.archive import verify_archive
from tests.console.browser import Browser
from tests.console.conftest import entered, serving
from tests.console.test_security import HOSTILE, check_no_markup
from tests.waiting import wait_until

Client = MongoClient[dict[str, Any]]
MOMENT = datetime(2026, 11, 29, 13, 0, 0, 5000, tzinfo=timezone.utc)
VALUES: list[Any] = [ObjectId(), MOMENT, DatetimeMS(2**62), Binary(b"x", 5), b"x", Decimal128("1.5"), Regex("a", "i"), Code("f")]
VALUES += [Code("f", {"x": ObjectId()}), Timestamp(1, 2), MinKey(), MaxKey(), DBRef("c", ObjectId())]
HERE = {"db": "shop", "collection": "fruit"}
FRUIT = [{"_id": number, "name": f"fruit {number % 5}", "price": number / 2, "kind": "a" if number % 3 else 5} for number in range(60)]


@pytest.fixture
def fruit(client: Client) -> Any:
    client.shop.fruit.insert_many([dict(document) for document in FRUIT])
    return client.shop.fruit


SHOWN = [entry.path for entry in ROUTES if entry.method == "GET" and entry.path not in ("/test", "/export")]


@pytest.mark.parametrize("path", SHOWN)
def test_every_page_is_also_json(browser: Browser, fruit: Any, path: str) -> None:
    parameters = {**HERE, "id": "7"}
    page = browser.get(path, **parameters)
    assert page.status == 200, page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    check_no_markup(page.text)
    data = browser.data(path, **parameters)
    assert isinstance(data, dict)
    assert "error" not in data
    accepted = browser.send("GET", browser._url(path, parameters), Accept="application/json")
    assert accepted.headers["content-type"] == "application/json"
    assert accepted.json.keys() == data.keys()


@pytest.mark.parametrize("path", SHOWN)
def test_no_page_shows_markup_of_others(browser: Browser, client: Client, path: str) -> None:
    name = HOSTILE.replace("/", "|").replace(" ", "_")
    client.shop[name].insert_one({"_id": HOSTILE, HOSTILE: HOSTILE, "list": [{HOSTILE: HOSTILE}]})
    client.shop[name].create_index([(HOSTILE, 1)], name=HOSTILE)
    client.shop.command("profile", 2)
    client.shop[name].find_one({HOSTILE: HOSTILE}, comment=HOSTILE)
    client.shop.command("profile", 0)
    client.admin.command("createUser", HOSTILE, pwd="x", roles=[])
    client.admin.command("createRole", HOSTILE, privileges=[], roles=[])
    pipeline = [{"$match": {HOSTILE: HOSTILE}}, {"$project": {"x": HOSTILE}}]
    given = {
        "db": "shop",
        "collection": name,
        "id": HOSTILE,
        "filter": {HOSTILE: HOSTILE},
        "sort": {"list": 1},
        "text": HOSTILE,
        "ns": HOSTILE,
    }
    check_no_markup(browser.get(path, **given).text)
    check_no_markup(browser.get(path, **{**given, "id": json.dumps(HOSTILE), "pipeline": pipeline}).text)
    check_no_markup(browser.get(path, **dict.fromkeys(given, HOSTILE)).text)


def test_databases_and_collections(browser: Browser, fruit: Any, client: Client) -> None:
    assert "shop" in [one["name"] for one in browser.data("/")["databases"]]
    [row] = browser.data("/database", db="shop")["collections"]
    assert (row["name"], row["documents"], row["indexes"]) == ("fruit", 60, 1)
    assert row["bytes"] > 1000
    assert browser.post("/collection/create", db="shop", collection="log", options={"capped": True, "size": 4096}).status == 303
    assert client.shop.log.options()["capped"]
    assert browser.post("/collection/rename", db="shop", collection="log", to="journal").status == 303
    assert sorted(client.shop.list_collection_names()) == ["fruit", "journal"]
    answer = browser.post("/collection/drop", db="shop", collection="fruit", confirm="fruits")
    assert answer.status == 400
    assert "type fruit to confirm" in answer.text
    assert browser.post("/collection/drop", **HERE, confirm="fruit").status == 303
    assert client.shop.list_collection_names() == ["journal"]
    assert browser.post("/database/drop", db="shop", confirm="").status == 400
    assert browser.post("/database/drop", db="shop", confirm="shop").status == 303
    assert "shop" not in client.list_database_names()


def test_a_query_is_a_permalink(read_only: Browser, fruit: Any) -> None:
    page = read_only.get(
        "/documents", **HERE, filter={"price": {"$gte": 10}}, projection={"name": 1, "_id": 0}, sort={"price": -1}, limit="3"
    )
    assert page.text.count('class="document"') == 3
    data = read_only.data(
        "/documents", **HERE, filter={"price": {"$gte": 10}}, projection={"name": 1, "_id": 0}, sort={"price": -1}, limit="3"
    )
    assert data["documents"] == [{"name": "fruit 4"}, {"name": "fruit 3"}, {"name": "fruit 2"}]
    assert data["estimatedCount"] == {"$numberLong": "60"} or data["estimatedCount"] == 60
    assert "sort=%7B%22price%22%3A+-1%7D" in data["next"]


def test_a_page_runs_few_commands(server: SecantusDBServer, read_only: Browser, fruit: Any) -> None:
    server.log_commands()
    try:
        read_only.get("/documents", **HERE)
        names = [record.name for record in server.logged_commands() if record.name not in ("hello", "ping", "endSessions")]
    finally:
        server.stop_logging_commands()
    assert sorted(names) == ["aggregate", "find"], "$collStats tells the estimated number, and fails for a view"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"filter": "{"}, "The filter is not JSON"),
        ({"filter": "[]"}, "The filter must be a document"),
        ({"filter": '{"$bad": 1}'}, "unknown top level operator: $bad"),
        ({"filter": '{"_id": {"$oid": "x"}}'}, "The filter is not Extended JSON"),
        ({"filter": '{"_id": 99999999999999999999}'}, "The filter has no BSON form: MongoDB can only handle up to 8-byte ints."),
        ({"filter": '{"a\\u0000b": 1}'}, "The filter has no BSON form: "),
        ({"filter": '{"a": "\\ud800"}'}, "The filter contains a character that is not Unicode."),
        ({"limit": "0"}, "limit must be a whole number from 1 to 200."),
        ({"limit": "-1"}, "limit must be a whole number"),
        ({"projection": '{"a": 1, "b": 0}'}, "Cannot do"),
    ],
)
def test_an_error_keeps_the_form(read_only: Browser, fruit: Any, parameters: dict[str, str], message: str) -> None:
    answer = read_only.get("/documents", **HERE, **parameters)
    assert answer.status == 400
    assert message in answer.text
    assert 'name="filter"' in answer.text


@pytest.mark.parametrize(
    "parameters", [{}, {"db": "a"}, {"collection": "b"}, {"db": "a b", "collection": "c"}, {"db": "a", "collection": "$x"}]
)
def test_invalid_names(read_only: Browser, parameters: dict[str, str]) -> None:
    assert read_only.get("/documents", **parameters).status == 400


@pytest.mark.parametrize("path", ["/profiler", "/roles"])
def test_a_name_that_the_driver_refuses(read_only: Browser, path: str) -> None:
    assert read_only.get(path, db="$x").status == 400


def test_a_collection_that_exists_is_not_created(browser: Browser, fruit: Any) -> None:
    answer = browser.post("/database/create", **HERE)
    assert answer.status == 400
    assert "already exists" in answer.text


def test_editing_shows_the_difference_first(browser: Browser, client: Client) -> None:
    document = {"_id": ObjectId(), "small": 5, "large": Int64(5), "half": 5.0, "text": "a\nb", "nothing": None}
    client.shop.fruit.insert_one(document)
    key, before = dumps(document["_id"]), dumps(document)
    after = dumps({**document, "text": "c"})
    page = browser.post("/document/preview", **HERE, id=key, before=before, text=after)
    assert page.status == 200
    lines = [line["text"].strip() for line in difference_of(page.text) if line["kind"] in ("added", "removed")]
    assert lines == ['"text": "a\\nb",', '"text": "c",']
    assert client.shop.fruit.find_one()["text"] == "a\nb"
    assert browser.post("/document/save", **HERE, id=key, before=before, text=after).status == 303
    saved = client.shop.fruit.find_one()
    assert canonical(saved) == canonical({**document, "text": "c"})


def difference_of(text: str) -> list[dict[str, str]]:
    """Return the lines of the difference on a page."""
    import html

    found = re.findall(r'<div class="(same|added|removed|left-out)"><span class="sign"[^>]*>.</span>(.*?)</div>', text, re.DOTALL)
    return [{"kind": kind, "text": html.unescape(line)} for kind, line in found]


def test_a_document_that_changed_meanwhile_is_not_overwritten(browser: Browser, client: Client) -> None:
    client.shop.fruit.insert_one({"_id": 1, "n": 1})
    client.shop.fruit.update_one({"_id": 1}, {"$set": {"n": 2}})
    answer = browser.post("/document/save", **HERE, id="1", before={"_id": 1, "n": 1}, text={"_id": 1, "n": 3})
    assert answer.status == 400
    assert "has changed meanwhile" in answer.text
    assert client.shop.fruit.find_one() == {"_id": 1, "n": 2}
    assert browser.post("/document/save", **HERE, id="1", before={"_id": 1, "n": 2}, text={"_id": 9, "n": 3}).status == 400
    assert browser.post("/document/delete", **HERE, id="1", confirm="no").status == 400
    assert browser.post("/document/delete", **HERE, id="1", confirm="delete").status == 303
    assert browser.post("/document/delete", **HERE, id="1", confirm="delete").status == 404


@pytest.mark.parametrize("text", ['{"_id": 1}', '[{"_id": 1}]', '{"_id": 1}\n{"_id": 2}', '\n{\n"_id": 1}'])
def test_inserting(browser: Browser, client: Client, text: str) -> None:
    assert browser.post("/documents/insert", **HERE, documents=text).status == 303
    assert client.shop.fruit.find_one(sort=[("_id", 1)]) == {"_id": 1}


def test_extended_json_keeps_every_type() -> None:
    values = {
        "int": 1,
        "long": Int64(1),
        "code": Code("f"),
        "double": 1.0,
        "infinite": float("inf"),
        "id": ObjectId(),
        "null": None,
        "bool": True,
    }
    assert canonical(loads(dumps(values), "it")) == canonical(values)


def test_documents_are_shown_with_a_line_for_each_field() -> None:
    shown = pretty({"_id": ObjectId("0" * 24), "tags": ['a"', 2.0], "place": {"none": None}, "empty": [{}, []]})
    lines = ["{", '  "_id": {"$oid": "000000000000000000000000"},', '  "tags": [', '    "a\\"",', "    2.0", "  ],", '  "place": {']
    assert shown.split("\n") == [*lines, '    "none": null', "  },", '  "empty": [', "    {},", "    []", "  ]", "}"]


def test_the_short_ways_to_write_values_agree_with_the_general_one() -> None:
    values = [*VALUES, True, False, None, 5, -1, 'a"\n\u2028é', 1e300]
    for value in values:
        assert pretty(value) == dumps(value) == json.dumps(json.loads(dumps(value)), ensure_ascii=False)
        if type(value) not in (int, float, Int64):
            assert plain(value) == json.loads(json_util.dumps(value, json_options=JSONOptions(json_mode=JSONMode.RELAXED, tz_aware=True)))


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.04, "0.0"), (6.0, "6"), (3.25, "3.2"), (397_680.0, "397,680"), (1059.5, "1,060")]
)
def test_readings_of_charts(value: float, text: str) -> None:
    assert reading(value) == text


def test_exports(read_only: Browser, fruit: Any) -> None:
    answer = read_only.get("/export", **HERE, filter={"_id": {"$lt": 3}}, sort={"_id": -1}, form="jsonl")
    assert answer.headers["content-disposition"] == 'attachment; filename="shop.fruit.jsonl"'
    assert [json.loads(line)["_id"] for line in answer.text.splitlines()] == [2, 1, 0]
    fruit.insert_one({"_id": "=1+1", "name": 'quoted "a", b', "list": [1, Int64(2)]})
    answer = read_only.get("/export", **HERE, filter={"_id": {"$in": [1, "=1+1"]}}, form="csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["_id", "name", "price", "kind", "list"]
    assert ["'=1+1", 'quoted "a", b', "", "", '[1, {"$numberLong": "2"}]'] in rows
    by_pipeline = read_only.get("/export", **HERE, pipeline=[{"$match": {"_id": 4}}, {"$project": {"name": 1}}], form="jsonl")
    assert by_pipeline.text == '{"_id": 4, "name": "fruit 4"}\n'
    assert read_only.get("/export", **HERE, form="xml").status == 400
    assert read_only.get("/export", **HERE, filter='{"$bad": 1}').status == 400


def test_an_aggregation_has_a_preview_after_each_stage(browser: Browser, fruit: Any, client: Client) -> None:
    pipeline = [{"$match": {"_id": {"$lt": 4}}}, {"$group": {"_id": None, "total": {"$sum": "$price"}}}]
    data = browser.data("/aggregate", **HERE, pipeline=pipeline)
    assert [len(stage["documents"]) for stage in data["stages"]] == [3, 1]
    assert data["documents"] == [{"_id": None, "total": 3.0}]
    failing = browser.data("/aggregate", **HERE, pipeline=[*pipeline, {"$project": {"x": {"$divide": [1, 0]}}}, {"$limit": 1}])
    assert "error" in failing["stages"][2]
    assert len(failing["stages"]) == 3
    assert "documents" not in failing
    writing = [*pipeline, {"$out": "totals"}]
    data = browser.data("/aggregate", **HERE, pipeline=writing)
    assert data["writes"]
    assert "totals" not in client.shop.list_collection_names()
    assert browser.post("/aggregate/run", **HERE, pipeline=writing, confirm="x").status == 400
    assert browser.post("/aggregate/run", **HERE, pipeline=writing, confirm="run").status == 303
    assert client.shop.totals.count_documents({}) == 1


@pytest.mark.parametrize("path", ["/aggregate", "/export", "/explain"])
@pytest.mark.parametrize("stage", [{"$out": "x"}, {"$merge": {"into": "x"}}])
def test_a_read_only_console_runs_no_pipeline_that_writes(
    read_only: Browser, fruit: Any, path: str, stage: dict[str, Any], client: Client
) -> None:
    read_only.get(path, **HERE, pipeline=[{"$match": {}}, stage])
    read_only.get(path, **HERE, pipeline=[stage, {"$match": {}}])
    read_only.get(path, **HERE, pipeline=[{"$facet": {"a": [stage]}}])
    assert client.shop.list_collection_names() == ["fruit"]


def test_explain_advises_an_index(browser: Browser, fruit: Any) -> None:
    query = {"filter": {"name": "fruit 1", "price": {"$gt": 3}}, "sort": {"kind": 1}}
    data = browser.data("/explain", **HERE, **query)
    assert data["tree"]["stage"] == "SORT"
    assert data["tree"]["below"][0]["stage"] == "COLLSCAN"
    assert data["totals"]["documents"] == 60
    [advice] = data["advice"]
    assert advice["key"] == {"name": 1, "kind": 1, "price": 1}
    assert browser.post("/index/create", **HERE, key=advice["text"]).status == 303
    after = browser.data("/explain", **HERE, **query)
    assert after["advice"] == []
    assert after["totals"]["documents"] < 60
    by_pipeline = browser.data("/explain", **HERE, pipeline=[{"$match": {"kind": "a"}}, {"$group": {"_id": "$name"}}])
    assert by_pipeline["totals"]["documents"] == 60
    assert by_pipeline["advice"][0]["key"] == {"kind": 1}


def test_schema(read_only: Browser, fruit: Any) -> None:
    fruit.insert_one({"_id": "x", "nested": {"a": [1, "b"]}})
    data = read_only.data("/schema", **HERE, sample="500")
    rows = {row["path"]: row for row in data["paths"]}
    assert data["sampled"] == 61
    assert {one["type"] for one in rows["kind"]["types"]} == {"string", "int"}
    assert rows["nested.a[]"]["types"] == [{"type": "int", "percent": 50.0}, {"type": "string", "percent": 50.0}]
    assert rows["nested"]["missingPercent"] == 98.4
    assert rows["name"]["values"][0]["times"] == 12


def test_indexes(browser: Browser, fruit: Any) -> None:
    assert browser.post("/index/create", **HERE, key={"name": 1}, options={"name": "by_name"}).status == 303
    assert browser.post("/index/create", **HERE, key={"name": 1, "price": -1}).status == 303
    list(fruit.find({"name": "fruit 1", "price": 3}))
    rows = {row["name"]: row for row in browser.data("/indexes", **HERE)["indexes"]}
    assert rows["by_name"]["notes"] == ["not used since then", "redundant: name_1_price_-1 begins with the same fields"]
    assert rows["name_1_price_-1"]["notes"] == []
    assert browser.post("/index/hide", **HERE, name="by_name", hidden="true").status == 303
    assert fruit.index_information()["by_name"]["hidden"]
    assert browser.post("/index/drop", **HERE, name="by_name", confirm="").status == 400
    assert browser.post("/index/drop", **HERE, name="by_name", confirm="by_name").status == 303
    assert "by_name" not in fruit.index_information()


def test_a_validator(browser: Browser, fruit: Any) -> None:
    fields = {"validator": {"price": {"$gte": 0}}, "level": "moderate", "action": "warn"}
    assert browser.post("/validator/save", **HERE, **fields).status == 303
    data = browser.data("/validator", **HERE)
    assert (data["validator"], data["validationLevel"], data["validationAction"]) == ({"price": {"$gte": 0}}, "moderate", "warn")


def test_operations_can_be_killed(browser: Browser, server: SecantusDBServer, client: Client) -> None:
    errors: list[Exception] = []

    def count() -> None:
        with MongoClient(server.uri, appname="slow") as slow:
            try:
                slow.shop.fruit.estimated_document_count()
            except OperationFailure as error:
                errors.append(error)

    def number() -> int | None:
        return next(
            (row["id"] for row in browser.data("/operations")["operations"] if row["client"] == "slow" and "count" in row["command"]), None
        )

    server.set_fault("slow", {"failCommands": ["count"], "blockConnection": True, "blockTimeMS": 60_000})
    thread = threading.Thread(target=count)
    thread.start()
    try:
        wait_until(number, "the operation is not shown")
        assert browser.post("/operation/kill", id=str(number())).status == 303
        thread.join(20)
    finally:
        server.end_fault("slow")
    [error] = errors
    assert "interrupted" in str(error)
    assert browser.post("/operation/kill", id="x").status == 400


def test_connections_sessions_and_transactions(browser: Browser, server: SecantusDBServer, fruit: Any) -> None:
    with MongoClient(server.uri, appname="till") as till, till.start_session() as session:
        session.start_transaction()
        till.shop.fruit.insert_one({"_id": "in a transaction"}, session=session)
        assert "till" in [row["client"] for row in browser.data("/connections")["connections"]]
        data = browser.data("/sessions")
        [transaction] = data["transactions"]
        key = session.session_id["id"].hex()
        assert browser.post("/session/end", id=key).status == 303
        assert browser.data("/sessions")["transactions"] == []
        assert transaction["number"] in (1, {"$numberLong": "1"})
        assert browser.post("/session/end", id="zz").status == 400


def test_metrics_become_charts(server: SecantusDBServer, client: Client) -> None:
    from secantus_console.charts import chart, nice
    from secantus_console.samples import Samples

    samples = Samples()
    status = client.admin.command("serverStatus")
    with MongoClient(server.uri, tz_aware=True) as aware:
        from datetime import timedelta

        status = aware.admin.command("serverStatus")
        samples.add(status)
        status["localTime"] += timedelta(seconds=2)
        status["opcounters"]["insert"] += 10
        samples.add(status)
        samples.add(status)
    [(_, rate)] = samples.lines("opcounters.insert", True)
    assert rate == 5.0
    assert len(samples.lines("connections.current", False)) == 2
    text = str(chart(HOSTILE, {"insert": [(0, 1.0), (1000, 3.0)]}))
    assert "<polyline" in text
    check_no_markup(text)
    assert [nice(value) for value in (0, 1, 3, 7, 12, 600)] == [1, 1, 5, 10, 20, 1000]


def test_the_profiler(browser: Browser, fruit: Any, client: Client) -> None:
    assert browser.post("/profiler/set", db="shop", level="2", slowms="0").status == 303
    list(fruit.find({"name": "fruit 1"}))
    fruit.update_one({"_id": 1}, {"$set": {"price": 2}})
    fruit.delete_one({"_id": 2})
    fruit.insert_one({"_id": "plum"})
    assert browser.post("/profiler/set", db="shop", level="0", slowms="100").status == 303
    data = browser.data("/profiler", db="shop")
    [row] = [row for row in data["shapes"] if row["shape"] == "db.fruit.find({ name: ? })"]
    assert (row["namespace"], row["times"]) == ("shop.fruit", 1)
    shapes = {row["shape"] for row in data["shapes"]}
    assert {"db.fruit.updateOne({ _id: ? }, { $set: { price: ? } })", "db.fruit.deleteOne({ _id: ? })"} <= shapes
    assert any((entry["command"] or {}).get("filter") == {"name": "fruit 1"} for entry in data["entries"])
    assert browser.post("/profiler/set", db="shop", level="7").status == 400


def test_log_oplog_and_changes(browser: Browser, fruit: Any) -> None:
    assert any("listening" in line["message"] or "Waiting" in line["message"] for line in browser.data("/log")["lines"])
    fruit.insert_one({"_id": "plum"})
    data = browser.data("/oplog", ns="shop.fruit", limit="1")
    assert data["entries"][0]["o"] == {"_id": "plum"}
    start = json.dumps(data["entries"][0]["ts"])
    changes = browser.data("/changes", db="shop", collection="fruit", at=start)
    assert [event["fullDocument"] for event in changes["events"]] == [{"_id": "plum"}]
    fruit.delete_one({"_id": "plum"})
    later = browser.send("GET", f"{changes['next']}&format=json").json
    assert [event["operationType"] for event in later["events"]] == ["delete"]
    assert browser.get("/changes", after="{}x").status == 400
    assert browser.get("/changes", at="5").status == 400


def test_users_and_roles(browser: Browser, client: Client) -> None:
    assert browser.post("/user/create", db="shop", user="ann", password="secret", roles=["read"]).status == 303
    [user] = [one for one in browser.data("/users")["users"] if one["user"] == "ann"]
    assert user["roles"] == [{"role": "read", "db": "shop"}]
    assert "secret" not in browser.get("/users").text
    assert browser.post("/user/roles", db="shop", user="ann", roles='["readWrite"]').status == 303
    privileges = [{"resource": {"db": "shop", "collection": ""}, "actions": ["find"]}]
    assert browser.post("/role/create", db="shop", role="looker", privileges=privileges, roles="[]").status == 303
    assert [one["role"] for one in browser.data("/roles", db="shop", builtin="0")["roles"]] == ["looker"]
    assert browser.post("/role/drop", db="shop", role="looker", confirm="looker").status == 303
    assert browser.post("/user/drop", db="shop", user="ann", confirm="").status == 400
    assert browser.post("/user/drop", db="shop", user="ann", confirm="ann").status == 303
    assert client.shop.command("usersInfo")["users"] == []


def test_a_backup(tmp_path: Any) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data")) as server, serving(server.uri, write=True) as served:
        browser = entered(served)
        assert browser.data("/backup") == {"available": True, "restores": True, "inMemory": False}
        assert browser.post("/backup/take", output=str(tmp_path / "a.tar.gz")).status == 303
        assert browser.post("/backup/take", output=str(tmp_path / "b.tar.gz"), users="include").status == 303
        archives = [verify_archive(tmp_path / name, lambda _size: None) for name in ("a.tar.gz", "b.tar.gz")]
        assert [archive.includes_users for archive in archives] == [False, True]
        assert browser.post("/backup/take", output=str(tmp_path / "a.zip")).status == 400
        restored = {"archive": str(tmp_path / "a.tar.gz"), "target": str(tmp_path / "restored")}
        assert browser.post("/backup/restore", **restored, confirm="").status == 400
        assert not (tmp_path / "restored").exists()
        assert browser.post("/backup/restore", **restored, confirm=restored["target"]).status == 303
        assert (tmp_path / "restored" / "WiredTiger").exists()
        assert browser.post("/backup/restore", **restored, confirm=restored["target"]).status == 400, "the directory is not empty"


def test_access_control_asks_for_a_user() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", require_auth=True) as server:
        with MongoClient(server.uri) as client:
            client.admin.command("createUser", "root", pwd="secret", roles=["root"])
        with serving(server.uri, write=True) as served:
            browser = entered(served)
            assert browser.get("/").headers["location"] == "/login"
            assert browser.post("/login", user="root", password="wrong").status == 400
            assert browser.post("/login", user="", password="").status == 400
            assert browser.post("/login", user="root", password="secret").status == 303
            page = browser.get("/")
            assert page.status == 200
            assert "root" in page.text
            assert "secret" not in page.text
            assert browser.post("/logout").status == 303
            assert browser.get("/").headers["location"] == "/login"


def test_a_server_that_is_gone_is_an_error() -> None:
    with serving("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100") as served:
        answer = entered(served).get("/")
        assert answer.status == 502
        assert "127.0.0.1:1" in answer.text
