"""`$group`: returns one document with accumulated fields for each distinct value of an expression.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from secantus_server.bson import encode, is_number
from secantus_server.differences import EMPTY_GROUP_FIELD
from secantus_server.errors import CommandError
from secantus_server.exec._checked import Checked
from secantus_server.exec.spilling import Spill
from secantus_server.modules import import_late
from secantus_server.mql.accumulators import Accumulator, parse_accumulator
from secantus_server.mql.accumulators.basic import TAKES_VALUE
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions._nodes import Constant, ObjectNode
from secantus_server.mql.expressions.read_fields import is_path, read_fields
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.handed_over import BUILDING, handed_over
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages._group import CONSTANT, EVALUATED, Grouper, GroupMemory
from secantus_server.pipeline.stages.project import Projected
from secantus_server.pipeline.stages.unwind import Unwound

UNKNOWN_ACCUMULATOR = 15952
# The accumulators whose states do not grow after a group's first document, or count their memory themselves, and those whose states may
# grow with each document and know their memory without adding it up.
_STEADY = frozenset(["$sum", "$avg", "$count", "$first", "$stdDevPop", "$stdDevSamp", "$push", "$addToSet"])
_GROWING = frozenset(
    [
        *("$concatArrays", "$setUnion", "$median", "$percentile"),
        *("$firstN", "$lastN", "$minN", "$maxN", "$top", "$topN", "$bottom", "$bottomN"),
    ]
)
_MEASURED = _STEADY | _GROWING


@stage("$group")
class Group(Stage):
    """A parsed `$group`: the group key and the accumulators.

    Arguments:
        id: the expression of the group key.
        fields: the accumulators by field name.
        collation: the collation for comparing strings in the group key.
        max_bytes: the memory limit of the groups if disk use is not allowed, or None.
        spill: the memory limit and the files if disk use is allowed, or None.
        metadata: the metadata of the documents, or None.
    """

    makes_many = True

    def __init__(
        self,
        id: Expression,
        fields: dict[str, Accumulator],
        collation: Collation | None,
        max_bytes: int | None = None,
        spill: Spill | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        super().__init__()
        self.spill = spill
        self.metadata = metadata
        self.id = id
        self.fields = fields
        self.collation = collation
        self.max_bytes = max_bytes
        self.hands_over = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Group:
        """Parse `{$group: {_id: expression, field: {$accumulator: expression}}}`.

        Raises:
            CommandError: 15947 if the argument is not a document, 15955 without `_id`, 15998 for an
                empty name since MongoDB 9.0, and the errors of `parse_accumulated_field`.
        """
        if type(spec) is not dict:
            raise CommandError(15947, "a group's fields must be specified in an object")
        group_id: Expression | None = None
        fields = {}
        for name, value in spec.items():
            if name == "_id":
                group_id = _parse_id(value, ctx.parse)
            else:
                check_output_name(name, ctx.parse)
                fields[name] = parse_accumulated_field(name, value, ctx.parse)
        if group_id is None:
            raise CommandError(15955, "a group specification must include an _id")
        limit = ctx.parse.limits.group
        return cls(group_id, fields, ctx.parse.collation, ctx.kept_at_most(limit), ctx.spill("group", limit), ctx.parse.metadata)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each group.

        Raises:
            CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed, 146 ExceededMemoryLimit, and the errors of the expressions.
        """
        grouper = self._grouper()
        if not self._consume_unbuilt(grouper, source):
            grouper.consume(source, self._constants())
        if grouper.partitions is not None:
            assert self.spill is not None, "only groups that may use the disk are in files"
            spilled_results = import_late("secantus_server.pipeline.stages.group_spill").spilled_results
            yield from spilled_results(grouper, self.spill, self._document)
            return
        for value, states, _ in grouper.results():
            yield self._document(value, states)

    def _document(self, value: Any, states: list[Any]) -> bytes:
        """Return the document of a group."""
        document = {"_id": value}
        for name, state in zip(self.fields, states, strict=True):
            document[name] = state.result()
        return encode(self._handed_over(document) if self.hands_over else document)

    def _consume_unbuilt(self, grouper: Grouper, source: Iterable[bytes]) -> bool:
        """Consume the input of a `$unwind` or `$project` before this stage, without building that stage's documents.

        Return False without reading anything if that is impossible.
        """
        if type(source) not in (Unwound, Projected) or not self._takes_values():
            return False
        keys = self.id.children() if type(self.id) is ObjectNode else (self.id,)
        read = (*keys, *(accumulator.expressions[0] for accumulator in self.fields.values()))
        if type(source) is Projected:
            computed = source.computed_fields()
            takes = None if computed is None else [_position(one, list(computed)) for one in read]
            if computed is None or takes is None or None in takes:
                return False
            grouper.consume_values(source.source, tuple(computed.values()), *_divided(takes, len(keys)))
            return True
        assert type(source) is Unwound, "the type was checked above"
        unwind = source.unwind
        if unwind.preserve or unwind.index_path is not None or not all(_takes_or_ignores(one, unwind.path) for one in read):
            return False
        takes = [0 if is_path(one, unwind.path) else EVALUATED if type(one) is not Constant else CONSTANT for one in read]
        documents = Checked(source.source, unwind.check)
        grouper.consume_elements(documents, unwind.unwinder, *_divided(takes, len(keys)), unwind.check)
        return True

    def _constants(self) -> tuple[int, ...] | None:
        """Return which accumulators' arguments are constants, or None if an accumulator does not take values or if none is constant."""
        if not self._takes_values():
            return None
        found = tuple([CONSTANT if type(one.expressions[0]) is Constant else EVALUATED for one in self.fields.values()])
        return found if CONSTANT in found else None

    def _takes_values(self) -> bool:
        """Return whether the kernel can pass values to the accumulators instead of documents."""
        return self.max_bytes is None and TAKES_VALUE.issuperset([accumulator.name for accumulator in self.fields.values()])

    def hand_over(self) -> None:
        """Enable the type conversion of results (see `handed_over`), because other stages follow."""
        self.hands_over = True

    def _handed_over(self, document: dict[str, Any]) -> dict[str, Any]:
        found = {"_id": handed_over(document["_id"], built=type(self.id) is ObjectNode)}
        for name, accumulator in self.fields.items():
            found[name] = handed_over(document[name], built=accumulator.name in BUILDING)
        return found

    def _grouper(self) -> Grouper:
        starts = [accumulator.start for accumulator in self.fields.values()]
        memory = None if self.max_bytes is None else GroupMemory(self.max_bytes)
        if type(self.id) is ObjectNode:
            grouper = Grouper(self.id.children(), self.id.names, starts, self.collation, memory)
        else:
            grouper = Grouper([self.id], None, starts, self.collation, memory)
        if self.spill is not None:
            names = [accumulator.name for accumulator in self.fields.values()]
            growing = tuple([position for position, name in enumerate(names) if name in _GROWING])
            replaces = not _MEASURED.issuperset(names)
            metadata = self.metadata if self.metadata is not None and self.metadata.wanted else None
            grouper.use_disk(self.spill.max_bytes, growing or None, replaces, partial(_make_saver, self.spill), metadata)
        return grouper


def _make_saver(spill: Spill) -> Any:
    return import_late("secantus_server.pipeline.stages.group_spill").Saver(spill)


def _takes_or_ignores(expression: Expression, path: str) -> bool:
    """Return whether an expression is the value at a path, or does not read the path's top-level field."""
    if is_path(expression, path):
        return True
    fields = read_fields(expression)
    return fields is not None and path.partition(".")[0] not in fields


def _position(expression: Expression, names: list[str]) -> int | None:
    """Return the position of the field that an expression is, `CONSTANT`, or None for another expression."""
    if type(expression) is Constant:
        return CONSTANT
    return next((position for position, name in enumerate(names) if is_path(expression, name)), None)


def _divided(takes: list[Any], keys: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the positions of the parts of the group key, and those of the accumulators' arguments."""
    return tuple(takes[:keys]), tuple(takes[keys:])


def check_output_name(name: str, ctx: ParseContext) -> None:
    """Raise if the name of an accumulator's field is not allowed.

    Raises:
        CommandError: 15998 for an empty name since MongoDB 9.0.
    """
    if not name and ctx.release.has(EMPTY_GROUP_FIELD):
        raise CommandError(15998, "FieldPath field names may not be empty strings.")


def _parse_id(spec: Any, ctx: ParseContext) -> Expression:
    if type(spec) is dict and not any(name.startswith("$") for name in spec):
        for value in spec.values():
            if is_number(value) or type(value) is bool:
                raise CommandError(17390, "$group does not support inclusion-style expressions")
    return parse_expression(spec, ctx)


def parse_accumulated_field(name: str, spec: Any, ctx: ParseContext) -> Accumulator:
    """Parse a field `name: {$accumulator: argument}` of `$group`, `$bucket` or `$bucketAuto`.

    Arguments:
        name: the name of the field.
        spec: the field's value.
        ctx: the parse context.

    Raises:
        CommandError: 40234 to 40238 for a malformed field, 15952 for an unknown accumulator, and the accumulator's own errors.
    """
    if "." in name:
        raise CommandError(40235, f"The field name '{name}' cannot contain '.'")
    if name.startswith("$"):
        raise CommandError(40236, f"The field name '{name}' cannot be an operator name")
    if type(spec) is not dict or not spec or not next(iter(spec)).startswith("$"):
        raise CommandError(40234, f"The field '{name}' must be an accumulator object")
    if len(spec) > 1:
        raise CommandError(40238, f"The field '{name}' must specify one accumulator")
    operator, argument = next(iter(spec.items()))
    try:
        return parse_accumulator(operator, argument, ctx)
    except CommandError as error:
        if error.code == UNKNOWN_ACCUMULATOR and type(argument) is list:
            raise CommandError(40237, f"The {operator} accumulator is a unary operator") from None
        raise
