"""`$rankFusion`: combines the rankings of several pipelines by reciprocal rank fusion.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/rankFusion/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.fusion.inputs import SELECTING, Input, Row, Rules, parse_combination, parse_inputs
from secantus_server.pipeline.fusion.results import Fused, input_details
from secantus_server.pipeline.fusion.stage import FusionStage
from secantus_server.pipeline.registry import stage

NAME = "$rankFusion"
# MongoDB's constant. The greater the constant, the smaller the advantage of the first ranks.
SENSITIVITY = 60
DESCRIPTION = (
    "value output by reciprocal rank fusion algorithm, computed as sum of weight * (1 / (60 + rank)) across input pipelines from which "
    "this document is output, from:"
)
RULES = Rules(NAME, SELECTING, "ranked", not_selecting=9191103, not_of_kind=9191100, empty=9834300)

# A document's rank in a pipeline, and the row that the pipeline returned for it.
Ranked = tuple[int, Row]


@stage(NAME)
class RankFusion(FusionStage):
    """A parsed `$rankFusion`, which combines ranks. See `FusionStage` for the arguments."""

    misplaced = (10170100, f"{NAME} must be the first stage of the pipeline")

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> RankFusion:
        """Parse `{$rankFusion: {input: {pipelines}, combination: {weights}, scoreDetails}}`.

        Raises:
            CommandError: 9, 14, 40414, 40415 for a malformed argument, and the errors of `parse_inputs`.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"The {NAME} stage specification must be an object, found {type_name(spec)}")
        known = {"input": ("object",), "combination": ("object",), "scoreDetails": ("bool",)}
        fields = named_fields(NAME, spec, known, ("input",))
        given = named_fields(f"{NAME}.input", fields["input"], {"pipelines": ("object",)}, ("pipelines",))
        combination = fields.get("combination")
        weights = parse_combination(NAME, combination, {})["weights"]
        if combination is not None and combination.get("weights") is None:
            raise CommandError(40414, f"BSON field '{NAME}.combination.weights' is missing but a required field")
        inputs = parse_inputs(RULES, given["pipelines"], weights, ctx)
        return cls(inputs, ctx, fields.get("scoreDetails", False))

    def fused(self) -> list[Fused]:
        """Run the input pipelines and return their documents with the combined scores. See `FusionStage.fused` for the errors."""
        ranks = [self._ranked(one) for one in self.inputs]
        ids = dict.fromkeys(id_ for ranked in ranks for id_ in ranked)
        return [self._fuse(id_, ranks) for id_ in ids]

    def _ranked(self, one: Input) -> dict[bytes, Ranked]:
        """Run an input pipeline and return its documents with their ranks, keyed by `_id`.

        Documents with equal order keys have the rank of the first of them.
        """
        found: dict[bytes, Ranked] = {}
        rank, last = 0, None
        for index, row in enumerate(one.rows()):
            self.check()
            if row.order != last:
                rank, last = index + 1, row.order
            found.setdefault(row.id, (rank, row))
        return found

    def _fuse(self, id_: bytes, ranks: list[dict[bytes, Ranked]]) -> Fused:
        places = [ranked.get(id_) for ranked in ranks]
        terms = [one.weight * (1 / (SENSITIVITY + place[0])) for one, place in zip(self.inputs, places, strict=True) if place]
        score = float(sum(terms))
        details = {"value": score, "description": DESCRIPTION, "details": self._details(places)} if self.with_details else None
        return Fused(id_, next(place[1].document for place in places if place), score, details)

    def _details(self, places: list[Ranked | None]) -> list[dict[str, Any]]:
        found = []
        for one, place in zip(self.inputs, places, strict=True):
            if place is None:
                found.append({"inputPipelineName": one.name, "rank": "NA"})
            else:
                found.append(input_details(one.name, {"rank": place[0], "weight": one.weight}, place[1].score, place[1].details))
        return found
