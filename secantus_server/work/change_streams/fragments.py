"""Division of a large change event into fragments that do not exceed the size limit of a document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStreamSplitLargeEvent/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.bson.sizes import MAX_RESULT_BYTES, too_large
from secantus_server.oplog._read import fields_of
from secantus_server.oplog.resume_tokens import Token, fragment_identity

# Bytes reserved for the fields that are added to each fragment, which are `_id` with the token and `splitEvent`.
_HEAD_BYTES = 512


def fragments_of(event: bytes, token: Token) -> list[tuple[bytes, Token]]:
    """Return the fragments of an event with their resume tokens. Top-level fields are not split, and small fields come first.

    Raises:
        CommandError: 10334 BSONObjectTooLarge if a single field exceeds the size limit.
    """
    fields = fields_of(event)
    del fields["_id"]
    sizes = {name: len(encode({name: value})) for name, value in fields.items()}
    limit = MAX_RESULT_BYTES - _HEAD_BYTES - len(token.text())
    groups: list[dict[str, Any]] = [{}]
    room = limit
    for name in sorted(sizes, key=sizes.__getitem__):
        if sizes[name] > limit:
            raise too_large(len(event))
        if sizes[name] > room:
            groups.append({})
            room = limit
        room -= sizes[name]
        groups[-1][name] = fields[name]
    found = []
    for place, group in enumerate(groups):
        own = token._replace(rest=fragment_identity(token.rest, place))
        head = {"_id": {"_data": own.text()}, "splitEvent": {"fragment": place + 1, "of": len(groups)}}
        found.append((encode({**head, **group}), own))
    return found
