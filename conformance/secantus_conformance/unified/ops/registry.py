"""The registry of operations. An unknown name or argument is an error, because the runner must not guess."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from secantus_conformance.failures import BadTest, SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.unified.context import TestContext

Run = Callable[[TestContext, Any, dict[str, Any]], Any]
# Arguments that pymongo supports for no operation.
_NOBODY_TAKES = {"rawData": "pymongo has no rawData"}


@dataclass(frozen=True)
class Operation:
    """An operation on one kind of entity.

    `rows` is true if its result is an iterable of root documents. `cannot` maps arguments that pymongo cannot express to the reason.
    `impossible` is the reason why pymongo cannot run the operation at all.
    """

    kind: str
    name: str
    required: frozenset[str]
    optional: frozenset[str]
    run: Run
    rows: bool
    cannot: dict[str, str]
    impossible: str = ""

    def check(self, arguments: dict[str, Any]) -> None:
        """Raise BadTest for an unknown or missing argument, and SkipTest for an argument that pymongo cannot express."""
        for name in arguments:
            if name in self.cannot:
                raise SkipTest(Skip.CLIENT, self.cannot[name])
            if name not in self.required and name not in self.optional:
                raise BadTest("unsupported-argument", f"{self.name} on a {self.kind} has no argument {name!r}.")
        missing = sorted(self.required - arguments.keys())
        if missing:
            raise BadTest("missing-argument", f"{self.name} needs the argument {missing[0]!r}.")


OPERATIONS: dict[tuple[str, str], Operation] = {}


def operation(
    kinds: str, name: str, required: str = "", optional: str = "", *, rows: bool = False, cannot: dict[str, str] | None = None
) -> Callable[[Run], Run]:
    """Return a decorator that registers a function as an operation on one or more kinds of entity, with the format's argument names."""

    def register(function: Run) -> Run:
        for kind in kinds.split("|"):
            assert (kind, name) not in OPERATIONS, (kind, name)
            OPERATIONS[kind, name] = Operation(
                kind, name, frozenset(required.split()), frozenset(optional.split()), function, rows, {**_NOBODY_TAKES, **(cannot or {})}
            )
        return function

    return register


def impossible(kinds: str, names: Sequence[str], reason: str) -> None:
    """Register operations that pymongo does not support. Tests that use them are skipped with the given reason."""

    def skip(test: TestContext, target: Any, arguments: dict[str, Any]) -> Any:
        raise SkipTest(Skip.CLIENT, reason)

    for name in names:
        for kind in kinds.split("|"):
            assert (kind, name) not in OPERATIONS, (kind, name)
            OPERATIONS[kind, name] = Operation(kind, name, frozenset(), _Anything(), skip, False, {}, reason)


class _Anything(frozenset[str]):
    """A set that contains every string."""

    def __contains__(self, item: object) -> bool:
        return True


def check_possible(operations: Iterable[dict[str, Any]]) -> None:
    """Raise SkipTest if pymongo cannot run one of the operations. Called before the test runs."""
    for each in operations:
        found = [operation for (_, name), operation in OPERATIONS.items() if name == each.get("name")]
        if found and all(operation.impossible for operation in found):
            raise SkipTest(Skip.CLIENT, found[0].impossible)
        for name in each.get("arguments", {}):
            if found and all(name in operation.cannot for operation in found):
                raise SkipTest(Skip.CLIENT, found[0].cannot[name])


def find_operation(kind: str, name: str) -> Operation:
    """Return the operation with the given name. Raise BadTest if it is not defined for this kind of entity."""
    found = OPERATIONS.get((kind, name))
    if found is None:
        raise BadTest("unsupported-operation", f"A {kind} has no operation {name!r}.")
    return found
