"""rolesInfo. https://www.mongodb.com/docs/manual/reference/command/rolesInfo/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.builtin_roles import builtin_roles, is_builtin
from secantus_server.auth.collections import ROLES
from secantus_server.auth.privileges import Grants
from secantus_server.bson.values import is_number
from secantus_server.commands.auth.granting import may_view
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.authorization import Documents, find_user, parse_name, read_documents, role_closure
from secantus_server.work.user_roles import effective_roles, role_privileges, role_restrictions

_AS_USER = "asUserFragment"

FIELDS = {
    "showAuthenticationRestrictions": a.boolean(),
    "showBuiltinRoles": a.boolean(),
    "showPrivileges": a.anything(False),
}


def _may_view(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may see the roles that rolesInfo lists. Users may always see their own roles, including inherited roles."""
    return may_view(call, grants, "role", "viewRole", frozenset()) or may_view(call, grants, "role", "viewRole", _own_roles(call))


def _own_roles(call: Authorized) -> frozenset[tuple[str, str]]:
    (name, db) = call.client.users[0] if call.client.users else ("", "")
    user = find_user(call.services, db, name)
    roles = [] if user is None else effective_roles(read_documents(call.services, ROLES), user)
    return frozenset((role["role"], role["db"]) for role in roles)


@command("rolesInfo", FIELDS, privileges=on_database(by_arguments=("viewRole",), check=_may_view))
def roles_info(request: Request, args: dict[str, Any]) -> Reply:
    """List roles."""
    value, db = request.body[request.name], request.db
    as_user = _parse_show_privileges(args, value)
    roles = read_documents(request.services, ROLES)
    if is_number(value):
        names = sorted((role["role"], db) for role in roles.values() if role["db"] == db)
        if args["showBuiltinRoles"]:
            names += [(name, db) for name in builtin_roles(db)]
    else:
        names = [parse_name("role", one, db) for one in (value if type(value) is list else [value])]
    if as_user:
        return {"userFragment": _as_user(roles, names, args)}
    return {"roles": [_shown(roles, *name, args) for name in names if is_builtin(*name) or f"{name[1]}.{name[0]}" in roles]}


def _parse_show_privileges(args: dict[str, Any], value: Any) -> bool:
    """Parse the option showPrivileges. Return True for "asUserFragment".

    Arguments:
        value: the argument of the command.

    Raises:
        CommandError: 9 FailedToParse for any other string; 20 IllegalOperation with "asUserFragment" if the command lists no roles.
    """
    given = args["showPrivileges"]
    if type(given) is not str:
        args["showPrivileges"] = a.truth(given)
        return False
    if given != _AS_USER:
        raise CommandError(9, f"showPrivileges must be a boolean or '{_AS_USER}', not '{given}'")
    if is_number(value):
        raise CommandError(20, "Cannot get user fragment for all roles in a database")
    return True


def _as_user(known: Documents, names: list[tuple[str, str]], args: dict[str, Any]) -> dict[str, Any]:
    """Return the combined roles and privileges of the given roles, in the format of usersInfo for a user with these roles.

    Ignore roles that do not exist.
    """
    roles = [role for role in ({"role": name, "db": db} for name, db in dict.fromkeys(names)) if effective_roles(known, {"roles": [role]})]
    inherited = effective_roles(known, {"roles": roles})
    fragment = {"roles": roles, "inheritedRoles": inherited, "inheritedPrivileges": role_privileges(known, inherited)}
    if args["showAuthenticationRestrictions"]:
        fragment["inheritedAuthenticationRestrictions"] = role_restrictions(known, inherited)
    return fragment


def _shown(roles: Documents, name: str, db: str, args: dict[str, Any]) -> dict[str, Any]:
    stored = roles.get(f"{db}.{name}", {"roles": []})
    builtin = is_builtin(name, db)
    inherited = role_closure(roles, stored["roles"])
    shown = {"_id": f"{db}.{name}", "role": name, "db": db, "roles": stored["roles"], "isBuiltin": builtin, "inheritedRoles": inherited}
    if args["showPrivileges"]:
        own = {"role": name, "db": db}
        shown["privileges"] = role_privileges(roles, [own])
        shown["inheritedPrivileges"] = role_privileges(roles, [own, *inherited])
    if args["showAuthenticationRestrictions"]:
        shown["authenticationRestrictions"] = stored.get("authenticationRestrictions", [])
    return shown
