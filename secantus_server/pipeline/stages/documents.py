"""`$documents`: returns documents that the pipeline itself defines.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/documents/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage

EMPTY_DOCUMENT = encode({})


@stage("$documents")
class Documents(Stage):
    """A parsed `$documents`: an expression that returns an array of documents."""

    position = Position.FIRST
    collectionless = True
    in_facet = False
    makes_many = True

    def __init__(self, expression: Expression) -> None:
        super().__init__()
        self.expression = expression

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Documents:
        """Parse `{$documents: expression}`.

        Raises:
            CommandError: 5858203 for a constant that is not an array, and the expression's errors.
        """
        expression = parse_expression(spec, ctx.parse)
        if expression.is_constant:
            _check_array(expression.evaluate(EMPTY_DOCUMENT))
        return cls(expression)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Evaluate the expression and yield the documents.

        Raises:
            CommandError: 5858203 if the expression does not return an array, 40228 for an element that is not a document.
        """
        for value in _check_array(self.expression.evaluate(EMPTY_DOCUMENT)):
            if type(value) is not dict:
                raise CommandError(
                    40228, f"'newRoot' expression must evaluate to an object, but resulting value was of type: '{type_name(value)}'"
                )
            yield encode(value)


def _check_array(value: Any) -> list[Any]:
    if type(value) is not list:
        raise CommandError(5858203, "an array is expected")
    return value
