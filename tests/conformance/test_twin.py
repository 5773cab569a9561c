"""Test `secantus-conformance twin`: a seed reproduces its sessions, and each difference becomes a question with a minimal session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from secantus_conformance.cli import main
from secantus_conformance.twin.session import session
from secantus_conformance.twin.shrink import shrink, smallest

from secantus_server.server import SecantusDBServer


@pytest.fixture(scope="module")
def memory() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


def test_a_seed_has_one_session() -> None:
    assert repr(session(7, 40)) == repr(session(7, 40))
    assert repr(session(7, 40)) != repr(session(8, 40))


def test_the_smallest_part_is_found() -> None:
    assert smallest(range(50), lambda kept: {3, 41} <= set(kept)) == [3, 41]
    assert smallest([1], lambda kept: 1 in kept) == [1]


def test_documents_and_their_fields_are_left_out() -> None:
    documents = [{"_id": 1, "a": 1, "b": 2}, {"_id": 2, "a": 1}]
    commands: list[dict[str, Any]] = [{"drop": "c"}, {"insert": "c", "documents": documents}, {"find": "c"}]

    def asks(tried: list[dict[str, Any]]) -> bool:
        return any("b" in one for command in tried for one in command.get("documents", ())) and tried[-1:] == [{"find": "c"}]

    assert shrink(commands, asks) == [{"insert": "c", "documents": [{"_id": 1, "b": 2}]}, {"find": "c"}]


def test_a_directory_answers_like_memory(memory: SecantusDBServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as directory:
        code = main(["twin", memory.uri, directory.uri, "--sessions", "4"])
    assert code == 0, capsys.readouterr().out


def test_another_release_asks_what_it_changes(memory: SecantusDBServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", compat="9.0") as later:
        code = main(["twin", memory.uri, later.uri, "--sessions", "1", "--seed", "1", "--commands", "3", "--json", str(tmp_path / "found")])
    assert code == 1
    (found,) = json.loads((tmp_path / "found").read_text(encoding="utf-8"))
    assert found["path"] == "results[0].collation"
    assert "listIndexes" in found["commands"][-1]
    assert len(found["commands"]) == 2
    assert "? listIndexes results[].collation ok/ok: 1 sessions, such as seed 1" in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_named(memory: SecantusDBServer, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=10"
    assert main(["twin", memory.uri, nobody]) == 2
    assert "does not answer" in capsys.readouterr().err
