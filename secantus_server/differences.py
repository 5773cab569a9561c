"""The registry of the differences between MongoDB 8.2 and the later releases that the server can emulate.

docs/compatibility.md is generated from the registry, and tests iterate over it. Code calls `release.has(DIFFERENCE)` to choose the
behavior. The exception is an operator that a later version added. It is registered with `since=`, and its difference is only a
description.
"""

from __future__ import annotations

from secantus_server.records import NamedTuple
from secantus_server.version import Difference

NOTES_8_3 = "https://www.mongodb.com/docs/manual/release-notes/8.3/"
CHANGES_8_3 = "https://www.mongodb.com/docs/manual/release-notes/8.3-compatibility/"
OPERATORS = "https://www.mongodb.com/docs/manual/reference/operator/aggregation/"
NOTES_9_0 = "https://www.mongodb.com/docs/manual/release-notes/9.0/"
CHANGES_9_0 = "https://www.mongodb.com/docs/manual/release-notes/9.0-compatibility/"


class Missing(NamedTuple):
    """A change in a later MongoDB release that is visible on a single node but is not implemented in this server."""

    since: str
    what: str
    instead: str
    source: str


#: All differences by name.
DIFFERENCES: dict[str, Difference] = {}


def difference(
    name: str, since: str, area: str, before: str, after: str, source: str, note: str = "", *, is_refused: bool = False
) -> Difference:
    """Register a difference between releases, and return it. See `Difference` for the arguments."""
    assert name not in DIFFERENCES, f"{name} is registered twice"
    found = DIFFERENCES[name] = Difference(name, since, area, before, after, source, note, is_refused)
    return found


SERVER = "The server"
QUERIES = "Queries"
PIPELINES = "Aggregation stages"
EXPRESSIONS = "Expressions"
WRITES = "Writes"
COLLECTIONS = "Collections and indexes"

VERSION = difference(
    "version",
    "9.0",
    SERVER,
    "buildInfo says 8.2.4, hello says maxWireVersion 27, the feature compatibility version is 8.2",
    "9.0.2, 29, 9.0",
    NOTES_9_0,
)
STATUS_NONE = difference(
    "status_none",
    "8.3",
    SERVER,
    "serverStatus ignores `none`",
    "`none: 1` leaves out all optional sections but those that the command names",
    NOTES_8_3,
)
STATUS_OF_STREAMS = difference(
    "status_of_streams",
    "9.0",
    SERVER,
    "serverStatus counts change streams among all cursors",
    "`metrics.changeStreams.cursor` has `open.total`, `open.pinned` and `totalOpened`",
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
TRANSACTION_LIMIT = difference(
    "transaction_limit",
    "9.0",
    SERVER,
    "any number of multi-document transactions can be open",
    "`maxConcurrentMultiDocumentTransactions` can be, by default 10,000; the next one is the error TooManyOpenTransactions",
    NOTES_9_0,
    "The page names the error, but not its number: 402 here.",
)

OWN_QUERY_SETTINGS = difference(
    "own_query_settings",
    "9.0",
    QUERIES,
    "`querySettings` is an unknown field of find, distinct and aggregate: error 40415",
    "it is a document like that of setQuerySettings, for this command only; a setting of the query's shape takes precedence",
    NOTES_9_0,
)

QUERY_SETTINGS_TIME = difference(
    "query_settings_time",
    "9.0",
    QUERIES,
    "`maxTimeMS` is an unknown field of query settings: error 40415",
    "it is the time limit of the shape, and takes precedence over the command's; 0 removes it",
    NOTES_9_0,
)

CHANGE_STREAM_ROLE = difference(
    "change_stream_role",
    "9.0",
    QUERIES,
    "a change stream goes on after replSetStepDown, whatever its read preference",
    "getMore returns error 11602, with which drivers resume, if the stream's read preference is primary and the node no longer is, or the "
    "other way round",
    CHANGES_9_0,
)

AUTHENTICATED_MECHANISM = difference(
    "authenticated_mechanism",
    "9.0",
    SERVER,
    "`authenticatedMechanism` is an unknown field of usersInfo: error 40415",
    "it is the name of an authentication mechanism. It chooses between LDAP and the stored users, so all names give the same reply here",
    NOTES_9_0,
    "The page does not name the code of another name: 2, BadValue.",
)

EMPTY_GROUP_FIELD = difference(
    "empty_group_field",
    "9.0",
    PIPELINES,
    "`$group` accepts an accumulator whose field name is empty",
    "it is an error",
    CHANGES_9_0,
    "The page does not name the code; 15998 is that of empty names elsewhere.",
)
FACET_TOO_LARGE = difference(
    "facet_too_large",
    "8.3",
    PIPELINES,
    "error 4031700 if the document of `$facet` exceeds 100 MB",
    "error 146, ExceededMemoryLimit",
    CHANGES_8_3,
)
OPERATION_MEMORY = difference(
    "operation_memory",
    "9.0",
    PIPELINES,
    "stages and accumulators have limits of their own: error 292 or 146",
    "`internalQueryMaxMemoryUsageBytesPerOperation`, by default 1 GB or 20 % of the memory, limits them, too",
    NOTES_9_0,
    "MongoDB adds up what the stages of an operation use; here each is compared with the limit. SERVER-130817 names the parameter.",
)
MERGE_OBJECTS_WINDOW = difference(
    "merge_objects_window",
    "8.3",
    PIPELINES,
    "`$mergeObjects` is not a window function of `$setWindowFields`",
    "it is one",
    NOTES_8_3,
)
DATES_BEFORE_1970 = difference(
    "dates_before_1970",
    "8.3",
    EXPRESSIONS,
    "`$dateAdd`, `$dateSubtract` and ranges of `$setWindowFields` in a unit other than millisecond lose a second for a date before 1970 "
    "with a fraction of a second",
    "the result is a second later",
    NOTES_8_3,
    "That only dates with a fraction are concerned says SERVER-110620. `$densify` counts correctly in both.",
)
TRIM_LIMIT = difference(
    "trim_limit",
    "8.3",
    EXPRESSIONS,
    "`chars` of `$trim`, `$ltrim` and `$rtrim` can have any length",
    "it has at most 4096 characters",
    NOTES_8_3,
    "The page does not name the code; the error is 2, BadValue.",
)
UPSERT_TOO_LARGE = difference(
    "upsert_too_large",
    "8.3",
    WRITES,
    "error 17419 or 17420 if the document of an upsert is larger than 16 MB",
    "error 10334, BSONObjectTooLarge",
    NOTES_8_3,
)
GEO_KEY_ERRORS = difference(
    "geo_key_errors",
    "9.0",
    WRITES,
    "error 16755 for a document that a 2dsphere index cannot hold",
    "error 510, GeoKeyExtractionFailed, with `errInfo`: failingPath, underlyingCode, underlyingReason, failingElement",
    NOTES_9_0,
    "The texts of the reasons are ours, and underlyingCode is 2.",
)
GEO_KEY_ERRORS_OF_SERIES = difference(
    "geo_key_errors_of_series",
    "9.0",
    WRITES,
    "error 183934 for a measurement that a 2dsphere index on a measured field cannot hold",
    "error 511, GeoKeyExtractionFailedTimeseries, with `errInfo` as above",
    CHANGES_9_0,
    "The page names 183493, too, without saying when. An index on the metaField has the errors of other collections.",
)
SIMPLE_COLLATION_LISTED = difference(
    "simple_collation_listed",
    "9.0",
    COLLECTIONS,
    "listIndexes shows no collation for an index with the simple collation",
    'it shows `collation: {locale: "simple"}`',
    NOTES_9_0 + "#known-issues",
    "Some mappers then drop and rebuild their indexes at each start. A later patch release than 9.0.2 shows none again.",
)
CONSTRAINT_LEVEL = difference(
    "constraint_level",
    "9.0",
    COLLECTIONS,
    '`validationLevel: "constraint"` is an error',
    "all documents satisfy the validator: collMod checks them, after `prepareConstraintValidationLevel: true`. The action is error or "
    "errorAndLog, the validator cannot be changed, and bypassDocumentValidation is refused",
    "https://www.mongodb.com/docs/manual/core/schema-validation/specify-validation-level/",
    "The page does not name the codes: 72, and 121 for a document that does not satisfy the validator.",
)
SPHERE_INDEX_VERSION = difference(
    "sphere_index_version",
    "8.3",
    COLLECTIONS,
    "`2dsphereIndexVersion` 3 is the default, and 4 is error 67",
    "4 is the default",
    CHANGES_8_3,
    "The entries of versions 2 to 4 are the same here.",
)
VALIDATE_FULL = difference(
    "validate_full",
    "8.3",
    COLLECTIONS,
    "`validate` with `full: true` counts the documents against the BSON specification, such as those with two fields of a name",
    "it does with `checkBSONConformance: true` only",
    NOTES_8_3,
    "The page does not list the rules; the text of the warning is ours.",
)
VIEWLESS_TIMESERIES = difference(
    "viewless_timeseries",
    "9.0",
    COLLECTIONS,
    "a time series X is a view over `system.buckets.X`, and both are listed, as is `system.views`",
    "it is one collection: listCollections, `$listCatalog`, `$listClusterCatalog`, dbStats, dbHash, validate and `system.views` do not "
    "show the buckets, the cursor of a command with `rawData` does not name them, and renameCollection renames it",
    NOTES_9_0 + "#data-storage",
    "The UUID is that of the buckets. The name of the cursor is in SERVER-120476.",
)
TIMESERIES_NAMES = difference(
    "timeseries_names",
    "8.3",
    COLLECTIONS,
    "the timeField of a time series may start with $, and `_id_` is a hint",
    "both are errors",
    NOTES_8_3,
    "The page does not name the codes: 72 and 2.",
)

ARRAY_INDEX_AS = difference(
    "array_index_as",
    "8.3",
    EXPRESSIONS,
    "`arrayIndexAs` of `$map`, `$filter` and `$reduce` and `$$IDX` are errors, as are `as` and `valueAs` of `$reduce`, `$$THIS`, `$$VALUE`",
    "they name the index of the element, `$$IDX` without `arrayIndexAs`; the others name the element and the value",
    NOTES_8_3,
    "`as`, `valueAs`, `$$THIS` and `$$VALUE` are those of the ticket PHPLIB-1771.",
)
MORE_CONVERSIONS = difference(
    "more_conversions",
    "8.3",
    EXPRESSIONS,
    "`$toString` does not convert objects, arrays, regular expressions, minKey, maxKey and timestamps; `$convert` does not convert to "
    "objects and arrays, nor arrays to binData",
    "it does: strings are JSON, binData of subtype 9 is a vector",
    NOTES_8_3,
    "JSON texts have no spaces. Arrays become PACKED_BIT, INT8 or FLOAT32 vectors of subtype 9.",
)
CONVERT_BASE = difference(
    "convert_base",
    "8.3",
    EXPRESSIONS,
    "`base` is an unknown argument of `$convert`",
    "strings and numbers are converted in base 2, 8, 10 or 16",
    OPERATORS + "convert/",
    "The page does not name the code of another base: 2, BadValue.",
)
SUBNORMAL_NUMBERS = difference(
    "subnormal_numbers",
    "8.3",
    EXPRESSIONS,
    "a string with a subnormal number, such as 1e-310, cannot be converted to a double",
    "it can",
    CHANGES_8_3,
)
OBJECT_TO_BINARY = difference(
    "object_to_binary",
    "9.0",
    EXPRESSIONS,
    "`$convert` of an object to binData is an error of the conversion",
    "MongoDB converts it. This server does not support that: error 238",
    CHANGES_9_0,
    is_refused=True,
)
NEW_OPERATORS = difference(
    "new_operators",
    "8.3",
    EXPRESSIONS,
    "`$subtype`, `$hash`, `$hexHash`, `$createObjectId`, `$serializeEJSON`, `$deserializeEJSON`, `$toArray` and `$toObject` are unknown "
    "operators: 168, or 31325 in a projection",
    "they exist",
    NOTES_8_3,
    "The pages do not name the codes of wrong arguments: 9 for malformed ones, 14 for wrong types, 2 for an unknown algorithm, 241 for "
    "values that cannot be converted.",
)
JAVASCRIPT_UTC = difference(
    "javascript_utc",
    "9.0",
    EXPRESSIONS,
    "the local time of JavaScript is that of the server's time zone",
    "it is UTC: the getters, setters, texts and constructors of `Date`, and texts without a zone",
    CHANGES_9_0,
)

#: The changes of MongoDB 8.3 and 9.0 that the server does not implement.
MISSING = [
    Missing(
        "9.0",
        "The buckets of a time series are reached with `rawData` only",
        "as `system.buckets.X`, too; the planner's output and collStats name it",
        NOTES_9_0 + "#data-storage",
    ),
    Missing("8.3", "`lockContentionMetrics` of serverStatus, and further metrics", "as in 8.2; `service` is in neither", NOTES_8_3),
    Missing("8.3", "`peakTrackedMemBytes`, `inUseTrackedMemBytes` in explain, currentOp, the profiler and the log", "no", NOTES_8_3),
    Missing("9.0", "`queryKnobs` of setQuerySettings", "an unknown field, error 40415", NOTES_9_0),
    Missing("9.0", "`$queryStats` collects by default, also of writes", "as in 8.2", NOTES_9_0),
    Missing("9.0", "A limit of the sum of the memory of an operation's stages", "the limit holds for each stage", NOTES_9_0),
    Missing("9.0", "A query may fail if its field becomes multikey", "it goes on", CHANGES_9_0),
]
