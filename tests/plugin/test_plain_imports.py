"""The server's assertions are not rewritten, even if pytest is told to rewrite them as for an installed plugin."""

from __future__ import annotations

import os
import py_compile
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

import pytest_secantus
import secantus_server
from pytest_secantus.plain_imports import PlainImports, PlainLoader
from tests.plugin.project import Project

pytest_plugins = ["pytester"]


@pytest.fixture
def loader(tmp_path: Path) -> PlainLoader:
    """Return a loader of a module that is compiled, and whose value is 1."""
    source, cached = tmp_path / "module.py", tmp_path / "module.pyc"
    source.write_text("value = 1")
    py_compile.compile(str(source), str(cached))
    return PlainLoader("module", str(source), str(cached))


def value(loader: PlainLoader) -> object:
    """Return the value that the module's code sets."""
    code = loader.get_code("module")
    assert code is not None
    assert code.co_filename == loader.path
    names: dict[str, object] = {}
    exec(code, names)
    return names["value"]


def test_the_compiled_file_is_read(loader: PlainLoader) -> None:
    compiled = loader._compiled()
    assert compiled is not None
    assert compiled == PlainLoader("module", loader.path, "none").get_code("module")
    assert value(loader) == 1


@pytest.mark.parametrize("later", [("value = 22", 0), ("value = 2", 60)], ids=["size", "time"])
def test_a_changed_source_is_compiled_again(loader: PlainLoader, later: tuple[str, int]) -> None:
    text, passed_s = later
    source = Path(loader.path)
    time_s = source.stat().st_mtime + passed_s
    source.write_text(text)
    os.utime(source, (time_s, time_s))
    assert loader._compiled() is None
    assert value(loader) == int(text.split()[-1])


def test_a_moved_module_has_its_new_path(loader: PlainLoader, tmp_path: Path) -> None:
    source = Path(loader.path).rename(tmp_path / "moved.py")
    moved = PlainLoader("module", str(source), str(tmp_path / "module.pyc"))
    assert moved._compiled() is None
    assert value(moved) == 1


@pytest.mark.parametrize("kind", ["hash", "other version", "cut", "large"])
def test_an_unusual_compiled_file_is_left_to_python(loader: PlainLoader, tmp_path: Path, kind: str) -> None:
    cached = tmp_path / "module.pyc"
    data = cached.read_bytes()
    if kind == "hash":
        py_compile.compile(loader.path, str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    else:
        cached.write_bytes({"other version": b"\0" + data[1:], "cut": data[:10], "large": data + bytes(1 << 17)}[kind])
    assert loader._compiled() is None
    assert value(loader) == 1


MODULES = (
    "secantus_server.bson",
    "secantus_server.server",
    "secantus_server.bson._codec",
    "pytest_secantus.worker",
    "secantus_server.none",
)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_found_as_by_python(name: str) -> None:
    package = secantus_server if name.startswith("secantus") else pytest_secantus
    path = list(package.__path__) if name.count(".") == 1 else [str(Path(package.__path__[0], name.split(".")[1]))]
    found, expected = PlainImports().find_spec(name, path), PathFinder.find_spec(name, path)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert isinstance(found.loader, type(expected.loader))
        for attribute in ("name", "origin", "cached", "has_location", "submodule_search_locations"):
            assert getattr(found, attribute) == getattr(expected, attribute)


def test_the_server_is_imported_as_it_is(project: Project) -> None:
    project.write(
        conftest="import pytest\npytest.register_assert_rewrite('secantus_server', 'helper')\n",
        helper="def check():\n    assert True\n",
        test_it="""
        import helper, secantus_server.catalog.catalog, secantus_server.server

        def test_it(secantus_db):
            assert "@pytest_ar" in vars(helper)
            assert "@pytest_ar" not in vars(secantus_server.server)
            assert "@pytest_ar" not in vars(secantus_server.catalog.catalog)
        """,
    )
    project.run_apart().assert_outcomes(passed=1)


def test_nothing_is_left_when_the_run_ends(project: Project) -> None:
    before = list(sys.meta_path)
    project.write(test_it="def test_it(secantus_db): pass")
    project.passes(passed=1)
    assert sys.meta_path == before
