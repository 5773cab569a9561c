"""A patch applies exactly or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "vendor"))
from unified_diff import PatchError, apply_patch

SOURCE = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"
PATCH = """Says what it is for.

--- a/dir/file
+++ b/dir/file
@@ -1,3 +1,4 @@
+zero
 one
-two
+2
 three
@@ -6,2 +7,1 @@
-six
 seven
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "dir" / "file"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return path


def test_hunks_are_applied_in_their_places(tmp_path: Path, source: Path) -> None:
    assert apply_patch(PATCH, tmp_path) == [source]
    assert source.read_text() == "zero\none\n2\nthree\nfour\nfive\nseven\n"


@pytest.mark.parametrize("line", ["one", "two", "six", "seven"])
def test_a_line_that_differs_is_an_error(tmp_path: Path, source: Path, line: str) -> None:
    changed = SOURCE.replace(line, "other")
    source.write_text(changed)
    with pytest.raises(PatchError, match=f"the patch expects '{line}'"):
        apply_patch(PATCH, tmp_path)
    assert source.read_text() == changed


def test_a_file_that_ends_early_is_an_error(tmp_path: Path, source: Path) -> None:
    source.write_text("one\ntwo\n")
    with pytest.raises(PatchError):
        apply_patch(PATCH, tmp_path)
