"""Actions that run once a package has been imported."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from pytest_secantus.imports import when_imported


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that no test has imported."""
    name = f"package_{tmp_path.name}".replace("-", "_")
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("READY = True")
    (tmp_path / name / "inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_it_happens_when_the_package_has_been_imported(package: str) -> None:
    seen: list[bool] = []
    with when_imported(package, lambda: seen.append(sys.modules[package].READY)):
        assert seen == []
        importlib.import_module(f"{package}.inner")
        assert seen == [True]
        importlib.import_module(package)
    assert seen == [True]


def test_it_happens_at_once_if_the_package_is_there(package: str) -> None:
    importlib.import_module(package)
    seen: list[int] = []
    with when_imported(package, lambda: seen.append(1)):
        assert seen == [1]


def test_it_does_not_happen_after_the_block(package: str) -> None:
    seen: list[int] = []
    before = list(sys.meta_path)
    with when_imported(package, lambda: seen.append(1)):
        assert sys.meta_path != before
    importlib.import_module(package)
    assert (seen, sys.meta_path) == ([], before)


def test_a_package_that_is_not_there() -> None:
    with when_imported("no_such_package", lambda: None), pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package")
