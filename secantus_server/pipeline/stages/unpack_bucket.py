"""`$_internalUnpackBucket`: returns the measurements in the buckets of a time-series collection.

The view on a time-series collection begins with this stage. MongoDB does not document it but shows it in explain and in `system.views`.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-bucketing/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from secantus_server.bson import is_number
from secantus_server.errors import CommandError
from secantus_server.exec._checked import CheckedRuns
from secantus_server.exec._unpack import Unpacker
from secantus_server.pipeline.arguments import truncated
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

_FLAGS = ("assumeNoMixedSchemaData", "usesExtendedRange", "fixedBuckets")


@stage("$_internalUnpackBucket", "$_unpackBucket")
class UnpackBucket(Stage):
    """A parsed `$_internalUnpackBucket`.

    Arguments:
        time_field: the name of the time field.
        meta_field: the name of the metadata field, or None.
        names: the fields to include or exclude.
        keeps: whether `names` lists the fields to include.
        ctx: the context of the pipeline.
    """

    makes_many = True
    stable_api = False

    def __init__(self, time_field: str, meta_field: str | None, names: list[str], keeps: bool, ctx: PipelineContext) -> None:
        super().__init__()
        self.time_field = time_field
        self.meta_field = meta_field
        self.ctx = ctx
        self.unpacker = Unpacker(time_field, meta_field, names, keeps)

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> UnpackBucket:
        """Parse `{$_internalUnpackBucket: {timeField, metaField, bucketMaxSpanSeconds, include, exclude}}`.

        Raises:
            CommandError: 5346500 to 5346510 for a malformed argument.
        """
        if type(spec) is not dict:
            raise CommandError(5346500, "$_internalUnpackBucket specification must be an object")
        for name, value in spec.items():
            _check_option(name, value)
        if "timeField" not in spec:
            raise CommandError(5346508, "The $_internalUnpackBucket stage requires a timeField parameter")
        if "bucketMaxSpanSeconds" not in spec:
            raise CommandError(5346510, "The $_internalUnpackBucket stage requires a bucketMaxSpanSeconds parameter")
        if "include" in spec and "exclude" in spec:
            raise CommandError(5408000, "The $_internalUnpackBucket stage expects at most one of include/exclude parameters")
        names: list[str] = spec["include"] if "include" in spec else spec.get("exclude", [])
        return cls(spec["timeField"], spec.get("metaField"), names, "include" in spec, ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the measurements of all buckets."""
        return chain.from_iterable(CheckedRuns(map(self.unpacker.unpack, source), self.check))


def _check_option(name: str, value: Any) -> None:
    if name in ("include", "exclude"):
        if type(value) is not list:
            raise CommandError(5346501, f"{name} field must be an array")
        for field in value:
            if type(field) is not str:
                raise CommandError(5346502, f"{name} field element must be a string")
            if "." in field or not field:
                raise CommandError(5346503, f"{name} field element must be a single-element field path")
    elif name in ("timeField", "metaField"):
        code = 5346504 if name == "timeField" else 5346505
        if type(value) is not str:
            raise CommandError(code, f"{name} field must be a string")
        if "." in value:
            raise CommandError(code, f"{name} field must be a single-element field path")
    elif name == "bucketMaxSpanSeconds":
        if not is_number(value) or truncated(value) <= 0:
            raise CommandError(5510600, "bucketMaxSpanSeconds field must be a positive integer")
    elif name in _FLAGS:
        if type(value) is not bool:
            raise CommandError(5346509, f"{name} field must be a bool")
    else:
        raise CommandError(5346506, f"unrecognized parameter to unpack stage: {name}")
