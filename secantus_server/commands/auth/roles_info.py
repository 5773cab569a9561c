"""rolesInfo. https://www.mongodb.com/docs/manual/reference/command/rolesInfo/"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import not_supported
from secantus_server.work.authorization import (
    ROLES,
    Documents,
    builtin_roles,
    is_builtin,
    parse_name,
    read_documents,
    role_closure,
)

FIELDS = {
    "showAuthenticationRestrictions": a.boolean(),
    "showBuiltinRoles": a.boolean(),
    "showPrivileges": a.anything(False),
}


@command("rolesInfo", FIELDS, privileges=on_database("viewRole"))
def roles_info(request: Request, args: dict[str, Any]) -> Reply:
    """List roles."""
    value, db = request.body[request.name], request.db
    roles = read_documents(request.services, ROLES)
    if is_number(value):
        names = sorted((role["role"], db) for role in roles.values() if role["db"] == db)
        if args["showBuiltinRoles"]:
            names += [(name, db) for name in builtin_roles(db)]
    else:
        names = [parse_name("role", one, db) for one in (value if type(value) is list else [value])]
    return {"roles": [_shown(roles, *name, args) for name in names if is_builtin(*name) or f"{name[1]}.{name[0]}" in roles]}


def _shown(roles: Documents, name: str, db: str, args: dict[str, Any]) -> dict[str, Any]:
    stored = roles.get(f"{db}.{name}", {"roles": []})
    builtin = is_builtin(name, db)
    inherited = role_closure(roles, stored["roles"])
    shown = {"_id": f"{db}.{name}", "role": name, "db": db, "roles": stored["roles"], "isBuiltin": builtin, "inheritedRoles": inherited}
    if args["showPrivileges"]:
        if builtin or any(is_builtin(role["role"], role["db"]) for role in inherited):
            raise not_supported("rolesInfo with showPrivileges for a built-in role", "leave it out: roles are stored but not enforced")
        own = stored["privileges"]
        shown["privileges"] = own
        others = [one for role in inherited for one in roles[f"{role['db']}.{role['role']}"]["privileges"]]
        shown["inheritedPrivileges"] = [*own, *others]
    if args["showAuthenticationRestrictions"]:
        shown["authenticationRestrictions"] = stored.get("authenticationRestrictions", [])
    return shown
