"""collMod for a time-series collection.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-granularity/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import ROUNDING_S, SPANS_S, Bucketing, bucket_options, complete_options, view_options
from secantus_server.commands.collections.coll_mod_index import change_index
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.work.special_collections import change_expiry, check_buckets
from secantus_server.work.timeseries_buckets import bucket_key

_REFUSED = ("validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages", "viewOn", "pipeline")


def check_timeseries_kind(args: dict[str, Any]) -> None:
    """Raise an error for an option that is not valid for a time-series collection.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    for option in _REFUSED:
        if args[option] is not None:
            raise CommandError(72, f"option not supported on a time-series collection: {option}")
    if args["index"] is not None and (args["index"]["unique"] is not None or args["index"]["prepareUnique"] is not None):
        raise CommandError(72, "Unique indexes are not supported on time-series collections")


def modify_timeseries(request: Request, transaction: CatalogTransaction, collection: Collection, args: dict[str, Any]) -> Reply:
    """Change the options of a time-series collection or of one of its indexes.

    `cappedSize` and `cappedMax` have no effect, as in MongoDB.

    Raises:
        CommandError: 72 InvalidOptions, 2, 14, 40415 for wrong options; 26 if the collection of buckets is missing.
    """
    buckets = transaction.catalog.find(collection.db, collection.options["viewOn"])
    if buckets is None:
        raise CommandError(26, f"ns does not exist: {collection.db}.{collection.options['viewOn']}")
    options = dict(collection.options)
    if args["expireAfterSeconds"] is not None:
        change_expiry(options, args["expireAfterSeconds"], request.now)
    timeseries = collection.options["timeseries"]
    if args["timeseries"] is not None:
        timeseries = _changed_span(timeseries, check_buckets(args["timeseries"]))
    options = view_options(collection.name, timeseries, options)
    reply: Reply = {}
    indexes = buckets.indexes
    if args["index"] is not None:
        change = args["index"]
        if change["keyPattern"] is not None:
            change = {**change, "keyPattern": bucket_key(timeseries, change["keyPattern"])}
        old, new, reply = change_index(request, transaction, buckets, change, dry_run=args["dryRun"])
        if old is not None and new is not None:
            indexes = [new if index is old else index for index in indexes]
    transaction.changes.save(collection.replaced(options=options))
    transaction.changes.save(buckets.replaced(options=bucket_options(options), indexes=indexes))
    return reply


def _changed_span(timeseries: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the option `timeseries` with the new bucket span. The span may only increase.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if all(value is None for value in given.values()):
        return timeseries
    if (given["bucketMaxSpanSeconds"] is None) != (given["bucketRoundingSeconds"] is None):
        raise CommandError(72, "'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' must be set together")
    if given["bucketMaxSpanSeconds"] != given["bucketRoundingSeconds"]:
        raise CommandError(72, "'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' must be equal")
    if given["granularity"] is not None and given["bucketMaxSpanSeconds"] is not None:
        raise CommandError(72, "'granularity' cannot be set together with 'bucketMaxSpanSeconds'")
    granularity = given["granularity"]
    span = SPANS_S[granularity] if granularity else int(given["bucketMaxSpanSeconds"])
    rounding = ROUNDING_S[granularity] if granularity else span
    now = Bucketing.of(timeseries)
    if span * 1000 < now.span_ms or rounding * 1000 < now.rounding_ms:
        text = "Invalid transition for timeseries.granularity. The span of buckets can only become longer"
        raise CommandError(72, text)
    return complete_options({**given, "timeField": timeseries["timeField"], "metaField": timeseries.get("metaField")})
