"""The notes of a command's plans know the classes of plans by name."""

from __future__ import annotations

from importlib import import_module

import pytest

from secantus_server.query._plan_notes import KINDS_BY_NAME


@pytest.mark.parametrize("name", KINDS_BY_NAME)
def test_every_class_of_plans_has_the_name_in_the_notes(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    assert f"{found.__module__}.{found.__qualname__}" == name
