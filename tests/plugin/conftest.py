"""The fixture that the plugin's tests share."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """A project to run pytest on."""
    return Project(pytester)
