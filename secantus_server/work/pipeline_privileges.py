"""The privileges that an aggregation pipeline requires. The pipeline of a view is checked when the view is created, not at each read.

https://www.mongodb.com/docs/manual/reference/command/aggregate/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.collections import has_users_or_roles
from secantus_server.auth.privileges import Grants, Requirement
from secantus_server.dispatch.privileges import Authorized, collection_of
from secantus_server.work._stage_privileges import add_pipeline


def pipeline_requirements(db: str, collection: str, stages: Any, *, bypasses_validation: bool = False) -> list[Requirement]:
    """Return the privileges that a pipeline requires. Malformed stages are ignored, because the parser raises errors for them.

    Arguments:
        collection: the collection that the pipeline reads, or "" if it does not read a collection.
        stages: the stages as the user wrote them.
    """
    required: list[Requirement] = []
    add_pipeline(required, stages, db, collection, bypasses_validation)
    return required


def may_read_view(call: Authorized, grants: Grants, view_on: Any, stages: Any) -> bool:
    """Return whether a user is authorized to create a view. A user who can read the new view must also be authorized to read its source
    collections.

    Unlike in MongoDB, a view of users or roles always requires the privilege to read users or roles. Otherwise a user who may create
    views could disclose the keys of all users to a user who may read the views.

    https://www.mongodb.com/docs/manual/reference/command/create/#access-control
    """
    required = pipeline_requirements(call.db, view_on if type(view_on) is str else "", stages)
    if "find" not in grants.on(call.db, collection_of(call)):
        required = [one for one in required if one[1] is not None and has_users_or_roles(one[1], one[2])]
    return grants.allows(required)
