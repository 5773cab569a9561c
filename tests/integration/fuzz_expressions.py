"""Random expressions, accumulators and window functions, made from the server's registries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators.registry import PARSERS as ACCUMULATORS
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions.registry import OPERATORS, import_operators
from secantus_server.mql.expressions.registry import UNSUPPORTED as UNSUPPORTED_OPERATORS
from secantus_server.mql.windows.registry import PARSERS as WINDOW_FUNCTIONS
from tests.integration.fuzz_operators import KINDS, NAMED
from tests.integration.fuzz_values import Chance

import_operators()

WINDOWS: list[Any] = [
    ["unbounded", "current"], ["unbounded", "unbounded"], [-1, 1], ["current", 2], [1, 0], [-1.5, 2], ["current", "current"], [0], "x",
]  # fmt: skip
UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "century", ""]
TIMEZONES = ["UTC", "Europe/Berlin", "America/New_York", "+02:30", "-0800", "+99:99", "Nowhere/At_All", "GMT", "", "+5"]
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%LZ", "%G-%V-%u", "%j%%%Z%z", "%", "%q", "", "%b %B %d", "base64", "hex", "uuid", "utf8", "auto"]
TYPES: list[Any] = [
    "int", "long", "double", "decimal", "bool", "date", "string", "objectId", "binData", "array", "object", "null", "regex", "number",
    2, 16, 19, -1, 300, "x", {"type": "binData", "subtype": 4},
]  # fmt: skip
VARIABLES = [
    "$$ROOT", "$$NOW", "$$CURRENT.n", "$$REMOVE", "$$this", "$$value", "$$v", "$$v.n", "$$none", "$$CLUSTER_TIME", "$$KEEP", "$$",
    "$$USER_ROLES", "$$l",
]  # fmt: skip
# The kind of a value, by its BSON type.
KIND_OF_TYPE = {"int": "n", "long": "n", "double": "n", "decimal": "n", "string": "s", "date": "d", "array": "a", "object": "o"}
WRONG_COUNT = (16020, 28667)


@cache
def arity(name: str) -> list[int]:
    """Return the possible numbers of an operator's arguments, determined by trying."""
    counts = []
    for count in range(5):
        try:
            parse_expression({name: ["$n"] * count}, ParseContext())
        except CommandError as error:
            if error.code in WRONG_COUNT:
                continue
        counts.append(count)
    return counts or [1]


@cache
def operators_by_result() -> dict[str, list[str]]:
    """Return the operators by the kind of their results, determined by trying."""
    make, found = Expressions(0), defaultdict(set)
    document = encode({kind: make.of_kind(kind) for kind in "nsdaom"})
    for name in OPERATORS:
        for _ in range(12):
            try:
                value = parse_expression(make.call(name, 0), ParseContext()).evaluate(document)
            except CommandError:
                continue
            found[KIND_OF_TYPE.get(type_name(value), "e")].add(name)
    return {kind: sorted(names) for kind, names in found.items()}


# Variables whose values change between two commands.
CLOCK = ("$$NOW", "$$CLUSTER_TIME")


class Expressions(Chance):
    """A generator of expressions.

    While `stable` is true, expressions whose results may differ between two calls are excluded.
    """

    stable = True

    def expression(self, depth: int = 2, kind: str = "e") -> Any:
        """Return an expression whose result is often of this kind."""
        if self.often(0.05):
            kind = "e"
        if depth <= 0 or self.often(0.4):
            return self.leaf(kind)
        if self.often(0.04):
            return self.object()
        if self.often(0.05):
            return {self.choice("abc"): self.expression(depth - 1), "k": self.expression(depth - 1)}
        return self.call(self.operator_name(kind), depth)

    def operator_name(self, kind: str) -> str:
        """Return the name of an operator, mostly one whose results are of this kind; sometimes an unknown name."""
        if self.often(0.02):
            return self.choice([*UNSUPPORTED_OPERATORS, "$nothing", "$", "$_internalX"])
        name = self.choice(operators_by_result().get(kind, list(OPERATORS)) if self.often(0.8) else list(OPERATORS))
        return "$add" if self.stable and name == "$rand" else name

    def leaf(self, kind: str) -> Any:
        """Return a field path, a variable or a constant."""
        if self.often(0.5):
            return "$" + (kind if kind in "nsdaomgx" and self.often(0.8) else self.path())
        if self.often(0.15):
            return self.choice([name for name in VARIABLES if not self.stable or name not in CLOCK])
        if kind in "nsdaomgx":
            return self.literal(self.of_kind(kind))
        return self.literal(self.value(1))

    def literal(self, value: Any) -> Any:
        """Return a constant, sometimes inside a `$literal` so that it is not parsed as an expression."""
        return {"$literal": value} if self.often(0.3) else value

    def call(self, name: str, depth: int) -> Any:
        """Return an operator with its arguments."""
        named = NAMED.get(name)
        if named is not None and self.often(0.85):
            fields = dict(part.split(":") for part in named.split())
            # The last arguments are mostly optional.
            keys = [key for number, key in enumerate(fields) if number < 2 or self.often(0.6)]
            return {name: self.broken({key: self.argument(fields[key], depth - 1) for key in keys})}
        kinds = KINDS.get(name, "n")
        count = self.choice(arity(name)) if self.often(0.97) else self.randrange(5)
        arguments = [self.argument(kinds[min(number, len(kinds) - 1)], depth - 1) for number in range(count)]
        return {name: arguments[0] if count == 1 and self.often(0.6) else arguments}

    def argument(self, kind: str, depth: int) -> Any:
        """Return an argument of a kind (see `fuzz_operators`)."""
        makers: dict[str, Callable[[], Any]] = {
            "u": lambda: self.choice(UNITS),
            "z": lambda: self.choice(TIMEZONES),
            "f": lambda: self.choice(FORMATS),
            "y": lambda: self.choice(["monday", "Sun", "x"]),
            "v": lambda: self.choice(["v", "this", "v", "V", "", "ROOT"]),
            "t": lambda: self.choice(TYPES),
            "t1": lambda: self.choice([True, False, 1]),
            "b": self.sort_by,
            "c": self.small,
            "l": lambda: self.some(lambda: self.expression(depth, "a")),
            "w": lambda: self.some(lambda: self.broken({"case": self.expression(depth), "then": self.expression(depth)}), 2, 1),
            "p": lambda: {name: self.expression(depth) for name in self.sample(["v", "l", "this"], 2)},
            "q": lambda: self.choice(["approximate", "approximate", "discrete", "continuous", "x"]),
            "P": lambda: self.choice([[0.5], [0, 1], [0.1, 0.9], [2], [], "x"]),
            "r": lambda: self.choice(["a", "^a(b)?", "[a-z]+", "(", "", "(?<x>a)|b", "$s"]),
        }
        maker = makers.get(kind)
        if maker is None or self.often(0.06):
            return self.expression(depth, kind)
        return self.spoilt(maker())

    def sort_by(self) -> Any:
        """Return a sort, or only a direction."""
        if self.often(0.15):
            return self.choice([1, -1, 0, 1.5, {}, {"n": {"$meta": "textScore"}}, "n"])
        return {self.path(): self.spoilt(self.choice([1, -1])) for _ in range(self.randint(1, 2))}

    def accumulator(self, depth: int = 2) -> Any:
        """Return an accumulator of a `$group`."""
        names = [*ACCUMULATORS, "$nothing"] if self.often(0.05) else list(ACCUMULATORS)
        name = self.choice(names)
        if name == "$count":
            return {name: self.spoilt({})}
        if name in NAMED and self.often(0.9):
            return self.call(name, depth)
        return {name: self.expression(depth, self.choice("nnnaoe"))}

    def window_function(self, depth: int = 2) -> Any:
        """Return an output field of `$setWindowFields`."""
        if self.often(0.5):
            found = self.accumulator(depth)
        else:
            name = self.choice([*WINDOW_FUNCTIONS, "$minMaxScaler"])
            if name in ("$rank", "$denseRank", "$documentNumber"):
                found = {name: self.spoilt({})}
            elif name in NAMED:
                found = self.call(name, depth)
            else:
                numbers = [self.expression(depth, "n"), self.expression(depth, "n")]
                found = {name: numbers if "covariance" in name else numbers[0]}
        if self.often(0.6):
            window = {self.choice(["documents", "documents", "range"]): self.choice(WINDOWS)}
            if self.often(0.2):
                window["unit"] = self.choice(UNITS)
            found["window"] = self.spoilt(window)
        return found
