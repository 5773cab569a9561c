"""Each registered difference: both releases give the registered answers, and its source is an address of MongoDB's manual."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.differences import DIFFERENCES
from secantus_server.mql.expressions.registry import LATER
from secantus_server.tools.compatibility_page import with_tables
from secantus_server.version import MONGODB_8_2, MONGODB_9_0, ORDER
from tests.differences import collections, expressions, pipelines, queries, scripts, server, writes
from tests.differences.showing import SHOWN, Shown

# Imported so that they register their observations.
MODULES = [collections, expressions, pipelines, queries, scripts, server, writes]


def title(shown: Shown) -> str:
    return f"{shown.difference}: {shown.ask.__name__}"


@pytest.mark.parametrize("shown", SHOWN, ids=title)
@pytest.mark.parametrize("release", [MONGODB_8_2, MONGODB_9_0], ids=lambda release: release.name)
def test_answer(shown: Shown, release: Any, clients: dict[str, MongoClient[dict[str, Any]]]) -> None:
    difference = DIFFERENCES[shown.difference]
    name = f"{shown.difference}_{shown.ask.__name__}"[:60]
    client = clients[release.name]
    try:
        answer = shown.ask(client[name])
    finally:
        client.drop_database(name)
    assert answer == (shown.after if release.has(difference) else shown.before), difference.source


def test_each_difference_is_shown() -> None:
    missing = DIFFERENCES.keys() - {shown.difference for shown in SHOWN}
    assert not missing, f"Register in tests/differences what shows these: {sorted(missing)}"


@pytest.mark.parametrize("name", DIFFERENCES)
def test_rows(name: str) -> None:
    difference = DIFFERENCES[name]
    assert difference.since in ORDER[1:]
    assert re.fullmatch(r"https://(?:www\.)?mongodb\.com/docs/\S+|https://jira\.mongodb\.org/browse/SERVER-\d+", difference.source)
    assert not difference.before.endswith("."), "the table's cells are phrases"


def test_the_page_shows_the_registry() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")
    assert page == with_tables(page), "Run python -m secantus_server.tools.compatibility_page docs/compatibility.md"


def test_the_later_operators_are_those_of_a_row() -> None:
    rows = [difference for difference in DIFFERENCES.values() if difference.name.startswith("new_operators")]
    named = {name for row in rows for name in re.findall(r"`(\$\w+)`", row.before)}
    assert named == LATER.keys(), "A row of secantus_server/differences.py names the operators that are registered with since=."
    assert {row.since for row in rows} == {later.since for later in LATER.values()}
