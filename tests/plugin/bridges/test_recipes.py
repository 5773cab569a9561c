"""The recipes of docs/bridges.md, each with its library. They are skipped if it is not installed."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "bridges.md"

#: For each recipe, keyed by a line that only this recipe has: the modules that it needs, the options of the run, and the number of
#: tests that pass.
RECIPES = {
    "from fastapi import FastAPI": (("fastapi", "httpx2"), ("--secantus",), 2),
    "import beanie": (("beanie", "pytest_asyncio"), (), 2),
    "import mongoengine": (("mongoengine",), (), 2),
    "from langgraph.checkpoint.mongodb": (("langgraph.checkpoint.mongodb", "langgraph.store.mongodb"), (), 3),
    "from langchain_mongodb import MongoDBChatMessageHistory": (("langchain_mongodb",), (), 3),
    "from langchain_mongodb import MongoDBAtlasVectorSearch": (
        ("langchain_mongodb", "langgraph.store.mongodb"),
        ("-o", "secantus_search=yes"),
        2,
    ),
    "from apscheduler": (("apscheduler",), (), 2),
    "from celery": (("celery",), (), 2),
}


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that contains it is missing
        return False


def test_each_recipe_is_run() -> None:
    tests = [block for block in blocks() if "def test_" in block]
    assert [sum(line in block for block in tests) for line in RECIPES] == [1] * len(RECIPES)
    assert len(tests) == len(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe(project: Project, recipe: str) -> None:
    libraries, options, passed = RECIPES[recipe]
    # Do not import them here: some can be imported only once, and pytester forgets what its tests have imported.
    if missing := [library for library in libraries if not is_installed(library)]:
        pytest.skip(f"{missing[0]} is not installed")
    (block,) = (block for block in blocks() if recipe in block)
    project.write(test_recipe=block)
    guard = ("-o", "secantus_thread_guard=yes", "-W", "error::pytest_secantus.threads.LeftThreadWarning")
    result = project.run_apart(*options, "-p", "no:django", *guard)
    result.assert_outcomes(passed=passed)
