"""`$changeStreamSplitLargeEvent`: splits change stream events of more than 16 MB into fragments.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStreamSplitLargeEvent/

This module only parses the stage. The change stream cursor splits the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$changeStreamSplitLargeEvent")
class SplitLargeEvent(Stage):
    """A parsed `$changeStreamSplitLargeEvent`, which requests that events too large for one document be split."""

    position = Position.LAST
    in_facet = False
    in_lookup = False
    in_union = False
    needs_change_stream = True

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> SplitLargeEvent:
        """Parse `{$changeStreamSplitLargeEvent: {}}`.

        Raises:
            CommandError: 7182800 if the argument is not an empty document.
        """
        if type(spec) is not dict or spec:
            found = type_name(spec) if type(spec) is not dict else "a document with fields"
            raise CommandError(7182800, f"$changeStreamSplitLargeEvent spec should be an empty object, not {found}")
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the events unchanged. The cursor splits them, because only the cursor knows their resume tokens."""
        return iter(source)
