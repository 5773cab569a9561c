"""mapReduce. https://www.mongodb.com/docs/manual/reference/command/mapReduce/"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import decode, encode, type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_database_name, collection_name
from secantus_server.dispatch.privileges import Authorized, bypasses_validation, collection_of, on_collection
from secantus_server.dispatch.registry import Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.javascript import Function
from secantus_server.mql.scripts import source_of
from secantus_server.pipeline.stages._group_keys import group_key
from secantus_server.query.explain import Runner
from secantus_server.wire.header import MAX_DOCUMENT_SIZE
from secantus_server.work.explain_pipeline import explain_pipeline
from secantus_server.work.pipeline_privileges import pipeline_requirements
from secantus_server.work.pipelines import open_pipeline, run_aggregate

_MODES = ("replace", "merge", "reduce", "inline")
_MAP_BATCH = 200

FIELDS = {
    "map": a.anything(required=True),
    "reduce": a.anything(required=True),
    "out": a.anything(required=True),
    "query": a.document({}),
    "sort": a.document({}),
    "limit": a.number(0, minimum=0),
    "finalize": a.anything(),
    "scope": a.document({}),
    "collation": a.document(),
    "jsMode": a.boolean(),
    "verbose": a.boolean(),
    "bypassDocumentValidation": a.boolean(),
}


@dataclass(frozen=True)
class Output:
    """The destination of a mapReduce's results.

    Arguments:
        mode: "inline", "replace", "merge" or "reduce".
        db: the target's database.
        collection: the target's name; "" for "inline".
        names_db: whether the command specifies the database.
    """

    mode: str
    db: str
    collection: str = ""
    names_db: bool = False

    def stage(self) -> dict[str, Any]:
        """Return the pipeline stage that writes the results."""
        if self.mode == "replace":
            return {"$out": {"db": self.db, "coll": self.collection}}
        into = {"db": self.db, "coll": self.collection}
        return {"$merge": {"into": into, "whenMatched": "replace", "whenNotMatched": "insert"}}


@dataclass(frozen=True)
class Scripts:
    """The compiled JavaScript functions of a mapReduce. `finalize` is None if the command has none."""

    map: Function
    reduce: Function
    finalize: Function | None

    def finalized(self, key: Any, value: Any) -> Any:
        """Return the result of `finalize` for a key's value, or the value itself if the command has no `finalize`."""
        return value if self.finalize is None else self.finalize(key, value)


def _may_run(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read the collection and write the output."""
    try:
        output = _parse_output(call.body.get("out"), call.db)
    except CommandError:
        output = Output("inline", call.db)
    stages = [] if output.mode == "inline" else [output.stage()]
    return grants.allows(pipeline_requirements(call.db, collection_of(call), stages, bypasses_validation=bypasses_validation(call)))


_ACTIONS = ("find", "insert", "remove", "update", "bypassDocumentValidation")


@command(
    "mapReduce",
    FIELDS,
    aliases=("mapreduce",),
    is_read=True,
    is_write=True,
    privileges=on_collection(by_arguments=_ACTIONS, check=_may_run),
)
def map_reduce(request: Request, args: dict[str, Any]) -> Reply:
    """Run a map-reduce over a collection."""
    name = collection_name("mapReduce", request.db, request.body[request.name])
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(request.db, name)
        if collection is not None and collection.is_view:
            raise CommandError(166, f"Namespace {request.db}.{name} is a view, not a collection")
    output = _parse_output(args["out"], request.db)
    scripts = _compile(request, args)
    documents = _results(request, name, args, scripts)
    if output.mode == "inline":
        reply = {"results": documents}
        size = len(encode(reply))
        if size > MAX_DOCUMENT_SIZE:
            raise CommandError(10334, f"BSONObj size: {size} is invalid. Size must be between 0 and {MAX_DOCUMENT_SIZE}")
        return reply
    if output.mode == "reduce":
        documents = _reduced_with(_stored(request, output, documents), documents, scripts)
    return _write(request, args, output, documents)


@explains("mapReduce")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    """Return the explain output for reading the documents. The scripts do not run."""
    name = collection_name("mapReduce", request.db, request.body[request.name])
    _parse_output(args["out"], request.db)
    arguments = {"pipeline": _reading(args), "let": {}, "collation": args["collation"]}
    return explain_pipeline(request, name, arguments, transaction, runner)


def _reading(args: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pipeline stages that read the documents."""
    stages: list[dict[str, Any]] = [{"$match": args["query"]}]
    stages += [{"$sort": args["sort"]}] if args["sort"] else []
    return stages + ([{"$limit": args["limit"]}] if args["limit"] else [])


def _parse_output(out: Any, db: str) -> Output:
    """Parse the argument `out`: a collection's name, or `{<mode>: <name>, db, sharded, nonAtomic}`, or `{inline: 1}`.

    Raises:
        CommandError: 13522 for a malformed document, 14 for another type, 15895 for an option that is no longer supported.
    """
    if type(out) is str:
        return Output("replace", db, _checked_name(db, out))
    if type(out) is not dict:
        raise CommandError(13522, "'out' has to be a string or an object")
    modes = [name for name in out if name in _MODES]
    unknown = [name for name in out if name not in (*_MODES, "db", "sharded", "nonAtomic")]
    if len(modes) != 1 or unknown:
        raise CommandError(13522, "'out' must contain exactly one of 'replace', 'merge', 'reduce' and 'inline', and only known options")
    if out.get("nonAtomic") is False:
        raise CommandError(15895, "The nonAtomic:false option is no longer allowed in the 'out' of mapReduce")
    if modes[0] == "inline":
        return Output("inline", db)
    target, other = out[modes[0]], out.get("db")
    for field, value in ((modes[0], target), ("db", db if other is None else other)):
        if type(value) is not str:
            raise CommandError(14, f"BSON field 'mapReduce.out.{field}' is the wrong type '{type_name(value)}', expected type 'string'")
    return Output(modes[0], other or db, _checked_name(other or db, target), other is not None)


def _checked_name(db: str, name: str) -> str:
    check_database_name(db)
    return collection_name("mapReduce", db, name)


def _compile(request: Request, args: dict[str, Any]) -> Scripts:
    sources = {}
    for field in ("map", "reduce", "finalize"):
        value = args[field]
        if value is None and field == "finalize":
            continue
        source = source_of(value)
        if source is None:
            raise CommandError(14, f"'{field}' must be of string or code type, found {type_name(value)}")
        sources[field] = source
    engine = request.scripts("mapReduce")
    engine.set_globals(args["scope"])
    compiled = {field: engine.function(source) for field, source in sources.items()}
    return Scripts(compiled["map"], compiled["reduce"], compiled.get("finalize"))


def _results(request: Request, name: str, args: dict[str, Any], scripts: Scripts) -> list[dict[str, Any]]:
    """Run the scripts and return one result document for each key."""
    groups: dict[Any, tuple[Any, list[Any]]] = {}
    with open_pipeline(request, name, {"pipeline": _reading(args), "let": {}, "collation": args["collation"]}) as opened:
        for key, value in _emitted(opened.documents, scripts.map):
            groups.setdefault(group_key(key), (key, []))[1].append(value)
        opened.scope.close()
    return [{"_id": key, "value": scripts.finalized(key, _reduce(scripts, key, values))} for key, values in groups.values()]


def _emitted(documents: Iterable[bytes], function: Function) -> Iterator[list[Any]]:
    source = iter(documents)
    while batch := list(islice(source, _MAP_BATCH)):
        yield from function.emitted(batch)


def _reduce(scripts: Scripts, key: Any, values: list[Any]) -> Any:
    """Return the reduced value of a key. A single value is returned unchanged."""
    return values[0] if len(values) == 1 else scripts.reduce(key, values)


def _stored(request: Request, output: Output, documents: list[dict[str, Any]]) -> dict[Any, Any]:
    """Return the values in the target collection for the keys of the results."""
    stages = [{"$match": {"_id": {"$in": [document["_id"] for document in documents]}}}]
    with open_pipeline(request.in_database(output.db), output.collection, {"pipeline": stages, "let": {}, "collation": None}) as opened:
        found = [decode(document) for document in opened.documents]
        opened.scope.close()
    return {group_key(document["_id"]): document.get("value") for document in found}


def _reduced_with(stored: dict[Any, Any], documents: list[dict[str, Any]], scripts: Scripts) -> list[dict[str, Any]]:
    """Return the results after reducing each with the target collection's value for the same key, if any."""
    merged = []
    for document in documents:
        key, value = document["_id"], document["value"]
        if group_key(key) in stored:
            value = scripts.finalized(key, scripts.reduce(key, [stored[group_key(key)], value]))
        merged.append({"_id": key, "value": value})
    return merged


def _write(request: Request, args: dict[str, Any], output: Output, documents: list[dict[str, Any]]) -> Reply:
    pipeline = [{"$documents": {"$literal": documents}}, output.stage()]
    arguments = {"pipeline": pipeline, "let": {}, "collation": None, "bypassDocumentValidation": args["bypassDocumentValidation"]}
    written = run_aggregate(request, None, arguments, None)
    target = {"db": output.db, "collection": output.collection} if output.names_db else output.collection
    reply: Reply = {"result": target}
    if "writeConcernError" in written:
        reply["writeConcernError"] = written["writeConcernError"]
    return reply
