"""What a parser of the language is given: the time, the variables in scope, collation, randomness.

The language itself reads no clock and has no state; whatever changes from run to run comes in here.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import MISSING, Date
from secantus_server.errors import CommandError
from secantus_server.mql.limits import DEFAULT_LIMITS, MemoryLimits


class Collation(Protocol):
    """Replaces the comparison of strings."""

    def sort_key(self, text: str) -> bytes:
        """Bytes whose order is the collation's order of texts."""
        ...


class Cell:
    """A variable's place: a parsed tree reads it, the operator that binds the variable sets it before evaluating."""

    __slots__ = ("value",)

    def __init__(self, value: Any = MISSING) -> None:
        self.value = value


@dataclass(slots=True, eq=False)
class ParseContext:
    """The surroundings of one command's filter, expression, update or pipeline; nobody changes them.

    Arguments:
        now: `$$NOW`, the same for the whole command.
        cluster_time: `$$CLUSTER_TIME`, or None on a standalone server.
        keeps_empty_timestamps: a replacement document's empty timestamps stay as they are.
        defers_constant_errors: what goes wrong while a constant is computed is an error of the documents that need it, not of the parser.
        knows_time: whether `$$NOW` and `$$CLUSTER_TIME` are there at all: not in `count`, `distinct`, the lists and partial filters.
        variables: user variables in scope (`let`, `$let`, `$map`, ...), without the `$$`.
        collation: None is the simple collation: strings compare by their UTF-8 bytes.
        random: the command's source of randomness (`$rand`, `$sample`).
        generate_object_id: makes the `_id` of an upserted document.
        text_error: makes the error of a valid `$text` from what text index the collection has; None where there is no collection.
        limits: how much memory stages and accumulators may use.
    """

    now: Date = field(default_factory=lambda: Date(0))
    cluster_time: Timestamp | None = None
    variables: dict[str, Cell] = field(default_factory=dict)
    collation: Collation | None = None
    random: random_module.Random = field(default_factory=random_module.Random)
    generate_object_id: Callable[[], ObjectId] = ObjectId
    knows_time: bool = True
    keeps_empty_timestamps: bool = False
    defers_constant_errors: bool = False
    text_error: Callable[[], CommandError] | None = None
    limits: MemoryLimits = DEFAULT_LIMITS

    def child(self, /, **cells: Cell) -> ParseContext:
        """The same surroundings with more variables in scope."""
        return replace(self, variables={**self.variables, **cells})
