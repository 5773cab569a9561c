"""The expression `$mergeObjects`, which merges documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/mergeObjects/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.value_text import value_text


@operator("$mergeObjects", arguments=(0, None))
def merge_objects(*values: Any) -> dict[str, Any]:
    """Merge documents into one. If several documents have a field, the last value is used. If the only argument is an array, merge its
    items.

    Raises:
        CommandError: 40400 for a value that is neither a document nor null.
    """
    if len(values) == 1 and type(values[0]) is list:
        values = tuple(values[0])
    merged: dict[str, Any] = {}
    for value in values:
        merge_into(merged, value)
    return merged


def merge_into(merged: dict[str, Any], value: Any) -> None:
    """Add the fields of the document `value` to the document `merged`. If `value` is null, do nothing.

    Raises:
        CommandError: 40400 for any other value.
    """
    if type(value) is dict:
        merged.update(value)
    elif not is_nullish(value):
        raise CommandError(40400, f"$mergeObjects requires object inputs, but input {value_text(value)} is of type {type_name(value)}")
