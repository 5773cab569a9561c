"""The parser of `find` projections and `$project` stages, which have a similar syntax.

https://www.mongodb.com/docs/manual/tutorial/project-fields-from-query-results/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/project/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson import is_number
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_element
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions.registry import find_operator
from secantus_server.mql.match import MatchExpression, parse_match
from secantus_server.mql.projection._apply import Drop, Evaluated, Keep
from secantus_server.mql.projection.elem_match import parse_elem_match
from secantus_server.mql.projection.paths import PathTree, check_path
from secantus_server.mql.projection.projections import PositionalProjection, Projection
from secantus_server.mql.projection.query import contains_expr
from secantus_server.mql.projection.slice import parse_slice, slice_error
from secantus_server.version import Release


def parse_projection(
    spec: dict[str, Any],
    ctx: ParseContext,
    *,
    match: MatchExpression | None = None,
    for_find: bool = True,
    stage: str = "$project",
) -> Projection:
    """Parse a projection.

    Arguments:
        spec: the projection document, which maps fields to 1, 0, an expression, ...
        ctx: the context, with variables and collation.
        match: the filter of the find, for the positional `$`; None if the filter has no conditions.
        for_find: True for the projection of a find, in which `$slice`, `$elemMatch` and the positional `$` are projection operators.
        stage: the name of the aggregation stage, for error messages.

    Raises:
        CommandError: any error that MongoDB reports before it reads a document.
    """
    if for_find:
        return _Parser(ctx, match, for_find=True).parse(spec)
    try:
        if not spec:
            raise CommandError(51272, "projection specification must have at least one field")
        return _Parser(ctx, None, for_find=False).parse(spec)
    except CommandError as error:
        raise error.with_message(f"Invalid {stage} :: caused by :: {error.message}") from None


class _Parser:
    """The parser of one projection. `includes` is None until a field determines whether the projection is an inclusion or an exclusion."""

    def __init__(self, ctx: ParseContext, match: MatchExpression | None, *, for_find: bool) -> None:
        self.ctx = ctx
        self.match = match
        self.for_find = for_find
        self.tree = PathTree()
        self.includes: bool | None = None
        self.keeps_id: bool | None = None
        self.positional: str | None = None
        self.has_elem_match = False
        self.has_computed = False

    def parse(self, spec: dict[str, Any]) -> Projection:
        for name, value in spec.items():
            self._parse_field(name, value)
        return self._finish()

    def _parse_field(self, path: str, value: Any) -> None:
        if path.endswith(".$"):
            self._parse_positional(path, value)
            return
        if self.for_find and ".$." in path:
            raise CommandError(31394, _MIDDLE_OF_PATH)
        check_path(path)
        if type(value) is dict:
            self._parse_document(path, value)
        elif type(value) is bool or is_number(value):
            self._parse_flag(path, value)
        else:
            self._check_computed(31310, path, value)
            self._compute(path, value)

    def _parse_flag(self, path: str, value: Any) -> None:
        """Parse a number or boolean, which includes or excludes a field."""
        wanted = _truth(value)
        if path == "_id":
            self.keeps_id = wanted
        elif self.includes is None:
            self.includes = wanted
        elif self.includes and not wanted:
            raise CommandError(31254, f"Cannot do exclusion on field {path} in inclusion projection")
        elif wanted and not self.includes:
            raise CommandError(31253, f"Cannot do inclusion on field {path} in exclusion projection")
        self.tree.add(path, Keep() if wanted else Drop())

    def _parse_document(self, path: str, value: dict[str, Any]) -> None:
        if not value:
            raise CommandError(51270, "An empty sub-projection is not a valid value. Found empty object at path")
        name = next(iter(value))
        if len(value) > 1 or not name.startswith("$"):
            for name, below in value.items():
                self._parse_field(f"{path}.{name}", below)
        elif self.for_find and name == "$slice":
            self._parse_slice(path, value)
        elif self.for_find and name == "$elemMatch":
            self._parse_elem_match(path, value["$elemMatch"])
        elif name == "$meta":
            self.tree.add(path, Evaluated(parse_expression(value, self.ctx)))
            self.has_computed = True
        else:
            self._check_computed(31252, path, value)
            self._compute(path, value)

    def _check_computed(self, code: int, path: str, value: Any) -> None:
        """Mark the projection as an inclusion, because it has a computed field. Raise an error if it is already an exclusion.

        Arguments:
            code: the code of the error.
            path, value: the computed field.
        """
        if self.includes is False:
            raise CommandError(
                code,
                "Cannot use expression other than $meta in exclusion projection"
                if code == 31252
                else f"Cannot use an expression {describe_element(path, value)} in an exclusion projection",
            )
        self.includes = True

    def _compute(self, path: str, value: Any) -> None:
        if type(value) is dict:
            _check_operator(next(iter(value)), self.ctx.release)
        self.tree.add(path, Evaluated(parse_expression(value, self.ctx)))
        self.has_computed = True

    def _parse_slice(self, path: str, value: dict[str, Any]) -> None:
        """Parse `$slice` as find's projection operator. If its argument does not have the required form, parse it as an expression."""
        try:
            self.tree.add(path, parse_slice(value["$slice"]))
        except CommandError as error:
            try:
                self._compute(path, value)
            except CommandError as other:
                raise slice_error(value, error, other) from None
            self._check_computed(31252, path, value)

    def _parse_elem_match(self, path: str, argument: Any) -> None:
        if self.positional is not None:
            raise CommandError(31255, "Cannot specify positional operator and $elemMatch.")
        self.tree.add(path, parse_elem_match(path, argument, self.ctx))
        self.has_elem_match = self.has_computed = True

    def _parse_positional(self, path: str, value: Any) -> None:
        if not self.for_find:
            raise CommandError(31324, "Cannot use positional projection in aggregation projection")
        path = path[:-2]
        if path == "$" or ".$" in path:
            raise CommandError(31394, _MIDDLE_OF_PATH)
        check_path(path)
        self._check_positional_value(value)
        if self.positional is not None:
            raise CommandError(31276, "Cannot specify more than one positional projection per query.")
        if self.has_elem_match:
            raise CommandError(31256, "Cannot specify positional operator and $elemMatch.")
        if self.includes is False:
            raise CommandError(31395, "positional projection cannot be used with exclusion")
        self.includes = True
        self.positional = path
        self.tree.add(path, Keep())

    def _check_positional_value(self, value: Any) -> None:
        if type(value) is dict:
            raise CommandError(31271, "positional projection cannot be used with an expression or sub object")
        if type(value) is not bool and not is_number(value):
            raise CommandError(31308, "positional projection cannot be used with a literal")
        if not _truth(value):
            raise CommandError(31395, "positional projection cannot be used with exclusion")

    def _finish(self) -> Projection:
        includes = self.includes
        if includes is None:
            # If a projection has only fields with metadata, a find keeps all other fields, but a pipeline drops them.
            includes = self.has_elem_match or self.keeps_id is True or (self.has_computed and not self.for_find)
        if includes and "_id" not in self.tree.children:
            self.tree.children = {"_id": Keep(), **self.tree.children}
        root = self.tree.build(keeps_others=not includes)
        if self.positional is None:
            return Projection(root, self._required_fields(includes))
        # A find without conditions has no match expression. An empty filter, which matches no array element, takes its place for the
        # positional `$`.
        match = parse_match({}, self.ctx) if self.match is None else self.match
        if contains_expr(match):
            raise CommandError(224, "$expr is not allowed in this context")
        return PositionalProjection(root, self.positional, match)

    def _required_fields(self, includes: bool) -> frozenset[str] | None:
        if not includes or self.has_computed:
            return None
        return frozenset(path for path, node in self.tree.leaves() if not isinstance(node, Drop))


def _check_operator(name: str, release: Release) -> None:
    """Raise the error of projections for an unknown operator, unless the operator exists. `$elemMatch` counts as existing here."""
    if name == "$elemMatch":
        return
    try:
        find_operator(name, release)
    except CommandError as error:
        raise CommandError(31325, f"Unknown expression {name}") if error.code == 168 else error from None


def _truth(value: Any) -> bool:
    if type(value) is Decimal128:
        return not value.to_decimal().is_zero()
    return bool(value)


_MIDDLE_OF_PATH = (
    "As of 4.4, it's illegal to specify positional operator in the middle of a path."
    "Positional projection may only be used at the end, for example: a.b.$. If the query previously used a form like a.b.$.d, "
    "remove the parts following the '$' and the results will be equivalent."
)
