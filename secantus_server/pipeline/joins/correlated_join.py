"""The join of a `$lookup` whose sub-pipeline depends on the outer document through variables.

The stages before the first reference to a variable do not depend on the outer document. They run once, and their output is cached. If the
first dependent stage is a `$match` with `{$expr: {$eq: ["$path", "$$variable"]}}`, its documents are found through an index or a hash
table instead of a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import encode, key_string
from secantus_server.bson.values import MISSING
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.field_paths import is_field_path
from secantus_server.pipeline.memory import MAX_STAGE_BYTES
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.source import SubPipeline
from secantus_server.pipeline.stages.match import Match

EMPTY_DOCUMENT = encode({})


@dataclass(frozen=True)
class Equality:
    """The condition that a field equals a variable.

    Arguments:
        path: the field's path.
        field: the expression of the field.
        variable: the expression of the variable.
    """

    path: str
    field: Expression
    variable: Expression


class CorrelatedJoin:
    """One execution of a correlated `$lookup`.

    Arguments:
        sub: the sub-pipeline.
        cells: the variables that the sub-pipeline may read; the caller binds them before each `find`.
        ctx: the context in which the sub-pipeline was parsed.
    """

    def __init__(self, sub: SubPipeline, cells: dict[str, Cell], ctx: ParseContext) -> None:
        stages = sub.own.stages
        names = tuple(f"$${name}" for name in cells)
        # Every path implicitly starts at CURRENT, so a new definition of CURRENT makes all stages dependent.
        always = "CURRENT" in cells
        metadata = sub.own.metadata
        # Documents from the kept output, the index or the hash table have no metadata.
        self.wants_metadata = metadata is not None and bool(metadata.wanted)
        first = next(iter([*sub.view.stages, *stages]), None)
        self.searches = first is not None and first.searches
        split = next((index for index, stage in enumerate(stages) if always or mentions(stage.spec, names)), len(stages))
        self.sub = sub
        self.collation = ctx.collation
        self.prefix = Pipeline([*sub.view.stages, *stages[:split]], sub.own.metadata)
        self.rest = Pipeline(stages[split:])
        self.equality = None if always else _find_equality(self.rest, tuple(cells), ctx.child(**cells))
        self.kept: list[bytes] | None = None
        self.is_too_large = False
        self.table: dict[bytes, list[bytes]] = {}
        # The keys that were looked up, for the command log.
        self.asked: set[bytes] | None = set() if ctx.notes_lookups else None
        self.finder: Callable[[Any], Iterator[bytes]] | None = None
        if self.equality is not None and not self.prefix.stages:
            self.finder = sub.equality_finder(self.equality.path, ctx.collation)

    def find(self, _: bytes) -> list[bytes]:
        """Return the output of the sub-pipeline for the outer document. The caller must have bound the document's variables."""
        if self.wants_metadata or self.searches:
            return list(self.sub.documents())
        found = self._by_index()
        if found is None and self._keep():
            found = self._by_table()
        return list(self.sub.documents() if found is None else self.rest.run(found))

    def _by_index(self) -> Iterable[bytes] | None:
        """Return the documents that the leading `$match` may accept, found through an index. Return None if no index is usable."""
        if self.finder is None or self.equality is None:
            return None
        value = self.equality.variable.evaluate(EMPTY_DOCUMENT)
        if type(value) is list:
            return None
        return self.finder(None if value is MISSING else value)

    def _by_table(self) -> Iterable[bytes]:
        """Return the cached documents that the leading `$match` may accept. Use the hash table if the `$match` contains an equality."""
        assert self.kept is not None, "the documents are kept"
        if self.equality is None:
            return self.kept
        if not self.table:
            for document in self.kept:
                key = key_string(self.equality.field.evaluate(document), self.collation)
                self.table.setdefault(key, []).append(document)
        wanted = key_string(self.equality.variable.evaluate(EMPTY_DOCUMENT), self.collation)
        if self.asked is not None:
            self.asked.add(wanted)
        return self.table.get(wanted, ())

    def end(self) -> None:
        """Report a join by an equality that has read the whole collection. Call this after the last `find`."""
        note = None if self.equality is None or self.prefix.stages or self.kept is None else self.sub.join_notes(self.equality.path)
        if note is not None:
            note(len(self.kept or ()), sum(len(self.table.get(key, ())) for key in self.asked or ()))

    def _keep(self) -> bool:
        """Cache the output of the stages that do not read variables. Return False if the output exceeds the memory limit, else True."""
        if self.kept is not None or self.is_too_large:
            return not self.is_too_large
        used = 0
        kept = []
        for document in self.sub.documents_of(self.prefix):
            used += len(document)
            if used > MAX_STAGE_BYTES:
                self.is_too_large = True
                return False
            kept.append(document)
        self.kept = kept
        return True


def mentions(spec: Any, names: tuple[str, ...]) -> bool:
    """Return whether any part of a specification refers to one of the variables.

    Arguments:
        spec: any value.
        names: the names of the variables, including `$$`.
    """
    if type(spec) is str:
        return spec.startswith("$$") and any(spec == name or spec.startswith(name + ".") for name in names)
    if type(spec) is dict:
        return any(mentions(value, names) for value in spec.values())
    if type(spec) is list:
        return any(mentions(value, names) for value in spec)
    return False


def _find_equality(rest: Pipeline, names: tuple[str, ...], ctx: ParseContext) -> Equality | None:
    """Return the first stage's condition that a field equals a variable, or None if the stage has no such condition."""
    first = rest.stages[0] if rest.stages else None
    if not isinstance(first, Match):
        return None
    for pair in _equalities(first.filter.get("$expr")):
        for path, variable in (pair, pair[::-1]):
            if is_field_path(path) and _is_variable(variable, names):
                return Equality(path[1:], parse_expression(path, ctx), parse_expression(variable, ctx))
    return None


def _equalities(spec: Any) -> Iterator[list[Any]]:
    """Yield the operands of each `$eq` that is a necessary condition of the expression."""
    if type(spec) is not dict:
        return
    operands = spec.get("$eq")
    if type(operands) is list and len(operands) == 2:
        yield operands
    clauses = spec.get("$and")
    for clause in clauses if type(clauses) is list else ():
        yield from _equalities(clause)


def _is_variable(spec: Any, names: tuple[str, ...]) -> bool:
    return type(spec) is str and spec.startswith("$$") and spec[2:].partition(".")[0] in names
