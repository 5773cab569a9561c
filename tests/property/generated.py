"""Generated documents, filters and indexes. They have few values, so that they match each other, and they include error-prone values."""

from __future__ import annotations

from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from hypothesis import strategies as st

from secantus_server.bson.values import Date, JavaScript, Regex

SCALARS: list[Any] = [
    None, 0, 1, 2, 3, -1, Int64(2), 1.0, 2.5, -0.0, float("nan"), float("inf"), float("-inf"),
    Int64(2**53 + 1), float(2**53), Int64(-(2**63)), Decimal128("2.5"), Decimal128("NaN"), Decimal128("-0"), Decimal128("0.1"), 0.1,
    Decimal128("1E+400"), "", "a", "A", "ab", "abc", "b", "a\0b", "e", "\u00e9", "10", "2", True, False, Date(0), Date(-(2**62)),
    ObjectId(b"0" * 12), MinKey(), MaxKey(), Regex("^ab", ""), Regex("^a", "i"), Timestamp(0, 1), Binary(b"a", 0),
    Binary(b"a", 5), JavaScript("x", None),
]  # fmt: skip
PATHS = ["a", "b", "a.b", "a.c", "b.c", "a.0", "a.0.b", "_id"]

scalars = st.sampled_from(SCALARS)
flat_documents = st.dictionaries(st.sampled_from(["b", "c", "b", "c", "0"]), scalars, max_size=2)
values = st.one_of(
    scalars,
    scalars,
    flat_documents,
    st.lists(scalars, max_size=3),
    st.lists(st.one_of(scalars, flat_documents), max_size=3),
    st.lists(st.lists(scalars, max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["b", "c"]), st.lists(scalars, max_size=2), max_size=2),
)
plain_values = st.one_of(scalars, flat_documents)


def documents(arrays: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Generate documents with the fields a, b and c. Without arrays, indexes do not become multikey."""
    return st.dictionaries(st.sampled_from(["a", "b", "c"]), values if arrays else plain_values, max_size=3)


# Conditions for which an index helps little or not at all: the index bounds must not exclude any matching document.
WHOLE_CONDITIONS: list[dict[str, Any]] = [
    {"$type": "string"}, {"$type": "number"}, {"$type": "null"}, {"$type": ["array", "date"]}, {"$size": 2}, {"$size": 0}, {"$mod": [2, 1]},
    {"$all": [1, 2]}, {"$all": []}, {"$all": [["a"]]}, {"$bitsAllSet": 2}, {"$in": []}, {"$elemMatch": {"$in": []}},
]  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> Any:
    """Generate the right-hand side of a path in a filter."""
    kind = draw(st.integers(0, 12))
    if kind <= 1:
        return draw(values.filter(lambda value: type(value) is not Regex))
    if kind <= 4:
        operators = draw(st.lists(st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq"]), min_size=1, max_size=2, unique=True))
        return {operator: draw(scalars.filter(lambda value: type(value) is not Regex)) for operator in operators}
    if kind == 5:
        return {"$in": draw(st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3))}
    if kind == 6:
        return draw(st.sampled_from([Regex("^a", ""), Regex("^ab?", ""), Regex("^ab", ""), Regex("b", ""), Regex("^A", "i")]))
    if kind == 7:
        return {"$exists": draw(st.booleans())}
    if kind == 8:
        return {"$ne": draw(values.filter(lambda value: type(value) is not Regex))}
    if kind == 9:
        return {"$nin": draw(st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3))}
    if kind == 10:
        return draw(st.sampled_from(WHOLE_CONDITIONS))
    if kind == 11:
        negated = st.sampled_from(
            [{"$gt": 1}, {"$lte": "a"}, {"$in": [None, 2]}, {"$exists": True}, {"$gte": None}, {"$type": "array"}, Regex("^a", "")]
        )
        return {"$not": draw(negated)}
    inner = {
        operator: draw(scalars.filter(lambda value: type(value) is not Regex))
        for operator in draw(st.sampled_from([["$gt", "$lt"], ["$eq"], ["$gte"]]))
    }
    return {
        "$elemMatch": draw(
            st.sampled_from(
                [inner, {"b": inner}, {"b": inner, "c": {"$exists": True}}, {"c": draw(scalars.filter(lambda v: type(v) is not Regex))}]
            )
        )
    }


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """Generate a comparison of a path with a constant for `$expr`."""
    operands = [f"${draw(st.sampled_from(PATHS))}", {"$literal": draw(values)}]
    operator = draw(st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"]))
    return {operator: draw(st.permutations(operands))}


simple_filters = st.dictionaries(st.sampled_from(PATHS), conditions(), max_size=2)
expression_filters = st.one_of(
    comparisons().map(lambda comparison: {"$expr": comparison}),
    st.lists(comparisons(), min_size=2, max_size=2).map(lambda both: {"$expr": {"$and": both}}),
    st.builds(lambda comparison, rest: {"$expr": comparison, **rest}, comparisons(), simple_filters),
)
filters = st.one_of(
    simple_filters,
    simple_filters,
    expression_filters,
    st.builds(lambda branches: {"$or": branches}, st.lists(simple_filters, min_size=1, max_size=3)),
    st.builds(lambda first, second: {"$and": [first, second]}, simple_filters, simple_filters),
    st.builds(lambda branches, rest: {"$or": branches, **rest}, st.lists(simple_filters, min_size=1, max_size=2), simple_filters),
)
key_patterns = st.lists(
    st.tuples(st.sampled_from(PATHS), st.sampled_from([1, -1])), min_size=1, max_size=3, unique_by=lambda part: part[0]
).map(dict)
PARTIAL_FILTERS: list[dict[str, Any]] = [
    {"a": {"$exists": True}}, {"a": {"$gt": 1}}, {"b": "a"}, {"a": {"$lte": 2}, "b": {"$exists": True}}, {"a": {"$in": [1, 2]}},
    {"$or": [{"a": 1}, {"b": {"$gte": 1}}]}, {"a.b": {"$gte": ""}}, {"a": {"$type": "string"}},
]  # fmt: skip
COLLATIONS = [{"locale": "en", "strength": strength} for strength in (1, 2)] + [{"locale": "en", "numericOrdering": True}, {"locale": "fr"}]
collations = st.one_of(st.none(), st.sampled_from(COLLATIONS))
index_options = st.one_of(
    st.just({}),
    st.just({}),
    st.just({"sparse": True}),
    st.just({"unique": True}),
    st.just({"hidden": True}),
    st.sampled_from(COLLATIONS).map(lambda collation: {"collation": collation}),
    st.sampled_from(PARTIAL_FILTERS).map(lambda filter: {"partialFilterExpression": filter}),
)
indexes = st.lists(st.tuples(key_patterns, index_options), min_size=1, max_size=3)
sorts = st.one_of(
    st.just({}),
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from([1, -1])), min_size=1, max_size=2, unique_by=lambda part: part[0]).map(dict),
)
projections = st.sampled_from(
    [None, None, {"_id": 0, "a": 1}, {"a": 1, "b": 1, "_id": 0}, {"_id": 1}, {"_id": 0, "a.b": 1}, {"_id": 0, "a.b": 1, "a.c": 1}]
)
