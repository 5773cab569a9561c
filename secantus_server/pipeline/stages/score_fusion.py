"""`$scoreFusion`: combines the scores of several pipelines.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/scoreFusion/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.fusion.inputs import SCORE_STAGES, SELECTING, Input, Row, Rules, parse_combination, parse_inputs
from secantus_server.pipeline.fusion.results import Fused, input_details
from secantus_server.pipeline.fusion.scores import expression_text, normalized, parse_normalization, score_value
from secantus_server.pipeline.fusion.stage import FusionStage
from secantus_server.pipeline.registry import stage

NAME = "$scoreFusion"
DESCRIPTION = (
    "the value calculated by combining the scores (either normalized or raw) across input pipelines from which this document is "
    "output from:"
)
RULES = Rules(NAME, SELECTING | SCORE_STAGES, "scored", not_selecting=9402502, not_of_kind=9402500, empty=9402503)
METHODS = ("avg", "expression")
_NO_DOCUMENT = encode({})


@dataclass(frozen=True)
class Combination:
    """The method that combines the scores of the input pipelines.

    Arguments:
        expression: computes the score from the variables in `cells`; None for the average.
        text: the text of the expression in scoreDetails.
        cells: the variables for the pipelines' scores, in the order of the pipelines.
    """

    expression: Expression | None
    text: str
    cells: list[Cell]

    def score(self, scores: list[float]) -> float:
        """Return the combined score of a document.

        Arguments:
            scores: the weighted, normalized score from each pipeline.

        Raises:
            CommandError: 14 if the expression does not return a number, and the errors of the expression.
        """
        if self.expression is None:
            return sum(scores) / len(scores)
        for cell, score in zip(self.cells, scores, strict=True):
            cell.value = score
        return score_value(f"{NAME}.combination.expression", self.expression.evaluate(_NO_DOCUMENT))

    def shown(self) -> dict[str, Any]:
        """Return the description of the combination for scoreDetails."""
        return {"method": "average"} if self.expression is None else {"method": "custom expression", "expression": self.text}


@dataclass(frozen=True)
class Scored:
    """A document from an input pipeline, with its score after normalization and weighting."""

    row: Row
    value: float


@stage(NAME)
class ScoreFusion(FusionStage):
    """A parsed `$scoreFusion`, which combines scores. See `FusionStage` for the other arguments.

    Arguments:
        normalization: the normalization of each pipeline's scores.
        combination: the method that combines the scores.
    """

    misplaced = (10170100, f"{NAME} must be the first stage of the pipeline")

    def __init__(self, inputs: list[Input], ctx: PipelineContext, normalization: str, combination: Combination, with_details: bool) -> None:
        super().__init__(inputs, ctx, with_details)
        self.normalization = normalization
        self.combination = combination

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ScoreFusion:
        """Parse `{$scoreFusion: {input: {pipelines, normalization}, combination: {weights, method, expression}, scoreDetails}}`.

        Raises:
            CommandError: 2, 9, 14, 40414, 40415 for a malformed argument, and the errors of `parse_inputs` and of the expression.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"The {NAME} stage specification must be an object, found {type_name(spec)}")
        known = {"input": ("object",), "combination": ("object",), "scoreDetails": ("bool",)}
        fields = named_fields(NAME, spec, known, ("input",))
        parts = {"pipelines": ("object",), "normalization": ("string",)}
        given = named_fields(f"{NAME}.input", fields["input"], parts, ("pipelines", "normalization"))
        normalization = parse_normalization(f"{NAME}.input.normalization", given["normalization"])
        combination = parse_combination(NAME, fields.get("combination"), {"method": ("string",), "expression": ()})
        _check_combination(combination)
        inputs = parse_inputs(RULES, given["pipelines"], combination["weights"], ctx)
        return cls(inputs, ctx, normalization, _combination(combination, inputs, ctx), fields.get("scoreDetails", False))

    def fused(self) -> list[Fused]:
        """Run the input pipelines and return their documents with the combined scores. See `FusionStage.fused` for the errors."""
        scores = [self._scored(one) for one in self.inputs]
        ids = dict.fromkeys(id_ for scored in scores for id_ in scored)
        return [self._fuse(id_, scores) for id_ in ids]

    def _scored(self, one: Input) -> dict[bytes, Scored]:
        rows = []
        for row in one.rows():
            self.check()
            rows.append(row)
        values = normalized([0.0 if row.score is None else row.score for row in rows], self.normalization)
        return {row.id: Scored(row, one.weight * value) for row, value in zip(rows, values, strict=True)}

    def _fuse(self, id_: bytes, scores: list[dict[bytes, Scored]]) -> Fused:
        found = [scored.get(id_) for scored in scores]
        score = self.combination.score([0.0 if one is None else one.value for one in found])
        details = self._details(score, found) if self.with_details else None
        return Fused(id_, next(one.row.document for one in found if one), score, details)

    def _details(self, score: float, found: list[Scored | None]) -> dict[str, Any]:
        shown = []
        for one, scored in zip(self.inputs, found, strict=True):
            raw = 0.0 if scored is None or scored.row.score is None else scored.row.score
            own = {"inputPipelineRawScore": raw, "weight": one.weight}
            shown.append(
                input_details(one.name, own, 0.0 if scored is None else scored.value, None if scored is None else scored.row.details)
            )
        return {
            "value": score,
            "description": DESCRIPTION,
            "normalization": self.normalization,
            "combination": self.combination.shown(),
            "details": shown,
        }


def _check_combination(fields: dict[str, Any]) -> None:
    method = fields.get("method", "avg")
    if method not in METHODS:
        raise CommandError(2, f"Enumeration value '{method}' for field '{NAME}.combination.method' is not a valid value.")
    if method == "expression" and "expression" not in fields:
        raise CommandError(10017300, f"{NAME}.combination.method is 'expression', so combination.expression is required")
    if method != "expression" and "expression" in fields:
        raise CommandError(10017301, f"{NAME}.combination.expression requires combination.method: 'expression'")
    if method == "expression" and fields["weights"]:
        raise CommandError(9, f"{NAME}.combination.expression and combination.weights exclude each other")


def _combination(fields: dict[str, Any], inputs: list[Input], ctx: PipelineContext) -> Combination:
    if fields.get("method", "avg") == "avg":
        return Combination(None, "", [])
    cells = {one.name: Cell() for one in inputs}
    expression = parse_expression(fields["expression"], ctx.parse.child(**cells))
    return Combination(expression, expression_text(fields["expression"]), list(cells.values()))
