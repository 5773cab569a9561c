"""`$replaceRoot` and `$replaceWith`: replace each document with the result of an expression.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/replaceRoot/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.value_text import value_text
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$replaceRoot")
class ReplaceRoot(Stage):
    """A parsed `$replaceRoot`: the expression that computes the new document."""

    one_to_one = True

    def __init__(self, expression: Expression) -> None:
        super().__init__()
        self.expression = expression

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ReplaceRoot:
        """Parse `{$replaceRoot: {newRoot: expression}}`.

        Raises:
            CommandError: 40229 if the argument is not a document, 40414 and 40415 for invalid fields, and the expression's errors.
        """
        if type(spec) is not dict:
            raise CommandError(40229, f"expected an object as specification for $replaceRoot stage, got {type_name(spec)}")
        named_fields("$replaceRoot", spec, {"newRoot": ()}, ("newRoot",))
        return cls(parse_expression(spec["newRoot"], ctx.parse))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the new documents.

        Raises:
            CommandError: 40228 if the expression does not return a document.
        """
        evaluate = self.expression.evaluate
        for document in source:
            root = evaluate(document)
            if type(root) is not dict:
                raise CommandError(40228, _complaint(root))
            yield encode(root)


@stage("$replaceWith")
class ReplaceWith(ReplaceRoot):
    """A parsed `$replaceWith`, the short form of `$replaceRoot`."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ReplaceWith:
        """Parse `{$replaceWith: expression}`.

        Raises:
            CommandError: the expression's errors.
        """
        return cls(parse_expression(spec, ctx.parse))


def _complaint(root: Any) -> str:
    return (
        f"'replacement document' must evaluate to an object, but resulting value was: {value_text(root)}. "
        f"Type of resulting value: '{type_name(root)}'."
    )
