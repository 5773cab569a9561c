"""`$fill`: replaces null and missing fields.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/fill/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import check_path, named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.add_fields import AddFields
from secantus_server.pipeline.stages.set_window_fields import SetWindowFields

FIELDS: dict[str, tuple[str, ...]] = {
    "partitionBy": ("object", "string"),
    "partitionByFields": ("array",),
    "sortBy": ("object",),
    "output": ("object",),
}
METHODS = {"linear": "$linearFill", "locf": "$locf"}


@stage("$fill")
class Fill(Stage):
    """A parsed `$fill`. A `$setWindowFields` runs its methods, and an `$addFields` then sets its constant values."""

    makes_many = True

    def __init__(self, steps: list[Stage]) -> None:
        super().__init__()
        self.steps = steps

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Fill:
        """Parse `{$fill: {partitionBy, partitionByFields, sortBy, output}}`.

        Raises:
            CommandError: 9, 14, 40414, 40415 and 6050200 to 6050204 for a malformed argument, and the errors of expressions.
        """
        if type(spec) is not dict:
            raise CommandError(6050200, f"The argument to $fill must be an object, but found {type_name(spec)}.")
        fields = named_fields("$fill", spec, FIELDS, ("output",))
        windows: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for path, how in fields["output"].items():
            check_path(path)
            _sort_out(path, how, windows, values)
        partition = _partition_spec(fields)
        steps: list[Stage] = []
        if windows:
            order = {"sortBy": fields["sortBy"]} if "sortBy" in fields else {}
            steps.append(SetWindowFields.parse({"output": windows, **partition, **order}, ctx))
        if values:
            steps.append(AddFields.parse(values, ctx))
        return cls(steps)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents with null and missing fields filled."""
        for step in self.steps:
            source = step.run(source)
        return iter(source)


def _sort_out(path: str, how: Any, windows: dict[str, Any], values: dict[str, Any]) -> None:
    """Add an output field to `windows` if it uses a method, or to `values` if it uses a value."""
    if type(how) is not dict or len(how) != 1:
        raise CommandError(6050202, "The output of $fill must specify exactly one of 'method' or 'value' for each field")
    if "value" in how:
        values[path] = {"$ifNull": [f"${path}", how["value"]]}
    elif how.get("method") in METHODS:
        windows[path] = {METHODS[how["method"]]: f"${path}"}
    elif "method" in how:
        raise CommandError(6050202, f"Method must be either 'locf' or 'linear', but found: {how['method']}")
    else:
        raise CommandError(40415, f"BSON field '$fill.output.{path}.{next(iter(how))}' is an unknown field.")


def _partition_spec(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the `partitionBy` of the equivalent `$setWindowFields`. It is checked even if only constant values are filled in."""
    if "partitionBy" in fields and "partitionByFields" in fields:
        raise CommandError(6050204, "Maximum one of 'partitionBy' and 'partitionByFields' can be specified in '$fill'")
    if "partitionByFields" in fields:
        return {"partitionBy": _partition(fields["partitionByFields"])}
    return {"partitionBy": fields["partitionBy"]} if "partitionBy" in fields else {}


def _partition(paths: list[Any]) -> dict[str, Any]:
    """Return the `partitionBy` expression that is equivalent to a list of fields."""
    found = {}
    for number, path in enumerate(paths):
        if type(path) is not str:
            raise CommandError(14, f"BSON field '$fill.partitionByFields' is the wrong type '{type_name(path)}', expected type 'string'")
        if path.startswith("$"):
            raise CommandError(6050203, "Each field in 'partitionByFields' must not begin with '$'.")
        check_path(path)
        found[f"p{number}"] = f"${path}"
    return found
