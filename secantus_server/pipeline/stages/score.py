"""`$score`: computes a score for each document and stores it as metadata.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/score/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.fusion.scores import expression_text, normalized, of_one, parse_normalization, parse_weight, score_value
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

NAME = "$score"
DESCRIPTION = "the score calculated from multiplying a weight in the range [0,1] with either a normalized or nonnormalized value:"
FIELDS: dict[str, tuple[str, ...]] = {"score": (), "normalization": ("string",), "weight": (), "scoreDetails": ("bool",)}


@dataclass(frozen=True)
class Scoring:
    """The parsed argument of a `$score`.

    Arguments:
        expression: the expression that computes the score before normalization.
        text: the text of the expression in scoreDetails.
        normalization: the name of the normalization.
        weight: the factor by which the normalized score is multiplied.
        with_details: whether scoreDetails are computed for the documents.
    """

    expression: Expression
    text: str
    normalization: str
    weight: float
    with_details: bool

    def details(self, score: float, raw: Any) -> dict[str, Any]:
        """Return the scoreDetails of a document.

        Arguments:
            score: the document's score.
            raw: the value of the expression.
        """
        return {
            "value": score,
            "description": DESCRIPTION,
            "rawScore": raw,
            "normalization": self.normalization,
            "weight": self.weight,
            "expression": self.text,
            "details": [],
        }


@stage(NAME)
class Score(Stage):
    """A parsed `$score`.

    Arguments:
        scoring: the definition of the score.
        metadata: the metadata of the documents, or None.
    """

    stable_api = False
    in_view = False

    def __init__(self, scoring: Scoring, metadata: Metadata | None) -> None:
        super().__init__()
        self.scoring = scoring
        self.metadata = metadata

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Score:
        """Parse `{$score: {score, normalization, weight, scoreDetails}}`.

        Raises:
            CommandError: 2, 9, 14, 40414, 40415 for a malformed argument, and the errors of the expression.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"The {NAME} stage specification must be an object, found {type_name(spec)}")
        fields = named_fields(NAME, spec, FIELDS, ("score",))
        scoring = Scoring(
            parse_expression(fields["score"], ctx.parse),
            expression_text(fields["score"]),
            parse_normalization(f"{NAME}.normalization", fields.get("normalization", "none")),
            parse_weight(f"{NAME}.weight", fields["weight"], 1, 2) if "weight" in fields else 1.0,
            fields.get("scoreDetails", False),
        )
        metadata = ctx.parse.metadata
        if metadata is not None:
            metadata.available |= {"score", "scoreDetails"} if scoring.with_details else {"score"}
        return cls(scoring, metadata)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents in the same order, each with its score as metadata.

        Raises:
            CommandError: 14 for a score that is not a number.
        """
        if self.scoring.normalization == "minMaxScaler":
            return self._scaled(source)
        return self._one_by_one(source)

    def _one_by_one(self, source: Iterable[bytes]) -> Iterator[bytes]:
        normalize = of_one(self.scoring.normalization)
        for document in source:
            raw = self.scoring.expression.evaluate(document)
            self._set(normalize(score_value(NAME, raw)), raw, {} if self.metadata is None else self.metadata.values)
            yield document

    def _scaled(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the documents after scaling all scores by the lowest and the highest score (`minMaxScaler`)."""
        rows: list[tuple[bytes, Any, dict[str, Any]]] = []
        scores: list[float] = []
        for document in source:
            self.check()
            raw = self.scoring.expression.evaluate(document)
            scores.append(score_value(NAME, raw))
            rows.append((document, raw, {} if self.metadata is None else self.metadata.values))
        for (document, raw, values), score in zip(rows, normalized(scores, "minMaxScaler"), strict=True):
            self._set(score, raw, values)
            yield document

    def _set(self, normal: float, raw: Any, values: dict[str, Any]) -> None:
        if self.metadata is None:
            return
        score = self.scoring.weight * normal
        self.metadata.values = {**values, "score": score}
        if self.scoring.with_details:
            self.metadata.values["scoreDetails"] = self.scoring.details(score, raw)
