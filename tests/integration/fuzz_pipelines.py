"""Random pipelines, made from the server's registry of stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson.values import Date
from secantus_server.pipeline.registry import STAGES, UNSUPPORTED, import_stages
from tests.integration.fuzz_expressions import UNITS
from tests.integration.fuzz_language import Language

import_stages()

# Stages that process documents one by one. The documents that they return do not depend on the plan or on the documents' order.
STEADY = [
    "$match",
    "$match",
    "$match",
    "$addFields",
    "$set",
    "$project",
    "$unset",
    "$unwind",
    "$replaceRoot",
    "$replaceWith",
    "$redact",
    "$lookup",
    "$sort",
    "$unionWith",
]
# Stages whose input is not a collection, that write, or whose results depend on the time.
SPECIAL = [
    "$out",
    "$merge",
    "$sample",
    "$currentOp",
    "$listSessions",
    "$listLocalSessions",
    "$indexStats",
    "$collStats",
    "$planCacheStats",
    "$queryStats",
]
BUCKETS = ["R5", "R10", "E6", "E192", "1-2-5", "POWERSOF2", "x"]


class Pipelines(Language):
    """A generator of pipelines over the collections of a round. Only the scratch collections may be written to."""

    collections: tuple[str, ...] = ("c0", "c1")
    scratch: tuple[str, ...] = ("s0", "s1")
    steady = False

    def pipeline(self, most: int = 4, *, depth: int = 2) -> list[Any]:
        """Return a pipeline."""
        return self.some(lambda: self.spoilt(self.stage(depth)), most, 0 if self.often(0.05) else 1)

    def steady_pipeline(self) -> list[Any]:
        """Return a pipeline of STEADY stages, whose documents do not depend on the order in which it reads them."""
        self.steady = True
        found = self.some(lambda: self.stage(1), 4, 2)
        self.steady = False
        return found

    def stage(self, depth: int = 2, name: str | None = None) -> dict[str, Any]:
        """Return a stage."""
        if name is None:
            name = self.choice(STEADY if self.steady else [name for name in STAGES if name not in SPECIAL or self.often(0.3)])
            if self.often(0.02):
                name = self.choice([*UNSUPPORTED, "$nothing", "x", ""])
        makers = self.makers(depth)
        maker = makers.get(name)
        return {name: self.spoilt(maker() if maker else self.value(1) if self.often(0.3) else {})}

    def makers(self, depth: int) -> dict[str, Callable[[], Any]]:
        """Return the functions that make the arguments of stages, by the stage's name."""
        fields: Callable[[], Any] = lambda: {self.path(): self.expression(3) for _ in range(self.randint(1, 2))}  # noqa: E731
        inner: Callable[[], Any] = lambda: self.pipeline(2, depth=depth - 1) if depth > 0 else []  # noqa: E731
        return {
            "$addFields": fields,
            "$set": fields,
            "$group": lambda: self.broken({"_id": self.expression(2), **{key: self.accumulator() for key in self.sample("nsab", 2)}}),
            "$bucket": self.bucket,
            "$bucketAuto": lambda: self.broken({"groupBy": self.expression(1), "buckets": self.small(), "granularity": self.choice(BUCKETS),
                "output": {"n": self.accumulator()}}),
            "$count": lambda: self.choice(["n", "", "$n", "a.b", "a\0", "_id"]),
            "$densify": self.densify,
            "$documents": lambda: self.some(self.document) if self.often(0.7) else self.expression(2, "m"),
            "$facet": lambda: {name: inner() for name in self.sample(["n", "s", "a.b", "$x", ""], self.randint(1, 2))},
            "$setWindowFields": self.windows,
            "$fill": self.fill,
            "$match": lambda: self.filter(2),
            "$geoNear": lambda: self.broken({"near": self.of_kind("g"), "distanceField": self.path(), "spherical": True, "key": "g",
                "query": self.filter(1), "maxDistance": self.number(), "includeLocs": self.path()}),
            "$graphLookup": lambda: self.broken({"from": self.any_collection(), "startWith": self.expression(1),
                "connectFromField": self.path(), "connectToField": self.path(), "as": self.path(), "maxDepth": self.small(),
                "depthField": self.path(), "restrictSearchWithMatch": self.filter(1)}),
            "$limit": self.whole,
            "$skip": lambda: self.choice([0, 0, 1, 2, self.number()]),
            "$lookup": lambda: self.lookup(inner),
            "$merge": lambda: self.broken({"into": self.choice(self.scratch), "on": self.choice(["_id", ["_id"], ["n", "s"], "n", []]),
                "whenMatched": self.choice(["merge", "replace", "keepExisting", "fail", [{"$set": {"n": self.expression(1)}}], []]),
                "whenNotMatched": self.choice(["insert", "discard", "fail"]), "let": {"v": self.expression(1)}}),
            "$out": lambda: self.choice(self.scratch) if self.often(0.7) else {"db": "fuzz", "coll": self.choice(self.scratch)},
            "$project": lambda: self.projection(for_find=False),
            "$unset": lambda: self.path() if self.often(0.5) else self.some(self.path),
            "$redact": lambda: self.expression(2) if self.often(0.3)
                else {"$cond": [self.expression(2), "$$" + self.choice(["KEEP", "PRUNE", "DESCEND"]),
                    "$$" + self.choice(["KEEP", "PRUNE", "DESCEND"])]},
            "$replaceRoot": lambda: {"newRoot": self.root()},
            "$replaceWith": self.root,
            "$sample": lambda: {"size": self.whole()},
            "$sort": self.sort,
            "$sortByCount": lambda: self.expression(2),
            "$unionWith": lambda: self.any_collection() if self.often(0.5)
                else self.broken({"coll": self.any_collection(), "pipeline": inner()}),
            "$unwind": lambda: "$" + self.path() if self.often(0.5)
                else self.broken({"path": "$" + self.path(), "preserveNullAndEmptyArrays": self.often(0.5),
                    "includeArrayIndex": self.path()}),
            "$collStats": lambda: {name: {} for name in self.sample(["latencyStats", "storageStats", "count", "queryExecStats"], 2)},
        }  # fmt: skip

    def whole(self) -> Any:
        """Return a number, mostly a positive integer."""
        return self.small() if self.often(0.8) else self.number()

    def root(self) -> Any:
        """Return the argument of `$replaceRoot`."""
        return self.pick(
            lambda: self.expression(2, "o"),
            lambda: {"$mergeObjects": ["$$ROOT", self.expression(1, "o")]},
            lambda: "$o",
            lambda: {"n": self.expression(2)},
        )

    def any_collection(self) -> Any:
        """Return the name of a collection, which may not exist."""
        return self.choice([*self.collections, *self.collections, *self.scratch, "none"])

    def bucket(self) -> Any:
        """Return the argument of `$bucket`."""
        boundaries = self.choice(
            [
                [0, 1, 5],
                [0, 10],
                ["a", "b"],
                [None, 1],
                [3, 1],
                [Date(0), Date(2**40)],
                [float("-inf"), 0, float("inf")],
                [0],
                "x",
                [0, "a"],
            ]
        )
        return self.broken(
            {
                "groupBy": self.expression(1, "n"),
                "boundaries": boundaries,
                "default": self.choice(["other", -1, 3, None, self.value()]),
                "output": {"n": self.accumulator()},
            }
        )

    def densify(self) -> Any:
        """Return the argument of `$densify`."""
        scope = self.choice(["full", "partition", [0, 10], [Date(0), Date(10**9)], [Date(0), 5], [5, 1], "x", [0.5, 3.25], [0, 2**40]])
        span: dict[str, Any] = {"step": self.choice([1, 2, 0.5, 0, -1, self.number()]), "bounds": scope}
        if self.often(0.5):
            span["unit"] = self.choice(UNITS)
        return self.broken({"field": self.path(), "range": span, "partitionByFields": self.some(self.path, 2)})

    def fill(self) -> Any:
        """Return the argument of `$fill`."""

        def how() -> dict[str, Any]:
            return {"method": self.choice(["linear", "locf", "x"])} if self.often(0.6) else {"value": self.expression(1)}

        found: dict[str, Any] = {"output": {self.path(): self.spoilt(how()) for _ in range(self.randint(1, 2))}, "sortBy": self.sort()}
        if self.often(0.4):
            found.update(self.choice([{"partitionBy": self.expression(1)}, {"partitionByFields": self.some(self.path, 2)}]))
        return self.broken(found)

    def windows(self) -> Any:
        """Return the argument of `$setWindowFields`."""
        found: dict[str, Any] = {"output": {self.path(): self.spoilt(self.window_function()) for _ in range(self.randint(1, 2))}}
        if self.often(0.8):
            found["sortBy"] = {self.choice("ndns"): self.choice([1, -1])} if self.often(0.8) else self.sort()
        if self.often(0.5):
            found["partitionBy"] = self.expression(1)
        return self.broken(found)

    def lookup(self, inner: Callable[[], Any]) -> Any:
        """Return the argument of `$lookup`."""
        found: dict[str, Any] = {"from": self.any_collection(), "as": self.path()}
        if self.often(0.7):
            found.update(localField=self.path(), foreignField=self.path())
        if len(found) == 2 or self.often(0.3):
            found["pipeline"] = [{"$match": {"$expr": {"$eq": ["$n", "$$v"]}}}] if self.often(0.4) else inner()
            found["let"] = {"v": self.expression(1)}
        return self.broken(found)
