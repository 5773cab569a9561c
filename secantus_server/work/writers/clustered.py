"""The writer of a clustered collection.

https://www.mongodb.com/docs/manual/core/clustered-collections/
"""

from __future__ import annotations

from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.work.special_collections import check_printable
from secantus_server.work.writers.plain import PlainWriter


class ClusteredWriter(PlainWriter):
    """Implements `Writer`."""

    def _duplicate(self, error: DuplicateKey) -> CommandError:
        try:
            check_printable(error.values)
        except CommandError as refusal:
            return refusal
        return super()._duplicate(error)
