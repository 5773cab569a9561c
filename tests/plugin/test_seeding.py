"""Reading seeds: every kind of file, directories, and errors in them."""

from __future__ import annotations

import datetime
import sys
from functools import partial
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId

from pytest_secantus.seeding import (
    CollectionSeed,
    Contents,
    SeedError,
    describe,
    find_source,
    read_path,
    run_callable,
    save,
)

OID = ObjectId("64b7f0c2a1b2c3d4e5f60718")


def documents(contents: Contents, collection: str, database: str | None = None) -> list[dict[str, Any]]:
    """Return the decoded documents of one collection."""
    return [bson.decode(document) for document in contents[database][collection].documents]


FILES = {
    "users.json": '[{"_id": {"$oid": "64b7f0c2a1b2c3d4e5f60718"}, "n": {"$numberLong": "1"}}]',
    "users.jsonl": '{"_id": {"$oid": "64b7f0c2a1b2c3d4e5f60718"}, "n": {"$numberLong": "1"}}\n\n',
    "users.ndjson": '{"_id": {"$oid": "64b7f0c2a1b2c3d4e5f60718"}, "n": {"$numberLong": "1"}}',
    "users.yaml": '- _id: {$oid: 64b7f0c2a1b2c3d4e5f60718}\n  n: {$numberLong: "1"}\n',
    "all.json": '{"users": [{"_id": {"$oid": "64b7f0c2a1b2c3d4e5f60718"}, "n": {"$numberLong": "1"}}]}',
    "all.yml": 'users:\n  - {_id: {$oid: 64b7f0c2a1b2c3d4e5f60718}, n: {$numberLong: "1"}}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_text_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    (found,) = documents(read_path(tmp_path / name), "users")
    assert found == {"_id": OID, "n": 1}
    assert type(found["n"]) is Int64


@pytest.mark.parametrize("separator", ["\u2028", "\u0085"])
def test_a_line_ends_nowhere_but_at_a_newline(tmp_path: Path, separator: str) -> None:
    (tmp_path / "users.jsonl").write_text(f'{{"s": "a{separator}b"}}\r\n', encoding="utf-8")
    assert documents(read_path(tmp_path / "users.jsonl"), "users") == [{"s": f"a{separator}b"}]


@pytest.mark.parametrize(("name", "text"), [("users.json", "[{}]"), ("users.jsonl", "{}"), ("users.yaml", "- {}")])
def test_a_mark_that_an_editor_put_before_the_text(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert documents(read_path(tmp_path / name), "users") == [{}]


def test_yaml_dates(tmp_path: Path) -> None:
    (tmp_path / "events.yaml").write_text("- {_id: 1, day: 2024-05-01, at: 2024-05-01T10:00:00Z}\n")
    (found,) = documents(read_path(tmp_path / "events.yaml"), "events")
    assert found["day"] == datetime.datetime(2024, 5, 1)
    assert found["at"] == datetime.datetime(2024, 5, 1, 10)


def test_a_dump_with_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "users.bson").write_bytes(bson.encode({"_id": 1}) + bson.encode({"_id": 2}))
    (tmp_path / "users.metadata.json").write_text(
        '{"options": {"capped": true, "size": 4096}, "indexes": [{"v": 2, "key": {"_id": 1}, "name": "_id_"},'
        ' {"v": 2, "key": {"b": {"$numberInt": "1"}, "a": -1}, "name": "b_1_a_-1", "unique": true}]}'
    )
    contents = read_path(tmp_path)
    assert documents(contents, "users") == [{"_id": 1}, {"_id": 2}]
    seed = contents[None]["users"]
    assert seed.options == {"capped": True, "size": 4096}
    assert [(list(index["key"].items()), index["unique"]) for index in seed.indexes] == [([("b", 1), ("a", -1)], True)]


def test_a_directory_of_mongodump(tmp_path: Path) -> None:
    (tmp_path / "prelude.json").write_text('{"ServerVersion": "8.0.0"}')
    (tmp_path / "._users.bson").write_text("what another system keeps beside the file")
    (tmp_path / "users.bson").write_bytes(bson.encode({"_id": 1}))
    (tmp_path / "users.metadata.json").write_text('{"indexes": [], "options": {}}')
    (tmp_path / "some.metadata.json").write_text('{"indexes": [], "options": {"viewOn": "users", "pipeline": []}, "type": "view"}')
    contents = read_path(tmp_path)
    assert documents(contents, "users") == [{"_id": 1}]
    assert contents[None]["some"] == CollectionSeed([], [], {"viewOn": "users", "pipeline": []})
    assert contents.keys() == {None}


@pytest.mark.parametrize("text", ["[]", "["])
def test_broken_metadata(tmp_path: Path, text: str) -> None:
    (tmp_path / "users.bson").write_bytes(bson.encode({"_id": 1}))
    (tmp_path / "users.metadata.json").write_text(text)
    with pytest.raises(SeedError, match=r"users\.bson cannot be read"):
        read_path(tmp_path)


def test_a_directory_and_its_databases(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text('[{"_id": 1}]')
    (tmp_path / "README.md").write_text("not a seed")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.jsonl").write_text('{"_id": 2}')
    contents = read_path(tmp_path)
    assert documents(contents, "users") == [{"_id": 1}]
    assert documents(contents, "orders", "shop") == [{"_id": 2}]
    assert set(contents) == {None, "shop"}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("users.json", "[{", "cannot be read"),
        ("users.json", '[{"$oid": "short"}]', "cannot be read"),
        ("users.json", "[1]", "'users' is not an array of documents"),
        ("users.json", '{"_id": 1}', "'_id' is not an array of documents"),
        ("users.jsonl", "[]", "not an array of documents"),
        ("users.yaml", "- [", "cannot be read"),
        ("users.bson", "rubbish", "cannot be read"),
        ("users.txt", "", "is not one of .json"),
        ("users.json", " ", "it is empty; write \\[\\] for a collection without documents"),
        ("users.json", '[{"n": 123456789012345678901234567890}]', "8-byte ints"),
        ("users.jsonl", '{"_id": 1}\n\n{"_id":', "line 3 of the file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, text: str, part: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SeedError, match=part) as caught:
        read_path(tmp_path / name)
    assert name in str(caught.value)


def test_yaml_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users.yaml").write_text("[]")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SeedError, match=r"requires pytest-secantus\[yaml\]"):
        read_path(tmp_path / "users.yaml")


def test_sources_are_looked_for_in_turn(tmp_path: Path) -> None:
    for directory in ("one", "two"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / f"{directory}.json").write_text("[]")
    directories = [tmp_path / "one", tmp_path / "two"]
    assert find_source("two.json", directories) == tmp_path / "two" / "two.json"
    assert find_source(tmp_path / "one", directories) == tmp_path / "one"
    assert find_source(len, []) is len
    assert find_source("os.path:join", []) is __import__("os").path.join


@pytest.mark.parametrize("name", ["nowhere.json", "no.such.module:function", "os.path:nothing", "os.path:sep"])
def test_a_source_that_is_not_there(name: str) -> None:
    with pytest.raises(SeedError, match="secantus_seed"):
        find_source(name, [])


def test_a_coroutine_function_is_no_seed() -> None:
    async def fill(database: object) -> None:
        """Do nothing; this is never called."""

    with pytest.raises(SeedError, match="coroutine function"):
        run_callable(fill, None)  # type: ignore[arg-type]


def test_contents_survive_being_saved(tmp_path: Path) -> None:
    indexes = [{"v": 2, "key": {"a": 1, "b": -1}, "name": "a_1_b_-1", "sparse": True}]
    contents: Contents = {
        None: {"odd/name": CollectionSeed([bson.encode({"_id": 1})], indexes, {}), "empty": CollectionSeed()},
        "my db": {"c": CollectionSeed([], [], {"capped": True, "size": Int64(5)})},
    }
    save(contents, tmp_path)
    assert read_path(tmp_path) == contents


def test_descriptions_tell_sources_apart(tmp_path: Path) -> None:
    assert describe(tmp_path / "x" / ".." / "y") == describe(tmp_path / "y")
    assert describe(run_callable) == "pytest_secantus.seeding:run_callable"
    assert "<" in describe(lambda _database: None)


class Filler:
    """A callable seed with state."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, database: object) -> None:
        """Do nothing; this is never called."""

    def fill(self, database: object) -> None:
        """Do nothing; this is never called."""


def test_callables_that_share_a_name_are_told_apart() -> None:
    one, two = Filler(1), Filler(2)
    callables: list[Any] = [one, two, one.fill, two.fill, partial(run_callable, 1), partial(run_callable, 2)]
    callables += [lambda _database, n=n: n for n in range(2)]
    names = {describe(each) for each in callables}
    assert len(names) == len(callables)
    assert all("<" in name for name in names)
