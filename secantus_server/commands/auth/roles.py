"""createRole, updateRole, dropRole, dropAllRolesFromDatabase, and the commands that change a role's inherited roles and privileges.

https://www.mongodb.com/docs/manual/reference/command/nav-role-management/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.auth.actions import ACTIONS
from secantus_server.auth.builtin_roles import is_builtin
from secantus_server.auth.collections import ROLES, USERS
from secantus_server.auth.privileges import Grants
from secantus_server.auth.restrictions import check_restrictions
from secantus_server.commands.auth.granting import may_grant_privileges, may_on_roles, may_restrict, may_revoke_privileges
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.authorization import Documents, change_documents, change_together, parse_roles, role_closure

_RESTRICTIONS = {"authenticationRestrictions": a.array()}
_GRANTED_ROLES = {"roles": a.array(required=True)}
_GRANTED_PRIVILEGES = {"privileges": a.documents(required=True)}
# The valid forms of a privilege's resource, each given as its set of fields.
_RESOURCES = ({"db", "collection"}, {"cluster"}, {"anyResource"}, {"db", "system_buckets"}, {"system_buckets"})

INVALID_ROLE_MODIFICATION = 55

Items = list[dict[str, Any]]


def _may_create(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may grant the roles and privileges in createRole's arguments and set the restrictions in them."""
    return may_on_roles(call, grants, "grantRole") and may_grant_privileges(call, grants) and may_restrict(call, grants)


@command(
    "createRole",
    {**_GRANTED_PRIVILEGES, **_GRANTED_ROLES, **_RESTRICTIONS},
    is_write=True,
    privileges=on_database("createRole", by_arguments=("grantRole", "setAuthenticationRestriction"), check=_may_create),
)
def create_role(request: Request, args: dict[str, Any]) -> Reply:
    """Create a role."""
    name = a.own_string("createRole", request.body[request.name])
    if not name:
        raise CommandError(2, "Role name must be non-empty")
    if request.db in ("local", "$external"):
        raise CommandError(2, f"Cannot create roles in the {request.db} database")
    if is_builtin(name, request.db):
        raise CommandError(2, "Cannot create roles with the same name as a built-in role")
    _check_privileges(args["privileges"], request.db)
    check_restrictions(args["authenticationRestrictions"])
    role = {"_id": f"{request.db}.{name}", "role": name, "db": request.db, "privileges": args["privileges"]}
    role["roles"] = _inherited(request, args["roles"])
    if args["authenticationRestrictions"] is not None:
        role["authenticationRestrictions"] = args["authenticationRestrictions"]

    def create(roles: Documents) -> None:
        if role["_id"] in roles:
            raise CommandError(51002, f'Role "{name}@{request.db}" already exists')
        roles[role["_id"]] = role

    change_documents(request, ROLES, create)
    return {}


def _check_privileges(privileges: Items, db: str) -> None:
    for privilege in privileges:
        resource, actions = privilege.get("resource"), privilege.get("actions")
        if type(resource) is not dict or set(resource) not in _RESOURCES:
            raise CommandError(9, "A privilege must have a 'resource' with db and collection, cluster, or anyResource")
        if type(actions) is not list or not actions or any(type(action) is not str for action in actions):
            raise CommandError(9, "A privilege must have 'actions', a non-empty array of strings")
        if db != "admin" and resource.get("db") != db:
            text = f"Roles on the '{db}' database cannot be granted privileges that target other databases or the cluster"
            raise CommandError(INVALID_ROLE_MODIFICATION, text)
        unknown = [action for action in actions if action not in ACTIONS]
        if unknown:
            raise CommandError(9, f"Unrecognized action privilege strings: {', '.join(unknown)}")


def _inherited(request: Request, values: Items) -> Items:
    """Parse the roles to be inherited. Only a role of `admin` may inherit roles of other databases.

    Raises:
        CommandError: 55 InvalidRoleModification, or an error of `parse_roles`.
    """
    roles = parse_roles(request.services, values, request.db)
    if request.db != "admin" and any(role["db"] != request.db for role in roles):
        text = f"Roles on the '{request.db}' database cannot be granted roles from other databases"
        raise CommandError(INVALID_ROLE_MODIFICATION, text)
    return roles


def _may_update(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may make the changes that updateRole requests.

    Replacing roles or privileges requires the right to revoke as well as the right to grant.
    """
    replaces = call.body.get("roles") is not None or call.body.get("privileges") is not None
    return (not replaces or "revokeRole" in grants.on("")) and _may_create(call, grants)


@command(
    "updateRole",
    {"privileges": a.documents(), "roles": a.array(), **_RESTRICTIONS},
    is_write=True,
    privileges=on_database(by_arguments=("grantRole", "revokeRole", "setAuthenticationRestriction"), check=_may_update),
)
def update_role(request: Request, args: dict[str, Any]) -> Reply:
    """Change a role."""
    changes = {option: args[option] for option in ("privileges", "authenticationRestrictions") if args[option] is not None}
    if not changes and args["roles"] is None:
        raise CommandError(2, "updateRole command has no fields to update")
    _check_privileges(args["privileges"] or [], request.db)
    check_restrictions(args["authenticationRestrictions"])
    if args["roles"] is not None:
        changes["roles"] = _inherited(request, args["roles"])
    return _change_role(request, lambda role: {**role, **changes})


@command("dropRole", {}, is_write=True, privileges=on_database("dropRole"))
def drop_role(request: Request, _args: dict[str, Any]) -> Reply:
    """Drop a role and revoke it from every user and role that has it."""
    name = _own_role(request)

    def drop(roles: Documents, users: Documents) -> None:
        if roles.pop(f"{request.db}.{name}", None) is None:
            raise CommandError(31, f"Role '{name}@{request.db}' not found")
        _forget(roles, users, [{"role": name, "db": request.db}])

    change_together(request, (ROLES, USERS), drop)
    return {}


@command("dropAllRolesFromDatabase", {}, is_write=True, privileges=on_database("dropRole"))
def drop_all_roles(request: Request, _args: dict[str, Any]) -> Reply:
    """Drop the roles of a database and revoke them from every user and role."""

    def drop(roles: Documents, users: Documents) -> int:
        gone = [{"role": role["role"], "db": request.db} for role in roles.values() if role["db"] == request.db]
        for role in gone:
            del roles[f"{request.db}.{role['role']}"]
        _forget(roles, users, gone)
        return len(gone)

    return {"n": change_together(request, (ROLES, USERS), drop)}


def _forget(roles: Documents, users: Documents, gone: Items) -> None:
    """Revoke the dropped roles `gone` from users and from the remaining roles."""
    for documents in (roles, users):
        for key, document in list(documents.items()):
            left = [role for role in document.get("roles", []) if role not in gone]
            if left != document.get("roles", []):
                documents[key] = {**document, "roles": left}


def _own_role(request: Request) -> str:
    """Return the name of the role that the command changes.

    Raises:
        CommandError: 55 InvalidRoleModification for a built-in role.
    """
    name = a.own_string(request.name, request.body[request.name])
    if is_builtin(name, request.db):
        raise CommandError(INVALID_ROLE_MODIFICATION, f"{name}@{request.db} is a built-in role and cannot be modified.")
    return name


def _change_role(request: Request, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    name = _own_role(request)

    def run(roles: Documents) -> None:
        role = roles.get(f"{request.db}.{name}")
        if role is None:
            raise CommandError(31, f"Could not find role: {name}@{request.db}")
        roles[role["_id"]] = change(role)
        if {"role": name, "db": request.db} in role_closure(roles, roles[role["_id"]]["roles"]):
            raise CommandError(5, f"Granting these roles to {name}@{request.db} would introduce a cycle in the role graph.")

    change_documents(request, ROLES, run)
    return {}


@command(
    "grantRolesToRole",
    _GRANTED_ROLES,
    is_write=True,
    privileges=on_database(by_arguments=("grantRole",), check=partial(may_on_roles, action="grantRole")),
)
def grant_roles(request: Request, args: dict[str, Any]) -> Reply:
    """Make a role inherit other roles."""
    roles = _not_empty(request, args, "roles", _inherited(request, args["roles"]))
    return _change_role(request, lambda role: {**role, "roles": [*role["roles"], *(one for one in roles if one not in role["roles"])]})


@command(
    "revokeRolesFromRole",
    _GRANTED_ROLES,
    is_write=True,
    privileges=on_database(by_arguments=("revokeRole",), check=partial(may_on_roles, action="revokeRole")),
)
def revoke_roles(request: Request, args: dict[str, Any]) -> Reply:
    """Stop a role from inheriting other roles."""
    roles = _not_empty(request, args, "roles", parse_roles(request.services, args["roles"], request.db))
    return _change_role(request, lambda role: {**role, "roles": [one for one in role["roles"] if one not in roles]})


@command(
    "grantPrivilegesToRole",
    _GRANTED_PRIVILEGES,
    is_write=True,
    privileges=on_database(by_arguments=("grantRole",), check=may_grant_privileges),
)
def grant_privileges(request: Request, args: dict[str, Any]) -> Reply:
    """Grant privileges to a role. Privileges on the same resource are merged."""
    privileges = _not_empty(request, args, "privileges", args["privileges"])
    _check_privileges(privileges, request.db)
    return _change_role(request, lambda role: {**role, "privileges": _combine(role["privileges"], privileges, _add)})


@command(
    "revokePrivilegesFromRole",
    _GRANTED_PRIVILEGES,
    is_write=True,
    privileges=on_database(by_arguments=("revokeRole",), check=may_revoke_privileges),
)
def revoke_privileges(request: Request, args: dict[str, Any]) -> Reply:
    """Revoke privileges from a role."""
    privileges = _not_empty(request, args, "privileges", args["privileges"])
    _check_privileges(privileges, request.db)
    return _change_role(request, lambda role: {**role, "privileges": _combine(role["privileges"], privileges, _subtract)})


def _not_empty(request: Request, args: dict[str, Any], field: str, items: Items) -> Items:
    if not args[field]:
        raise CommandError(2, f'{request.name} command requires a non-empty "{field}" array')
    return items


def _add(have: list[str], actions: list[str]) -> list[str]:
    return [*have, *(action for action in actions if action not in have)]


def _subtract(have: list[str], actions: list[str]) -> list[str]:
    return [action for action in have if action not in actions]


def _combine(have: Items, privileges: Items, combine: Callable[[list[str], list[str]], list[str]]) -> Items:
    """Return the privileges in `have` after `combine` adds or removes actions, resource by resource, according to `privileges`."""
    result = [dict(privilege) for privilege in have]
    for privilege in privileges:
        known = next((one for one in result if one["resource"] == privilege["resource"]), None)
        if known is None:
            known = {"resource": privilege["resource"], "actions": []}
            result.append(known)
        known["actions"] = combine(known["actions"], privilege["actions"])
    return [privilege for privilege in result if privilege["actions"]]
