"""The page for aggregation pipelines, with a preview after each stage."""

from __future__ import annotations

from typing import Any, Final

from pymongo.errors import PyMongoError

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url

#: The number of documents in a preview, and in the result.
PREVIEWED: Final = 3
MAX_RESULTS: Final = 200
MAX_STAGES: Final = 40
_WRITING: Final = ("$out", "$merge")


def aggregate(call: Call) -> Answer:
    """Show a pipeline, the first documents after each stage, and its result."""
    collection = call.collection
    text = call.text("pipeline", "[]")
    data: dict[str, Any] = {"db": call.database.name, "collection": collection.name, "pipeline": text, "limit": call.text("limit", "20")}
    page = Page("aggregate.html", f"{data['db']}.{collection.name}", data)
    try:
        pipeline, limit = call.pipeline(), call.number("limit", 20, 1, MAX_RESULTS)
        if len(pipeline) > MAX_STAGES:
            raise InputError(f"The console shows at most {MAX_STAGES} stages.")
        data["stages"] = _previews(call, pipeline)
        data["writes"] = any(name in _WRITING for stage in pipeline for name in stage)
        if pipeline and not data["writes"] and not data["stages"][-1].get("error"):
            data["documents"] = _run(call, [*pipeline, {"$limit": limit}])
    except (InputError, PyMongoError) as error:
        data["error"], page.status = message_of(error), 400
    return page


def _previews(call: Call, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stages, each with the first documents of its output. If a stage fails, it is the last one in the list."""
    previews: list[dict[str, Any]] = []
    for number, stage in enumerate(pipeline):
        [name] = stage
        entry: dict[str, Any] = {"name": name, "stage": stage}
        previews.append(entry)
        if name in _WRITING:
            entry["note"] = "It writes, so it has no preview."
            break
        try:
            entry["documents"] = _run(call, [*pipeline[: number + 1], {"$limit": PREVIEWED}])
        except PyMongoError as error:
            entry["error"] = message_of(error)
            break
    return previews


def _run(call: Call, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(call.collection.aggregate(pipeline, maxTimeMS=call.time_limit_ms, allowDiskUse=True))


def write(call: Call) -> Answer:
    """Run a pipeline that ends with a writing stage ($out or $merge)."""
    pipeline = call.pipeline()
    call.check_typed("run")
    call.collection.aggregate(pipeline, allowDiskUse=True)
    here = url("/aggregate", db=call.database.name, collection=call.collection.name, pipeline=ejson.dumps(pipeline))
    return Moved(here, "Ran the pipeline.")


ROUTES: Final = (shown("/aggregate", aggregate), posted("/aggregate/run", write))
