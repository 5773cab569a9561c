"""The context of the query language's parsers, which provides the time, variables, collation and randomness.

The query language itself reads no clock and has no state. Everything that varies between runs comes from the context.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import MISSING, Date
from secantus_server.mql.limits import DEFAULT_LIMITS, MemoryLimits
from secantus_server.mql.metadata import Metadata
from secantus_server.records import Protocol, record
from secantus_server.version import MONGODB_8_2, Release

if TYPE_CHECKING:
    from secantus_server.javascript import Engine
    from secantus_server.mql.text.definition import TextDefinition


class Collation(Protocol):
    """The interface of a collation, which defines an order of strings."""

    def sort_key(self, text: str) -> bytes:
        """Return bytes that sort in the collation's order."""


class Cell:
    """A container for the value of a variable. The operator that binds the variable stores the value, and parsed expressions read it."""

    __slots__ = ("value",)

    def __init__(self, value: Any = MISSING) -> None:
        self.value = value


class FixedCell(Cell):
    """The container for a variable of a command's `let`. Its value is known when expressions are parsed, and does not change."""

    __slots__ = ()


@record(slots=True, eq=False)
class ParseContext:
    """The context of one command's filter, expression, update or pipeline. Treat it as immutable.

    Arguments:
        now: `$$NOW`, the same for the whole command.
        cluster_time: `$$CLUSTER_TIME`, or None on a standalone server.
        keeps_empty_timestamps: whether a replacement document retains its empty timestamps instead of getting the current time.
        defers_constant_errors: whether an error in a constant is raised only for documents that need the constant, not by the parser.
        knows_time: whether `$$NOW` and `$$CLUSTER_TIME` are defined. They are not defined in `count`, `distinct`, the list commands and
            partial filters.
        variables: user variables in scope (`let`, `$let`, `$map`, ...), without the `$$`.
        collation: the collation of string comparisons; None for the simple collation, which compares strings by their UTF-8 bytes.
        random: the command's source of randomness (`$rand`, `$sample`).
        generate_object_id: generates the `_id` of an upserted document.
        clock_ms: returns the current time in milliseconds, for `$currentDate`; None where expressions are evaluated without a clock.
        metadata: the metadata of the documents in this query or pipeline; None where documents have no metadata.
        text_definition: returns the definition of the collection's text index, or raises the error for a `$text` without such an index.
            It is None if there is no collection.
        limits: the memory limits of stages and accumulators.
        scripts: returns the command's JavaScript engine, or raises an error if there is no engine. Its argument is the operator that
            needs the engine. It is None where JavaScript is not allowed.
        note_plan: a function that is called with each query's plan and the query, or None.
        index_filters: the index filters by collection UUID and query shape, or None if there are no index filters.
        release: the release of MongoDB that the command emulates.
        notes_lookups: whether `note_plan` is also called for point lookups.
        allowed_indexes: the indexes that query settings allow, by namespace; None if no query settings restrict the indexes.
        forbids_scans: whether a query that needs a collection scan is an error (the parameter notablescan).
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
    clock_ms: Callable[[], int] | None = None
    metadata: Metadata | None = None
    text_definition: Callable[[], TextDefinition] | None = None
    limits: MemoryLimits = DEFAULT_LIMITS
    scripts: Callable[[str], Engine] | None = None
    note_plan: Callable[..., None] | None = None
    index_filters: dict[bytes, dict[str, dict[str, Any]]] | None = None
    release: Release = MONGODB_8_2
    notes_lookups: bool = False
    allowed_indexes: dict[str, list[Any]] | None = None
    forbids_scans: bool = False

    def child(self, /, **cells: Cell) -> ParseContext:
        """Return a copy of the context with additional variables in scope. Each keyword argument is a variable."""
        return self.changed(variables={**self.variables, **cells})

    def changed(self, **values: Any) -> ParseContext:
        """Return a copy of the context with some attributes replaced. This method is much cheaper than `dataclasses.replace`."""
        other = ParseContext(
            self.now,
            self.cluster_time,
            self.variables,
            self.collation,
            self.random,
            self.generate_object_id,
            self.knows_time,
            self.keeps_empty_timestamps,
            self.defers_constant_errors,
            self.clock_ms,
            self.metadata,
            self.text_definition,
            self.limits,
            self.scripts,
            self.note_plan,
            self.index_filters,
            self.release,
            self.notes_lookups,
            self.allowed_indexes,
            self.forbids_scans,
        )
        for name, value in values.items():
            setattr(other, name, value)
        return other
