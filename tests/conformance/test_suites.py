"""Sources, catalog and format rules, on files that the tests write."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from secantus_conformance.failures import BadTest, UsageError
from secantus_conformance.model import Group
from secantus_conformance.suites import sources
from secantus_conformance.suites.catalog import discover, select
from secantus_conformance.suites.categories import CATEGORIES, category_of, group_of
from secantus_conformance.suites.format_rules import check_structure
from secantus_conformance.suites.schema import check_version
from secantus_conformance.suites.sources import Source

FILE: dict[str, Any] = {
    "description": "file",
    "schemaVersion": "1.0",
    "createEntities": [{"client": {"id": "client0"}}],
    "tests": [{"description": "one", "operations": []}],
}


def source(root: Path, layout: str = "pymongo") -> Source:
    return Source("test", "1", root, layout)


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("crud/unified/find-comment", "crud.find"),
        ("crud/unified/findOneAndUpdate-hint", "crud.find-and-modify"),
        ("crud/unified/bulkWrite-comment", "crud.bulk-write"),
        ("crud/unified/client-bulkWrite-options", "crud.client-bulk-write"),
        ("crud/unified/db-aggregate", "crud.aggregate"),
        ("crud/unified/estimatedDocumentCount", "crud.count-distinct"),
        ("crud/unified/replaceOne-sort", "crud.update"),
        ("crud/unified/create-null-ids", "crud.insert"),
        ("crud/unified/something-new", "crud.other"),
        ("csot/bulkWrite", "timeouts"),
        ("command_monitoring/find", "monitoring-logging"),
        ("server-discovery-and-monitoring/unified/hello", "discovery"),
        ("uri_options/tls", None),
    ],
)
def test_categories(path: str, category: str | None) -> None:
    assert category_of(tuple(path.split("/"))) == category
    assert category is None or category in CATEGORIES


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ({"operations": [{"name": "failPoint", "object": "testRunner"}], "outcome": []}, Group.FAULTS),
        ({"operations": [{"name": "withTransaction", "arguments": {"callback": [{"name": "targetedFailPoint"}]}}]}, Group.FAULTS),
        ({"operations": [{"name": "runOnThread", "arguments": {"operation": {"name": "failPoint"}}}]}, Group.FAULTS),
        ({"operations": [{"name": "find", "expectResult": []}]}, Group.SERVER),
        ({"operations": [{"name": "find", "expectError": {"errorCode": 1}}]}, Group.SERVER),
        ({"operations": [{"name": "find", "expectError": {"isClientError": True}}]}, Group.DRIVER),
        ({"operations": [], "outcome": [{}]}, Group.SERVER),
        ({"operations": [], "expectEvents": [{"events": [{"commandSucceededEvent": {}}]}]}, Group.SERVER),
        ({"operations": [], "expectEvents": [{"events": [{"commandStartedEvent": {}}]}]}, Group.DRIVER),
        ({"operations": [{"name": "assertIndexExists"}]}, Group.SERVER),
    ],
)
def test_groups(test: dict[str, Any], group: Group) -> None:
    assert group_of(test) is group


def test_discovery(tmp_path: Path) -> None:
    write(tmp_path / "crud/unified/find.json", {**FILE, "tests": [*FILE["tests"], *FILE["tests"]]})
    write(tmp_path / "uri_options/x.json", {"tests": []})
    write(tmp_path / "crud/list.json", [])
    write(tmp_path / "unified-test-format/invalid/x.json", FILE)
    write(tmp_path / "unified-test-format/valid-pass/x.json", FILE)
    write(
        tmp_path / "bson_corpus/int.json",
        {
            "valid": [{"description": "v", "canonical_bson": "00"}],
            "decodeErrors": [{"description": "d", "bson": "00"}],
            "parseErrors": [{}],
        },
    )
    assert [(test.id, test.index, test.kind) for test in discover(source(tmp_path))] == [
        ("bson_corpus/int::valid: v", 0, "bson"),
        ("bson_corpus/int::decodeErrors: d", 1, "bson"),
        ("crud/unified/find::one", 0, "unified"),
        ("crud/unified/find::one #2", 1, "unified"),
        ("unified-test-format/valid-pass/x::one", 0, "unified"),
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("crud/tests/unified/find.json", "crud/unified/find::one"),
        ("change-streams/tests/unified/x.json", "change_streams/unified/x::one"),
        ("client-side-operations-timeout/tests/x.json", "csot/x::one"),
        ("command-logging-and-monitoring/tests/logging/x.json", "command_logging/x::one"),
        ("transactions-convenient-api/tests/unified/x.json", "transactions-convenient-api/unified/x::one"),
    ],
)
def test_a_test_has_the_same_name_in_a_checkout(tmp_path: Path, path: str, name: str) -> None:
    write(tmp_path / path, FILE)
    assert [test.id for test in discover(source(tmp_path, "specifications"))] == [name]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "crud/unified/find.json"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"find\.json is not a readable JSON file"):
        discover(source(tmp_path))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("crud/unified/find.json", {**FILE, "tests": 1}, "tests: must be an array"),
        ("crud/unified/find.json", {key: value for key, value in FILE.items() if key != "tests"}, "has no 'tests'"),
        ("crud/unified/find.json", {key: value for key, value in FILE.items() if key not in ("schemaVersion", "tests")}, "schemaVersion"),
        ("gridfs/find.json", {**FILE, "tests": [1]}, "tests[0]: must be a document"),
        ("bson_corpus/int.json", {"valid": 1}, "int.json does not have the structure"),
    ],
)
def test_a_file_without_tests_is_named(tmp_path: Path, name: str, data: dict[str, Any], words: str) -> None:
    write(tmp_path / name, data)
    with pytest.raises(UsageError) as caught:
        discover(source(tmp_path))
    assert words in str(caught.value)


def test_selection(tmp_path: Path) -> None:
    write(tmp_path / "crud/unified/find.json", FILE)
    write(tmp_path / "crud/unified/insertOne.json", FILE)
    write(tmp_path / "gridfs/upload.json", FILE)
    tests = discover(source(tmp_path))
    assert [test.category for test in select(tests, ["crud"], [])] == ["crud.find", "crud.insert"]
    assert [test.category for test in select(tests, [], ["gridfs/*"])] == ["gridfs"]
    assert [test.category for test in select(tests, [], ["insert"])] == ["crud.insert"]
    with pytest.raises(UsageError, match="Unknown category 'cruds'"):
        select(tests, ["cruds"], [])
    with pytest.raises(UsageError, match="No test matches"):
        select(tests, [], ["nothing"])


@pytest.mark.parametrize("version", ["1.0", "1.28", "1.9.3"])
def test_known_versions(version: str) -> None:
    check_version({"schemaVersion": version})


@pytest.mark.parametrize(
    ("version", "kind"),
    [("1.29", "schema-version"), ("2.0", "schema-version"), ("0.1", "schema-version"), ("one", "malformed"), (1, "malformed")],
)
def test_unknown_versions(version: Any, kind: str) -> None:
    with pytest.raises(BadTest) as caught:
        check_version({"schemaVersion": version})
    assert caught.value.kind == kind


def test_the_smallest_file_keeps_to_the_format() -> None:
    check_structure(FILE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tests": []}, "tests: must have at least 1 element"),
        ({"description": 1}, "description: must be a string"),
        ({"more": 1}, "the file: must not have 'more'"),
        ({"createEntities": [{}]}, "createEntities[0]: must have exactly one key"),
        ({"createEntities": [{"client": {}}]}, "createEntities[0].client: has no 'id'"),
        ({"createEntities": [{"client": {"id": "c", "observeEvents": ["nope"]}}]}, "observeEvents[0]: must be"),
        ({"createEntities": [{"client": {"id": "c", "ignoreCommandMonitoringEvents": ["a", "a"]}}]}, "must not repeat"),
        ({"runOnRequirements": [{}]}, "must have at least 1 key"),
        ({"runOnRequirements": [{"auth": 1}]}, "auth: must be true or false"),
        ({"runOnRequirements": [{"minServerVersion": "four"}]}, "'four' is not a version"),
        ({"initialData": [{"collectionName": "c", "databaseName": "d"}]}, "has no 'documents'"),
        (
            {"initialData": [{"collectionName": "c", "databaseName": "d", "documents": [], "createOptions": {"writeConcern": {}}}]},
            "writeConcern",
        ),
        (
            {"tests": [{"description": "x", "operations": [{"name": "a", "object": "b", "expectError": {"isError": False}}]}]},
            "must be True",
        ),
        ({"tests": [{"description": "x", "operations": [{"name": "a", "object": "b", "expectError": {}}]}]}, "at least 1 key"),
        (
            {
                "tests": [
                    {"description": "x", "operations": [{"name": "a", "object": "b", "expectError": {"isError": True}, "expectResult": 1}]}
                ]
            },
            "are mutually exclusive",
        ),
        (
            {"tests": [{"description": "x", "operations": [], "expectEvents": [{"client": "c", "events": [{"poolReadyEvent": {}}]}]}]},
            "must not have 'poolReadyEvent'",
        ),
    ],
)
def test_files_that_break_the_format(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadTest) as caught:
        check_structure({**FILE, **change})
    assert words in caught.value.message


def test_a_wrong_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECANTUS_CONFORMANCE_CACHE", str(tmp_path))
    sources.archive_path().write_bytes(b"not the archive")
    with pytest.raises(UsageError, match="delete it and fetch again"):
        sources.fetch()


def test_an_archive_is_unpacked_whole(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("a-1/test/x.json", "a-1/test/sub/y.json", "a-1/other", "a-1/../../evil"):
            tar.addfile(tarfile.TarInfo(name))
    for _ in range(2):  # the second call finds the first one's result, as if another process had fetched it meanwhile
        sources.unpack(archive, tmp_path / "root", ("test/",))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.tar", "x.json", "y.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "root"]


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a checkout"):
        sources.open_source(tmp_path)
