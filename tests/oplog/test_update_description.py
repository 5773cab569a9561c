"""Diffs of the oplog: how events describe them, and their application to documents.

https://www.mongodb.com/docs/manual/reference/change-events/update/
"""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.oplog.update_description import UpdateDescription, apply_diff

# The columns: a document, a diff, the document with the diff applied, updatedFields, removedFields, truncatedArrays, disambiguatedPaths.
CASES: list[tuple[Any, ...]] = [
    ({"_id": 1}, {"i": {"a": 1}}, {"_id": 1, "a": 1}, {"a": 1}, [], [], {}),
    ({"a": 1, "b": 2}, {"u": {"a": 3}, "d": {"b": False}}, {"a": 3}, {"a": 3}, ["b"], [], {}),
    ({"a": {"x": 1}}, {"sa": {"u": {"x": 2}, "i": {"y": 3}}}, {"a": {"x": 2, "y": 3}}, {"a.x": 2, "a.y": 3}, [], [], {}),
    ({"a": {"x": {"y": 1}}}, {"sa": {"sx": {"d": {"y": False}}}}, {"a": {"x": {}}}, {}, ["a.x.y"], [], {}),
    ({"a": [1, 2, 3]}, {"sa": {"a": True, "l": 2}}, {"a": [1, 2]}, {}, [], [{"field": "a", "newSize": 2}], {}),
    ({"a": [1]}, {"sa": {"a": True, "u1": 5}}, {"a": [1, 5]}, {"a.1": 5}, [], [], {}),
    ({"a": [{"b": 1}]}, {"sa": {"a": True, "s0": {"u": {"b": 2}}}}, {"a": [{"b": 2}]}, {"a.0.b": 2}, [], [], {}),
    ({"a": [1]}, {"sa": {"a": True, "u3": 5}}, {"a": [1, None, None, 5]}, {"a.3": 5}, [], [], {}),
    ({"a": {"1": 1}}, {"sa": {"u": {"1": 2}}}, {"a": {"1": 2}}, {"a.1": 2}, [], [], {"a.1": ["a", "1"]}),
    ({"a": [{"1": 1}]}, {"sa": {"a": True, "s0": {"u": {"1": 2}}}}, {"a": [{"1": 2}]}, {"a.0.1": 2}, [], [], {"a.0.1": ["a", 0, "1"]}),
    ({"home.town": "x"}, {"u": {"home.town": "y"}}, {"home.town": "y"}, {"home.town": "y"}, [], [], {"home.town": ["home.town"]}),
    ({"0": {"name": 1}}, {"s0": {"u": {"name": 2}}}, {"0": {"name": 2}}, {"0.name": 2}, [], [], {}),
    ({"a": {"0001": 1}}, {"sa": {"u": {"0001": 2}}}, {"a": {"0001": 2}}, {"a.0001": 2}, [], [], {}),
    ({"a": {"0": 1}}, {"sa": {"d": {"0": False}}}, {"a": {}}, {}, ["a.0"], [], {"a.0": ["a", "0"]}),
    ({"u1": 1, "s": 2}, {"u": {"s": 3, "u1": 4}}, {"u1": 4, "s": 3}, {"s": 3, "u1": 4}, [], [], {}),
]


@pytest.mark.parametrize(("before", "diff", "after", "updated", "removed", "truncated", "ambiguous"), CASES)
def test_diffs(before: Any, diff: Any, after: Any, updated: Any, removed: Any, truncated: Any, ambiguous: Any) -> None:
    described = UpdateDescription(diff).document(expanded=True)
    assert described == {
        "updatedFields": updated, "removedFields": removed, "truncatedArrays": truncated, "disambiguatedPaths": ambiguous,
    }  # fmt: skip
    assert "disambiguatedPaths" not in UpdateDescription(diff).document(expanded=False)
    applied = apply_diff(before, diff)
    assert applied == after
    assert list(applied) == list(after)


def test_an_inserted_field_comes_last() -> None:
    assert list(apply_diff({"a": 1, "b": 2}, {"d": {"a": False}, "i": {"a": 3}})) == ["b", "a"]
