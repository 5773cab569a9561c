"""The types of values that `$group` hands over to the rest of the pipeline.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-optimization/#slot-based-query-execution-engine-pipeline-optimizations

MongoDB runs a leading `$group` in its query engine. If other stages follow, its results pass from the engine to these, and lose some
types: MinKey and MaxKey become documents with an empty field name, code without a scope a string. Documents and arrays that were
stored pass unchanged; only those that the group itself builds are affected inside.
"""

from __future__ import annotations

from typing import Any

from bson import MaxKey, MinKey

from secantus_server.bson.values import JavaScript

# The accumulators that build an array of values.
BUILDING = frozenset(["$push", "$addToSet", "$firstN", "$lastN", "$minN", "$maxN"])


def handed_over(value: Any, *, built: bool = False) -> Any:
    """Return a value in the form in which it reaches the stages after the group.

    Arguments:
        value: a group key, or an accumulator's result.
        built: the group built this document or array, so its items change too.
    """
    kind = type(value)
    if kind is MinKey or kind is MaxKey:
        return {"": value}
    if kind is JavaScript and value.scope is None:
        return value.code
    if built and kind is list:
        return [handed_over(item) for item in value]
    if built and kind is dict:
        return {name: handed_over(item) for name, item in value.items()}
    return value
