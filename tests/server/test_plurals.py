"""Numbers with nouns."""

from __future__ import annotations

import pytest

from secantus_server.diagnostics.plurals import counted


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("document",), "0 documents"),
        (1, ("document",), "1 document"),
        (2000, ("document",), "2,000 documents"),
        (1, ("index", "indexes"), "1 index"),
        (2, ("index", "indexes"), "2 indexes"),
    ],
)
def test_a_number_with_its_noun(count: int, words: tuple[str, ...], text: str) -> None:
    assert counted(count, *words) == text
