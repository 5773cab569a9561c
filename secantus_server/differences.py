"""The registry of the answers that a later release of MongoDB changes: the source of docs/compatibility.md, and what the tests walk.

Code asks `release.has(DIFFERENCE)`. Operators that exist only from a version on are registered with `since=` instead, and a difference
names them here.
"""

from __future__ import annotations

from secantus_server.version import Difference

NOTES_8_3 = "https://www.mongodb.com/docs/manual/release-notes/8.3/"
CHANGES_8_3 = "https://www.mongodb.com/docs/manual/release-notes/8.3-compatibility/"
NOTES_9_0 = "https://www.mongodb.com/docs/manual/release-notes/9.0/"
CHANGES_9_0 = "https://www.mongodb.com/docs/manual/release-notes/9.0-compatibility/"

#: Every difference by its name.
DIFFERENCES: dict[str, Difference] = {}


def difference(name: str, since: str, area: str, before: str, after: str, source: str, note: str = "") -> Difference:
    """Register a difference; see `Difference` for the arguments."""
    assert name not in DIFFERENCES, f"{name} is registered twice"
    found = DIFFERENCES[name] = Difference(name, since, area, before, after, source, note)
    return found


SERVER = "The server"
QUERIES = "Queries"

VERSION = difference(
    "version",
    "9.0",
    SERVER,
    "buildInfo says 8.2.4, hello says maxWireVersion 27, the feature compatibility version is 8.2",
    "9.0.2, 29, 9.0",
    NOTES_9_0,
)
NULL_ON_DOTTED_PATHS = difference(
    "null_on_dotted_paths",
    "9.0",
    QUERIES,
    '`{"a.b": null}` does not match where `a` is an empty array, or an array without documents; `{"a.b": {$ne: null}}` does',
    "it matches there, and where the array contains a nested array; `$ne` is the opposite. The same holds for `$in`, `$nin`, `$gte`, "
    "`$lte` and the equality of `$lookup`",
    CHANGES_9_0,
    "An array of scalars and documents, and a path with the index of an element that exists, match as in 8.2.",
)
