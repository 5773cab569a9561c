"""`secantusdb check` and `secantusdb salvage` with damaged directories: readable data are kept, and unreadable data are reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.cli import main
from secantus_server.storage import INDEX_ENTRIES, META, Engine
from secantus_server.storage.inspection import log_files
from tests.storage.damage import flip, last_log, reboot

DOCUMENTS = 4000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed storage directory with several pages in each table."""
    path = tmp_path_factory.mktemp("whole") / "data"
    with server(path) as running, MongoClient[dict[str, Any]](running.uri) as client:
        for name in ("one", "two"):
            client.shop[name].insert_many([{"_id": n, "n": n, "tags": [n, -n], "text": "x" * 150} for n in range(DOCUMENTS)])
            client.shop[name].create_index("n", unique=True)
            client.shop[name].create_index("tags")
        client.shop.create_collection("view", viewOn="one", pipeline=[])
        client.shop.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
        client.shop.clustered.insert_many([{"_id": n} for n in range(100)])
    return path


def server(path: Path) -> SecantusDBServer:
    return SecantusDBServer(port=0, storage_path=str(path), log_level="error")


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """A copy of the directory `whole`, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "damaged"))


def overwrite(path: Path, part: float, size: int = 64) -> None:
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * part))
        file.write(b"\xa5" * size)


def files_of(path: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in path.iterdir()}


def salvage(source: Path, target: Path) -> int:
    """Salvage a directory, and return the exit code. Check that the source is unchanged and that the result passes `check`."""
    before = files_of(source)
    code = main(["salvage", str(source), "--target-dir", str(target)])
    assert files_of(source) == before
    assert [one.name for one in target.parent.iterdir() if one.name.startswith(".")] == []
    if code != 1:
        assert main(["check", str(target)]) == 0
    return code


def counts(path: Path) -> dict[str, int]:
    with server(path) as running, MongoClient[dict[str, Any]](running.uri) as client:
        names = [f"{db}.{name}" for db in ("shop", "salvaged") for name in client[db].list_collection_names() if name != "system.views"]
        return {name: client[name.split(".")[0]][name.split(".", 1)[1]].count_documents({}) for name in names}


def test_a_whole_directory_is_copied(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(damaged)]) == 0
    assert "shop.one: 4,000 documents, 3 indexes" in capsys.readouterr().out
    assert salvage(damaged, tmp_path / "new") == 0
    assert "everything was read" in capsys.readouterr().out
    assert counts(tmp_path / "new") == {"shop.one": 4000, "shop.two": 4000, "shop.view": 4000, "shop.clustered": 100}
    with server(tmp_path / "new") as running, MongoClient[dict[str, Any]](running.uri) as client:
        plan = client.shop.one.find({"tags": -7}).explain()["queryPlanner"]["winningPlan"]["inputStage"]
        assert (plan["indexName"], plan["isMultiKey"]) == ("tags_1", True)
        assert client.shop.one.count_documents({"tags": {"$in": [7, -7]}}) == 1
        client.shop.one.insert_one({"_id": "new", "n": -1})
        assert client.shop.one.estimated_document_count() == 4001


def test_a_damaged_part_of_the_documents(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overwrite(damaged / "records.wt", 0.3)
    assert main(["check", str(damaged)]) == 3
    assert "cannot be read" in capsys.readouterr().out
    assert salvage(damaged, tmp_path / "new") == 3
    report = capsys.readouterr().out
    assert "A part of the file records.wt was damaged" in report
    assert "unreadable" in report
    found = counts(tmp_path / "new")
    assert 7000 < found["shop.one"] + found["shop.two"] < 8000


def test_a_damaged_part_of_the_index_entries_loses_no_document(damaged: Path, tmp_path: Path) -> None:
    overwrite(damaged / "index_entries.wt", 0.5)
    assert salvage(damaged, tmp_path / "new") == 3
    assert counts(tmp_path / "new")["shop.one"] == DOCUMENTS


@pytest.mark.parametrize(
    ("name", "code"),
    # The storage engine can recreate the last two files.
    [("index_entries.wt", 3), ("oplog.wt", 3), ("meta.wt", 3), ("WiredTiger.wt", 3), ("WiredTiger.turtle", 0), ("WiredTigerHS.wt", 0)],
)
def test_a_missing_file_that_documents_do_not_need(damaged: Path, tmp_path: Path, name: str, code: int) -> None:
    (damaged / name).unlink()
    assert main(["check", str(damaged)]) == 3
    assert salvage(damaged, tmp_path / "new") == code
    assert counts(tmp_path / "new") == {"shop.one": 4000, "shop.two": 4000, "shop.view": 4000, "shop.clustered": 100}


def test_a_changed_turtle_file_is_made_anew(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turtle = damaged / "WiredTiger.turtle"
    flip(turtle, turtle.read_bytes().index(b"value_format"))
    assert main(["check", str(damaged)]) == 3
    assert "is not as the server left it" in capsys.readouterr().err
    assert salvage(damaged, tmp_path / "new") == 0
    assert counts(tmp_path / "new")["shop.one"] == DOCUMENTS


@pytest.mark.parametrize("name", ["records.wt", "catalog.wt", "meta.wt", "index_entries.wt", "WiredTiger.wt"])
def test_a_damaged_beginning_of_a_file(damaged: Path, tmp_path: Path, name: str) -> None:
    overwrite(damaged / name, 0.0, 4096)
    assert main(["check", str(damaged)]) == 3
    assert salvage(damaged, tmp_path / "new") == 3
    assert sum(counts(tmp_path / "new").values()) > 3 * DOCUMENTS // 2


def test_documents_whose_collection_is_not_known(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged / "catalog.wt").unlink()
    assert salvage(damaged, tmp_path / "new") == 3
    assert "the collection's name and indexes are not known" in capsys.readouterr().out
    found = counts(tmp_path / "new")
    assert {name.split(".")[0] for name in found} == {"salvaged"}
    assert sorted(found.values()) == [100, 4000, 4000]


def test_a_damaged_log_loses_what_follows(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged"
    with server(whole) as running, MongoClient[dict[str, Any]](running.uri) as client:
        for n in range(200):
            client.shop.later.insert_one({"_id": n, "text": "y" * 500})
        # A copy of files that are in use looks like the files after a crash.
        shutil.copytree(whole, damaged)
        client.shop.later.drop()
    files = log_files(damaged)
    log = files[max(files)]
    content = log.read_bytes()
    at = content.index(b"y" * 500, content.index(b"\x10_id\0" + (100).to_bytes(4, "little")))
    log.write_bytes(content[:at] + b"z" + content[at + 1 :])
    assert main(["check", str(damaged)]) == 3
    assert salvage(damaged, tmp_path / "new") == 3
    assert "is damaged at byte" in capsys.readouterr().out
    assert 90 <= counts(tmp_path / "new")["shop.later"] <= 101


def test_a_directory_in_use(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(whole):
        for arguments in (["check", str(whole)], ["salvage", str(whole), "--target-dir", str(tmp_path / "new")]):
            assert main(arguments) == 1
            assert "in use by" in capsys.readouterr().err


def test_what_cannot_be_salvaged(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([str(tmp_path / "empty"), "--target-dir", str(tmp_path / "new")], "is not a storage directory"),
        ([str(tmp_path / "nowhere"), "--target-dir", str(tmp_path / "new")], "is not a storage directory"),
        ([str(damaged), "--target-dir", str(damaged)], "is not an empty directory"),
        ([str(damaged), "--target-dir", "/proc/new"], "cannot be written"),
    ):
        assert main(["salvage", *arguments]) == 1
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["salvage", str(damaged)])
    assert caught.value.code == 2


@pytest.mark.parametrize("arguments", [["check"], ["salvage", "--target-dir", "new"]])
def test_a_directory_without_data_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    lock = tmp_path / "data" / "WiredTiger.lock"
    lock.parent.mkdir()
    lock.touch()
    assert main([*arguments, "data"]) == 1
    assert [*tmp_path.iterdir(), *lock.parent.iterdir()] == [lock.parent, lock]


def test_a_target_inside_the_damaged_directory(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(damaged)
    assert main(["salvage", str(damaged), "--target-dir", str(damaged / "new")]) == 1
    assert "is inside the damaged one" in capsys.readouterr().err
    assert files_of(damaged) == before


def test_a_directory_of_a_later_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "later"
    engine = Engine.open(str(source))
    with engine.transaction() as unit:
        unit.put(META, b"\0format", b"\0\0\0\2")
    engine.close()
    assert main(["salvage", str(source), "--target-dir", str(tmp_path / "new")]) == 1
    assert f"The storage directory {source} has format 2" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["later"]


def test_the_time_of_the_oplog_goes_on(damaged: Path, tmp_path: Path) -> None:
    with server(damaged) as running:
        newest = running.services.oplog.newest
    assert salvage(damaged, tmp_path / "new") == 0
    with server(tmp_path / "new") as running:
        assert running.services.oplog.newest >= newest


def test_an_index_that_does_not_fit_its_documents(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine.open(str(damaged))
    with engine.transaction() as unit:
        entries = unit.scan(INDEX_ENTRIES, b"", None)
        keys = [key for key, _value in (next(entries) for _ in range(3))]
        entries.close()
        for key in keys:
            unit.remove(INDEX_ENTRIES, key)
    engine.close()
    assert main(["check", str(damaged)]) == 3
    assert "Detected 3 missing index entries" in capsys.readouterr().out
    assert salvage(damaged, tmp_path / "new") == 0


def test_what_a_power_loss_cut_off_the_log_is_reported(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged / "SecantusLog.cut-1").write_bytes(b"x" * 300)
    assert salvage(damaged, tmp_path / "new") == 3
    assert "The file SecantusLog.cut-1 contains 300 bytes that an earlier start cut off the log" in capsys.readouterr().out


def test_a_log_that_a_power_loss_left_incomplete_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, str(Path(__file__).with_name("damaged_writer.py")), str(tmp_path / "killed")], check=True)
    log = last_log(tmp_path / "killed")
    overwrite(log, len(log.read_bytes().rstrip(b"\0")) / log.stat().st_size - 0.0001, 4)
    reboot(monkeypatch)
    salvage(tmp_path / "killed", tmp_path / "new")
    printed = capsys.readouterr().out
    assert "writes that were acknowledged without being synced to disk may be lost" in printed
    assert "some data was lost" in printed
