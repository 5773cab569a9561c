"""docs/reference/surface.md agrees with the registries."""

from __future__ import annotations

from pathlib import Path

from secantus_server.tools.surface import sections, with_surface

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "surface.md"


def test_the_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_surface(page), "Run python -m secantus_server.tools.surface docs/reference/surface.md"


def test_no_name_is_in_two_lists() -> None:
    for section in sections():
        later = {name for names in section.later.values() for name in names}
        assert not set(section.runs) & set(section.refused), section.title
        assert not set(section.runs) & later, section.title
