"""Random filters, projections, updates and indexes, made from the server's registries."""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.bson.values import Regex
from secantus_server.mql.match import FIELD_OPERATORS, FILTER_OPERATORS
from secantus_server.mql.update.registry import _OPERATORS as UPDATE_OPERATORS
from tests.integration.fuzz_expressions import TYPES, Expressions
from tests.integration.fuzz_values import POINTS, SHAPES

# Operators that are not used: their results differ between two calls, or this server does not support them.
UNSTABLE_FILTERS = ("$sampleRate", "$where", "$text")
# Operators that are rarely used: they belong to other operators, or need an index that a collection rarely has.
RARE = ("$near", "$nearSphere", "$geoNear", "$options", "$minDistance", "$maxDistance")
ALIASES = [*TYPES, "undefined", "minKey", "maxKey", "timestamp", "javascript", "symbol", "dbPointer", "javascriptWithScope", []]
BITS: list[Any] = [0, 1, 35, [0, 5], [1], Binary(b"\x01\xff", 0), -1, 2.0, [200], []]
SCHEMAS: list[Any] = [
    {"bsonType": "object"}, {"required": ["n"]}, {"properties": {"n": {"bsonType": ["int", "double"]}}},
    {"properties": {"n": {"minimum": 1, "exclusiveMinimum": True}}},
    {"properties": {"s": {"pattern": "^a", "maxLength": 3}}}, {"minProperties": 2},
    {"additionalProperties": False, "properties": {"_id": {}}},
    {"properties": {"a": {"items": {"type": "number"}, "uniqueItems": True}}},
    {"anyOf": [{"required": ["x"]}, {"not": {"required": ["n"]}}]}, {"enum": [1]},
    {"properties": {"n": {"multipleOf": 2}}}, {"patternProperties": {"^[ns]$": {"type": "string"}}}, {"dependencies": {"n": ["s"]}},
    {"properties": {"a": {"items": [{}], "additionalItems": False}}},
    {"required": []}, {"type": "x"}, {"unknown": 1}, {"properties": 1}, {},
]  # fmt: skip
REGEX_TEXTS = [
    "^a",
    "b$",
    "",
    "^ab?",
    "(a+)+$",
    "[",
    "\\d+",
    "^(?:a|b)",
    "a{2,1}",
    "(?i)A",
    "\\Qa.b\\E",
    "^\\x61",
    "(?<n>a)\\k<n>",
    "\\1",
    "^a\\0b",
    "(?=a)a",
    "[[:alpha:]]",
]


class Language(Expressions):
    """A generator of filters, projections, updates and index definitions."""

    def filter(self, depth: int = 2) -> dict[str, Any]:
        """Return a filter."""
        found: dict[str, Any] = {}
        for _ in range(self.choice([0, 1, 1, 1, 2, 3])):
            if depth and self.often(0.25):
                name = self.choice([name for name in FILTER_OPERATORS if name not in UNSTABLE_FILTERS] + ["$nothing"] * self.often(0.05))
                found[name] = self.filter_argument(name, depth)
            else:
                found[self.path()] = self.condition(depth)
        return found

    def filter_argument(self, name: str, depth: int) -> Any:
        """Return the argument of a top-level operator of filters."""
        if name in ("$and", "$or", "$nor"):
            return self.spoilt(self.some(lambda: self.filter(depth - 1), 3, 1))
        if name == "$expr":
            return self.expression(3)
        if name == "$jsonSchema":
            return self.spoilt(self.choice(SCHEMAS))
        if name in ("$alwaysTrue", "$alwaysFalse"):
            return self.spoilt(1)
        return self.value(1)

    def condition(self, depth: int = 1) -> Any:
        """Return a random condition for a path: a value, a regular expression or a document of operators."""
        if self.often(0.3):
            return self.operand()
        if self.often(0.05):
            return Regex(self.choice(REGEX_TEXTS), self.choice(["", "i", "m", "x", "s", "q"]))
        names = [name for name in FIELD_OPERATORS if name not in RARE or self.often(0.1)]
        return {name: self.spoilt(self.field_argument(name, depth)) for name in self.choices(names, k=self.choice([1, 1, 1, 2]))}

    def operand(self) -> Any:
        """Return a value to compare with."""
        return self.of_kind(self.choice("nsdaomgxxnn"))

    def field_argument(self, name: str, depth: int) -> Any:
        """Return the argument of an operator on a field."""
        if name in ("$in", "$nin", "$all"):
            return self.some(self.operand if name != "$all" or self.often(0.8) else lambda: {"$elemMatch": self.filter(0)})
        if name == "$elemMatch":
            return self.filter(depth - 1) if depth and self.often(0.5) else self.condition(0) if self.often(0.9) else self.value()
        if name == "$not":
            return self.condition(depth - 1) if depth else Regex("^a", "")
        if name.startswith("$bits"):
            return self.choice(BITS)
        if name in ("$near", "$nearSphere", "$geoNear"):
            return {"$geometry": self.choice(POINTS), "$maxDistance": self.number()} if self.often(0.6) else [1, 2]
        if name in ("$geoWithin", "$within", "$geoIntersects"):
            return self.geometry()
        fixed: dict[str, list[Any]] = {
            "$regex": REGEX_TEXTS, "$options": ["", "i", "imsx", "z"], "$size": [0, 1, 2, 2.0, -1, 1.5],
            "$exists": [True, False, 0, 1, None],
            "$type": ALIASES, "$mod": [[2, 1], [3, 0], [0, 1], [2.5, 1], [2], [-3, -1], ["a", 1], [2, 1, 3]],
        }  # fmt: skip
        return self.choice(fixed[name]) if name in fixed else self.operand()

    def geometry(self) -> Any:
        """Return the argument of `$geoWithin` or a similar operator."""
        return self.pick(
            lambda: {"$geometry": self.choice(SHAPES + POINTS)},
            lambda: {"$box": [[0, 0], [20, 60]]},
            lambda: {"$polygon": [[0, 0], [0, 60], [60, 0]]},
            lambda: {"$center": [[1, 1], self.number()]},
            lambda: {"$centerSphere": [[1, 1], self.choice([0.1, 1, 4, -1, float("nan")])]},
            lambda: {self.choice(["$box", "$polygon", "$center", "$geometry", "$uniqueDocs", "x"]): self.value()},
        )

    def sort(self) -> dict[str, Any]:
        """Return a sort."""
        return {self.path(): self.spoilt(self.choice([1, -1])) for _ in range(self.randint(1, 2))}

    def projection(self, *, for_find: bool = True) -> dict[str, Any]:
        """Return a projection."""
        found: dict[str, Any] = {}
        for _ in range(self.randint(1, 3)):
            sort = self.randrange(7)
            if sort <= 2:
                found[self.path()] = self.choice([0, 1, 1, True, False]) if self.often(0.3) else 1
            elif sort <= 4:
                found[self.path()] = self.expression(2)
            elif sort == 5 and for_find:
                found[self.path()] = self.pick(
                    lambda: {"$slice": self.choice([1, -2, [1, 2], [-1, 1], [0, 0], "x", [1], 2**40, float("nan")])},
                    lambda: {"$elemMatch": self.filter(1)},
                    lambda: {"$meta": self.choice(["recordId", "textScore", "indexKey", "sortKey", "x"])},
                )
            elif sort == 6 and for_find and self.often(0.4):
                found[self.path() + ".$"] = 1
        return found

    # ------------------------------------------------------------ updates

    def update(self) -> Any:
        """Return an update: modifiers, a pipeline or a replacement document."""
        kind = self.randrange(10)
        if kind == 0:
            return self.document()
        if kind == 1:
            return self.some(self.update_stage, 2, 1)
        if kind == 2 and self.often(0.1):
            return self.value()
        names = list(UPDATE_OPERATORS) + ["$nothing"] * self.often(0.02)
        return {name: self.spoilt(self.update_fields(name)) for name in self.choices(names, k=self.choice([1, 1, 2]))}

    def update_stage(self) -> Any:
        """Return a stage of an update's pipeline."""
        name = self.choice(["$set", "$addFields", "$unset", "$project", "$replaceRoot", "$replaceWith", "$match"])
        if name == "$unset":
            return {name: self.path()}
        if name in ("$replaceRoot", "$replaceWith"):
            return {name: {"newRoot": self.expression(2, "o")} if name == "$replaceRoot" else self.expression(2, "o")}
        return {name: self.projection(for_find=False) if name == "$project" else {self.path(): self.expression(2)}}

    def update_path(self) -> str:
        """Return a path of an update, which may contain positional operators."""
        if self.often(0.15):
            return self.choice(
                ["a.$", "a.$[]", "a.$[e]", "m.$[e].n", "m.$[].n", "m.$.n", "a.$[none]", "$.a", "m.$[e].a.$[f]", "$[]", "a.$[e"]
            )
        return self.path()

    def update_fields(self, name: str) -> dict[str, Any]:
        """Return the paths and arguments of a modifier."""
        return {self.update_path(): self.modifier_argument(name) for _ in range(self.choice([1, 1, 2]))}

    def modifier_argument(self, name: str) -> Any:
        """Return the argument of a modifier for one path."""
        if name in ("$inc", "$mul"):
            return self.number()
        if name in ("$push", "$addToSet") and self.often(0.6):
            each: dict[str, Any] = {"$each": self.spoilt(self.some(self.operand))}
            if name == "$push" or self.often(0.1):
                for option, maker in {
                    "$slice": self.number,
                    "$position": self.number,
                    "$sort": lambda: self.choice([1, -1, {"n": 1}, {"n.s": -1}, 0, {}]),
                }.items():
                    if self.often(0.4):
                        each[option] = self.spoilt(maker())
            return each
        if name == "$pull" and self.often(0.6):
            return self.condition(1) if self.often(0.5) else self.filter(1)
        if name == "$pullAll":
            return self.some(self.operand)
        if name == "$rename":
            return self.path()
        if name == "$bit":
            return {self.choice(["and", "or", "xor", "x"]): self.number()}
        if name == "$currentDate":
            return self.choice([True, {"$type": "date"}, {"$type": "timestamp"}, {"$type": "x"}, False, 1])
        if name == "$pop":
            return self.choice([1, -1, 1.0, 2])
        return self.operand()

    def array_filters(self) -> list[Any]:
        """Return the `arrayFilters` of an update."""
        return self.spoilt(
            [
                {"e": self.condition(1)} if self.often(0.5) else {"e.n": self.condition(0)},
                *([{"f": self.condition(0)}] if self.often(0.2) else []),
            ]
        )

    # ------------------------------------------------------------ indexes

    def index(self) -> dict[str, Any]:
        """Return the definition of an index."""
        key: dict[str, Any] = {self.path(): self.spoilt(self.choice([1, -1])) for _ in range(self.choice([1, 1, 2, 3]))}
        kind = self.randrange(10)
        if kind == 0:
            key = {self.choice(["$**", "o.$**", "a.$**"]): 1, **(key if self.often(0.2) else {})}
        elif kind == 1:
            key[self.path()] = "hashed"
        elif kind == 2:
            key[self.choice(["g", "g", "x"])] = self.choice(["2dsphere", "2dsphere", "2d", "text", "x"])
        spec: dict[str, Any] = {"key": key, "name": f"i{self.randrange(10**6)}"}
        options: dict[str, Any] = {
            "unique": True, "sparse": True, "hidden": True,
            "partialFilterExpression": self.filter(1) if self.often(0.5) else {"n": {"$exists": True}}, "collation": self.collation(),
            "expireAfterSeconds": self.choice([10**9, 2**31 - 1, self.number()]), "wildcardProjection": {self.path(): 1},
            "prepareUnique": True, "v": self.choice([1, 2]),
            "2dsphereIndexVersion": self.choice([1, 2, 3]), "bits": 26, "min": -180, "max": 180, "weights": {"s": 1}, "storageEngine": {},
            "background": True, "clustered": True,
        }  # fmt: skip
        for name in self.sample(list(options), self.choice([0, 0, 1, 1, 2])):
            spec[name] = self.spoilt(options[name])
        if kind == 0 and self.often(0.3):
            spec["wildcardProjection"] = self.projection()
        return self.broken(spec) if self.often(0.3) else spec

    def collation(self) -> Any:
        """Return a collation."""
        found: dict[str, Any] = {
            "locale": self.choice(["xx", "de", "sv@collation=standard"] if self.often(self.malice) else ["en", "fr", "simple", "en_US"])
        }
        options: dict[str, list[Any]] = {
            "strength": [1, 2, 3, 4, 5, 6], "caseLevel": [True], "numericOrdering": [True], "caseFirst": ["upper", "lower", "off", "x"],
            "alternate": ["shifted"], "backwards": [True],
            "maxVariable": ["punct", "space"], "normalization": [True], "version": ["57.1"],
        }  # fmt: skip
        for name in self.sample(list(options), self.choice([0, 1, 1, 2])):
            found[name] = self.spoilt(self.choice(options[name]))
        return self.spoilt(found)
