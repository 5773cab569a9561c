"""The output of `$rankFusion` and `$scoreFusion`: distinct documents in descending order of score, with score and scoreDetails as
metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.mql.metadata import Metadata


@dataclass(frozen=True)
class Fused:
    """A document in the output of a fusion stage.

    Arguments:
        id: the key of the document's `_id`.
        document: the document.
        score: the document's score.
        details: the document's scoreDetails, or None if they were not requested.
    """

    id: bytes
    document: bytes
    score: float
    details: dict[str, Any] | None


def in_order(fused: list[Fused], metadata: Metadata | None) -> Iterator[bytes]:
    """Yield the documents by descending score, then by `_id`. Set the metadata of each document before yielding it."""
    fused.sort(key=lambda item: (-item.score, item.id))
    for item in fused:
        if metadata is not None:
            metadata.values = {"score": item.score}
            if item.details is not None:
                metadata.values["scoreDetails"] = item.details
        yield item.document


def input_details(name: str, own: dict[str, Any], score: float | None, details: dict[str, Any] | None) -> dict[str, Any]:
    """Return the part of scoreDetails that describes one input pipeline.

    Arguments:
        name: the name of the pipeline.
        own: the fields that the fusion stage adds.
        score: the document's score in the pipeline, or None.
        details: the document's scoreDetails in the pipeline, or None.
    """
    found: dict[str, Any] = {"inputPipelineName": name, **own}
    if score is not None:
        found["value"] = score
    if details is not None and "description" in details:
        found["description"] = details["description"]
    found["details"] = (details or {}).get("details", [])
    return found
