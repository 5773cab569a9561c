"""`$redact`: removes subdocuments according to an expression that is evaluated at each level of a document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/redact/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import decode_stored, encode
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.value_text import value_text
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

KEEP, PRUNE, DESCEND = "keep", "prune", "descend"


@stage("$redact")
class Redact(Stage):
    """A parsed `$redact`.

    Arguments:
        expression: returns KEEP, PRUNE or DESCEND. It is evaluated at each level, with paths relative to that level.
        root: the variable `$$ROOT`, which is bound to the whole document.
    """

    def __init__(self, expression: Expression, root: Cell) -> None:
        super().__init__()
        self.expression = expression
        self.root = root

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Redact:
        """Parse `{$redact: expression}`.

        Raises:
            CommandError: the expression's errors.
        """
        root = Cell()
        scope = ctx.parse.child(ROOT=root, KEEP=Cell(KEEP), PRUNE=Cell(PRUNE), DESCEND=Cell(DESCEND))
        return cls(parse_expression(spec, scope), root)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the redacted documents.

        Raises:
            CommandError: 17053 if the expression does not return KEEP, PRUNE or DESCEND.
        """
        for document in source:
            fields = decode_stored(document)
            self.root.value = fields
            kept = self._level(fields, document)
            if kept is not MISSING:
                yield document if kept is fields else encode(kept)

    def _level(self, fields: dict[str, Any], document: bytes) -> Any:
        """Return the redacted form of a document or subdocument, or MISSING if it is pruned."""
        verdict = self.expression.evaluate(document)
        if verdict == KEEP:
            return fields
        if verdict == PRUNE:
            return MISSING
        if verdict != DESCEND:
            raise CommandError(
                17053,
                "$redact's expression should not return anything aside from the variables $$KEEP, $$DESCEND, and $$PRUNE, "
                f"but returned {value_text(verdict)}",
            )
        found = {name: self._value(value) for name, value in fields.items()}
        return {name: value for name, value in found.items() if value is not MISSING}

    def _value(self, value: Any) -> Any:
        if type(value) is dict:
            return self._level(value, encode(value))
        if type(value) is list:
            return [kept for kept in map(self._value, value) if kept is not MISSING]
        return value
