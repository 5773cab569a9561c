"""The steps of docs/security.md, in order, with real daemons on one storage directory."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure

from tests.integration.daemon import Daemon

PAGE = Path(__file__).resolve().parent.parent / "docs" / "security.md"


def start(line: str, directory: Path) -> Daemon:
    """Start the daemon of one of the page's command lines, on a free port and in another directory."""
    program, *arguments = shlex.split(line)
    assert program == "secantusdb"
    place = arguments.index("--storage-path")
    del arguments[place : place + 2]
    return Daemon(directory, *arguments)


def test_the_first_user(tmp_path: Path) -> None:
    steps = re.findall(r"^```(console|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert [language for language, _ in steps] == ["console", "python", "console", "python"]
    daemon = None
    for language, text in steps:
        if language == "console":
            if daemon is not None:
                assert daemon.stop()[0] == 0
            daemon = start(text, tmp_path / "data")
        else:
            assert daemon is not None
            exec(compile(text.replace("27017", str(daemon.port)), PAGE.name, "exec"), {})
    assert daemon is not None
    with daemon.client() as client, pytest.raises(OperationFailure, match="requires authentication"):
        client.shop.orders.find_one()
    with daemon.client(username="admin", password="choose a long one") as client:
        assert client.shop.orders.count_documents({"item": "tea"}) == 1
    daemon.kill()
