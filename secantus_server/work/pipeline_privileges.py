"""The privileges that an aggregation pipeline requires, by stage. Those of a view are checked when it is created, not when it is read.

https://www.mongodb.com/docs/manual/reference/command/aggregate/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants, Requirement
from secantus_server.dispatch.privileges import Authorized, collection_of
from secantus_server.work._stage_privileges import add_pipeline


def pipeline_requirements(db: str, collection: str, stages: Any, *, bypasses_validation: bool = False) -> list[Requirement]:
    """Return what a pipeline requires. Whatever is malformed is left to the parser, which refuses it.

    Arguments:
        collection: the collection that the pipeline reads; "" for none.
        stages: the stages as the user wrote them.
    """
    required: list[Requirement] = []
    add_pipeline(required, stages, db, collection, bypasses_validation)
    return required


def may_read_view(call: Authorized, grants: Grants, view_on: Any, stages: Any) -> bool:
    """Return whether the creator of a view may read what it shows, or may not read the view either.

    https://www.mongodb.com/docs/manual/reference/command/create/#access-control
    """
    if "find" not in grants.on(call.db, collection_of(call)):
        return True
    return grants.allows(pipeline_requirements(call.db, view_on if type(view_on) is str else "", stages))
