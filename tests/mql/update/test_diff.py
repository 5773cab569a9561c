"""The oplog's form of an update: which values a diff contains, and that applying it to the old document yields the new one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update import parse_update, smallest_entry
from secantus_server.oplog.update_description import apply_diff

OLD = {
    "_id": 1, "n": 1, "text": "x", "sub": {"a": 1, "b": {"c": 2}}, "empty": [],
    "list": [1, 2, 3], "items": [{"k": 1, "v": 1}, {"k": 2, "v": 2}],
}  # fmt: skip


def logged(update: Any, old: dict[str, Any] = OLD, array_index: int | None = None, **options: Any) -> dict[str, Any]:
    """Return the record of an update in the oplog. Check that it leads to the new document."""
    parsed = parse_update(update, ParseContext(), **options)
    before = encode(old)
    after = parsed.apply(before, array_index=array_index)
    entry = decode(parsed.entry(before, after))
    if "$v" not in entry:
        assert entry == decode(after)
        return entry
    assert entry["$v"] == 2
    assert list(entry) == ["$v", "diff"]
    assert encode(apply_diff(decode(before), entry["diff"])) == after
    diff: dict[str, Any] = entry["diff"]
    return diff


@pytest.mark.parametrize(
    ("update", "diff"),
    [
        ({"$set": {"n": 2}}, {"u": {"n": 2}}),
        ({"$set": {"n": 1, "text": "y"}}, {"u": {"text": "y"}}),
        ({"$set": {"new": 1, "n": 2}, "$unset": {"text": 1}}, {"d": {"text": False}, "u": {"n": 2}, "i": {"new": 1}}),
        ({"$set": {"sub": {"a": 2, "b": {"c": 2}}}}, {"u": {"sub": {"a": 2, "b": {"c": 2}}}}),
        ({"$set": {"sub.a": 2}}, {"ssub": {"u": {"a": 2}}}),
        ({"$set": {"sub.b.d": 2}}, {"ssub": {"sb": {"i": {"d": 2}}}}),
        ({"$set": {"fresh.x.y": 2}}, {"i": {"fresh": {"x": {"y": 2}}}}),
        ({"$unset": {"sub.b": 1, "absent": 1}}, {"ssub": {"d": {"b": False}}}),
        ({"$inc": {"n": 2}, "$mul": {"sub.a": 3}, "$min": {"sub.b.c": 9}}, {"u": {"n": 3}, "ssub": {"u": {"a": 3}}}),
        ({"$rename": {"text": "sub.text"}}, {"d": {"text": False}, "ssub": {"i": {"text": "x"}}}),
        ({"$set": {"list.1": 9}}, {"slist": {"a": True, "u1": 9}}),
        ({"$set": {"list.5": 9}}, {"slist": {"a": True, "u5": 9}}),
        ({"$unset": {"list.1": 1}}, {"slist": {"a": True, "u1": None}}),
        ({"$set": {"items.1.v": 9, "items.1.w": 8}}, {"sitems": {"a": True, "s1": {"u": {"v": 9}, "i": {"w": 8}}}}),
        ({"$inc": {"items.$[].v": 1}}, {"sitems": {"a": True, "s0": {"u": {"v": 2}}, "s1": {"u": {"v": 3}}}}),
        ({"$mul": {"list.$[]": 1}, "$set": {"n": 2}}, {"u": {"n": 2}}),
        ({"$push": {"list": 4}}, {"slist": {"a": True, "u3": 4}}),
        ({"$push": {"list": {"$each": [4, 5]}}}, {"slist": {"a": True, "u3": 4, "u4": 5}}),
        ({"$push": {"list": {"$each": [0], "$position": 0}}}, {"u": {"list": [0, 1, 2, 3]}}),
        ({"$push": {"list": {"$each": [4], "$slice": -2}}}, {"u": {"list": [3, 4]}}),
        ({"$push": {"list": {"$each": [0], "$sort": 1}}}, {"u": {"list": [0, 1, 2, 3]}}),
        ({"$push": {"empty": 1}}, {"u": {"empty": [1]}}),
        ({"$push": {"absent": 1}}, {"i": {"absent": [1]}}),
        ({"$addToSet": {"list": 4}}, {"u": {"list": [1, 2, 3, 4]}}),
        ({"$pull": {"list": 2}}, {"u": {"list": [1, 3]}}),
        ({"$pop": {"list": 1}}, {"u": {"list": [1, 2]}}),
        ({"$bit": {"n": {"or": 2}}}, {"u": {"n": 3}}),
    ],
)
def test_the_diff_of_operators_follows_the_paths_they_name(update: dict[str, Any], diff: dict[str, Any]) -> None:
    found = logged(update)
    assert found == diff
    assert list(found) == list(diff)


def test_the_positional_operators() -> None:
    assert logged({"$set": {"items.$.v": 9}}, array_index=1) == {"sitems": {"a": True, "s1": {"u": {"v": 9}}}}
    filters = [{"one.k": 1}]
    assert logged({"$set": {"items.$[one].v": 9}}, array_filters=filters) == {"sitems": {"a": True, "s0": {"u": {"v": 9}}}}
    assert logged({"$set": {"items.$[one]": 9}}, array_filters=filters) == {"sitems": {"a": True, "u0": 9}}


def test_elements_that_several_filters_match() -> None:
    update = {"$set": {"items.$[one].v": 9, "items.$[any].k": 9}}
    diff = {"sitems": {"a": True, "s0": {"u": {"k": 9, "v": 9}}, "s1": {"u": {"k": 9}}}}
    assert logged(update, array_filters=[{"one.k": 1}, {"any.k": {"$gt": 0}}]) == diff


def test_updates_of_many_fields() -> None:
    old = {f"f{number}": number for number in range(40)}
    assert logged({"$inc": dict.fromkeys(old, 1)}, old) == {"u": {name: value + 1 for name, value in old.items()}}


@pytest.mark.parametrize(
    ("array", "diff"),
    [(["foo", {"a": "bar"}], {"sarray": {"a": True, "l": 2}}), ([], {"u": {"array": []}})],
)
def test_a_truncated_array_has_its_length_unless_its_value_is_smaller(array: list[Any], diff: Any) -> None:
    old = {"_id": 1, "a": 1, "text": "x" * 20, "array": ["foo", {"a": "bar"}, 1, 2, 3]}
    assert logged([{"$set": {"array": array}}], old) == diff


def test_a_replacement_is_recorded_whole() -> None:
    assert logged({"n": 1}) == {"_id": 1, "n": 1}


@pytest.mark.parametrize(
    ("stages", "diff"),
    [
        ([{"$set": {"n": 2}}], {"u": {"n": 2}}),
        ([{"$set": {"sub": {"a": 5, "b": {"c": 2}}}}], {"ssub": {"u": {"a": 5}}}),
        ([{"$set": {"long": {"$slice": ["$long", 2]}}}], {"slong": {"a": True, "l": 2}}),
        ([{"$set": {"items": {"$concatArrays": ["$items", [7]]}}}], {"sitems": {"a": True, "u2": 7}}),
        ([{"$unset": "text"}, {"$set": {"new": 1}}], {"d": {"text": False}, "i": {"new": 1}}),
        ([{"$replaceWith": {"$mergeObjects": [{"z": 0}, "$$ROOT"]}}], None),
        ([{"$replaceWith": {"n": 1}}], None),
    ],
)
def test_the_diff_of_a_pipeline_is_the_smallest(stages: list[Any], diff: dict[str, Any] | None) -> None:
    old = {**OLD, "long": ["x" * 20 for _ in range(5)]}
    found = logged(stages, old)
    assert found == diff if diff is not None else "_id" in found


def test_shallow_diffs_have_whole_values() -> None:
    new = {**OLD, "sub": {"a": 5, "b": {"c": 2}}}
    entry = decode(smallest_entry(encode(OLD), encode(new), nested=False))
    assert entry["diff"] == {"u": {"sub": {"a": 5, "b": {"c": 2}}}}


def random_value(source: random.Random, depth: int) -> Any:
    kind = source.randrange(6 if depth else 3)
    if kind >= 4:
        return {name: random_value(source, depth - 1) for name in source.sample("abcdef", source.randrange(4))}
    if kind == 3:
        return [random_value(source, depth - 1) for _ in range(source.randrange(4))]
    return source.choice([None, source.randrange(3), "x" * source.randrange(30), 1.5])


def changed(source: random.Random, value: Any) -> Any:
    """Return a value like another one, with some parts changed, removed, added or moved."""
    if source.random() < 0.2:
        return random_value(source, 2)
    if type(value) is dict:
        items = [(name, changed(source, one) if source.random() < 0.4 else one) for name, one in value.items() if source.random() < 0.8]
        if source.random() < 0.3:
            source.shuffle(items)
        return dict([*items, *((name, 1) for name in "gh" if source.random() < 0.2)])
    if type(value) is list:
        kept = [changed(source, one) if source.random() < 0.3 else one for one in value[: source.randrange(len(value) + 1)]]
        return kept + [random_value(source, 1) for _ in range(source.randrange(2))]
    return value


def test_a_diff_leads_from_any_document_to_any_other() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    diffs = 0
    for _ in range(3000):
        old = {"_id": 1, "pad": "x" * 60, **{name: random_value(source, 3) for name in "abcdef"}}
        after = changed(source, {name: value for name, value in old.items() if name not in ("_id", "pad")})
        new = encode({"_id": 1, "pad": "x" * 60, **(after if type(after) is dict else {})})
        entry = decode(smallest_entry(encode(old), new))
        diffs += "$v" in entry
        assert encode(apply_diff(old, entry["diff"]) if "$v" in entry else entry) == new
    assert diffs > 1000


UPDATES = ("$set", "$unset", "$push", "$addToSet", "$pull", "$pop", "$rename", "$max")
PATHS = ("a", "b", "c", "a.b", "b.c", "c.a", "d.1", "d.1.a", "e.0", "e.7", "g", "h.a", "a.b.c", "e.$[]", "d.$[].a")


def random_update(source: random.Random) -> dict[str, Any]:
    update: dict[str, dict[str, Any]] = {}
    for _ in range(source.randrange(1, 4)):
        name = source.choice(UPDATES)
        value = {"$unset": 1, "$pop": source.choice([1, -1]), "$rename": source.choice("ijk")}.get(name, random_value(source, 2))
        update.setdefault(name, {})[source.choice(PATHS)] = value
    return update


def test_the_diff_of_any_update_leads_to_its_result() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    done = 0
    for _ in range(6000):
        old = {"_id": 1, **{name: random_value(source, 3) for name in "abcdef"}}
        update = random_update(source)
        try:
            parsed = parse_update(update, ParseContext())
            before = encode(old)
            after = parsed.apply(before)
        except CommandError:
            continue
        if after is not before:
            done += 1
            diff = decode(parsed.entry(before, after))["diff"]
            assert encode(apply_diff(old, diff)) == after, (old, update, diff)
    assert done > 500
