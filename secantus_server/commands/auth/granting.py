"""Checks of the privileges that the user and role commands require in addition to their own action.

https://www.mongodb.com/docs/manual/reference/command/nav-user-management/
https://www.mongodb.com/docs/manual/reference/command/nav-role-management/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.dispatch.privileges import Authorized


def may_on_roles(call: Authorized, grants: Grants, action: str) -> bool:
    """Return whether the user may perform an action on the database of each role in the command's argument `roles`."""
    return all(action in grants.on(db) for db in _databases(call.body.get("roles"), "role", call.db))


def may_grant_privileges(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may grant the privileges in the command's arguments."""
    return _may_on_privileges(call, grants, "grantRole")


def may_revoke_privileges(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may revoke the privileges in the command's arguments."""
    return _may_on_privileges(call, grants, "revokeRole")


def _may_on_privileges(call: Authorized, grants: Grants, action: str) -> bool:
    """Return whether the user may perform an action on the database of each privilege in the command's arguments.

    A privilege on the cluster or on several databases counts as a privilege on `admin`.
    """
    for privilege in _list(call.body.get("privileges")):
        resource = privilege.get("resource") if type(privilege) is dict else None
        db = resource.get("db") if type(resource) is dict else None
        if action not in grants.on(db if type(db) is str and db else "admin"):
            return False
    return True


def may_restrict(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may set the authentication restrictions in the command's arguments, if any."""
    return call.body.get("authenticationRestrictions") is None or "setAuthenticationRestriction" in grants.on(call.db)


def may_view(call: Authorized, grants: Grants, kind: str, action: str, own: frozenset[tuple[str, str]]) -> bool:
    """Return whether the user may see the users or roles that a command lists.

    Arguments:
        kind: "user" or "role".
        action: the action that the user must be allowed to perform on the database of each listed user or role.
        own: the names and databases of the users or roles that the user may always see.
    """
    value = call.body[call.name]
    if type(value) is dict and "forAllDBs" in value:
        return action in grants.on("")
    if type(value) not in (str, dict, list):
        return action in grants.on(call.db)
    for one in value if type(value) is list else [value]:
        name, db = (one.get(kind), one.get("db")) if type(one) is dict else (one, call.db)
        # A name that is not a string cannot be in `own`. The parser refuses it later if the user may see the whole database.
        is_own = type(name) is type(db) is str and (name, db) in own
        if type(db) is str and not is_own and action not in grants.on(db):
            return False
    return True


def _databases(values: Any, kind: str, db: str) -> set[str]:
    """Return the databases of the users or roles in a list. Skip malformed entries, for which the parser raises an error later."""
    named = (value.get("db") if type(value) is dict and kind in value else db for value in _list(values))
    return {name for name in named if type(name) is str}


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []
