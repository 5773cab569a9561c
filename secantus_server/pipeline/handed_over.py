"""Type conversions of a leading `$group`'s results before they reach the next stage.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-optimization/#slot-based-query-execution-engine-pipeline-optimizations

MongoDB runs a leading `$group` in its query engine and passes the results on to the other stages. Some values thereby lose their type:
MinKey and MaxKey become documents with an empty field name, and code without a scope becomes a string. Nested values are converted only
in documents and arrays that the group itself builds. Stored documents and arrays pass unchanged.
"""

from __future__ import annotations

from typing import Any

from bson import MaxKey, MinKey

from secantus_server.bson.values import JavaScript

# The accumulators that build an array of values.
BUILDING = frozenset(["$push", "$addToSet", "$firstN", "$lastN", "$minN", "$maxN"])


def handed_over(value: Any, *, built: bool = False) -> Any:
    """Return a group key or an accumulator's result in the form that the stage after the `$group` receives.

    Arguments:
        value: a group key or an accumulator's result.
        built: whether the group itself built this document or array. If so, the items are converted too.
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
