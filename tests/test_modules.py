"""The modules that are kept although a tool removes them from `sys.modules`."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from secantus_server import modules
from secantus_server.modules import keep_modules

NAME = "secantus_server.made_for_a_test"


@pytest.fixture(autouse=True)
def _separate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the modules of these tests out of other tests."""
    monkeypatch.setattr(modules, "_KEPT", dict(modules._KEPT))
    monkeypatch.setattr(modules, "_COMPARED", set(modules._COMPARED))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def test_a_removed_module_is_restored() -> None:
    first = sys.modules[NAME] = ModuleType(NAME)
    keep_modules()
    for _ in range(2):
        del sys.modules[NAME]
        keep_modules()
        assert sys.modules[NAME] is first


def test_the_latest_module_of_a_name_is_kept() -> None:
    sys.modules[NAME] = ModuleType(NAME)
    keep_modules()
    del sys.modules[NAME]
    second = sys.modules[NAME] = ModuleType(NAME)
    keep_modules()
    assert sys.modules.pop(NAME) is second
    keep_modules()
    assert sys.modules[NAME] is second


def test_a_module_loaded_after_others_were_removed_is_kept() -> None:
    sys.modules["other"] = ModuleType("other")
    keep_modules()
    del sys.modules["other"]
    found = sys.modules[NAME] = ModuleType(NAME)
    keep_modules()
    assert sys.modules.pop(NAME) is found
    keep_modules()
    assert sys.modules[NAME] is found


def test_modules_of_others_are_not_restored() -> None:
    sys.modules["other"] = ModuleType("other")
    keep_modules()
    del sys.modules["other"]
    keep_modules()
    assert "other" not in sys.modules
