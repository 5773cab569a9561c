"""createUser, updateUser, dropUser, dropAllUsersFromDatabase, grantRolesToUser, revokeRolesFromUser.

https://www.mongodb.com/docs/manual/reference/command/nav-user-management/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bson.binary import Binary

from secantus_server.auth.collections import USERS
from secantus_server.auth.privileges import Grants
from secantus_server.auth.restrictions import check_restrictions
from secantus_server.auth.scram import MECHANISMS, make_credentials
from secantus_server.bson.values import type_name
from secantus_server.commands.auth.granting import may_on_roles, may_restrict
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.parameters import ITERATION_PARAMETERS, parameter_value
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.authorization import Documents, change_documents, parse_roles

_FIELDS = {
    "pwd": a.string(),
    "customData": a.document(),
    "digestPassword": a.boolean(True),
    "mechanisms": a.array(),
    "authenticationRestrictions": a.array(),
}
Roles = list[dict[str, Any]]

_ROLES = {"roles": a.array(required=True)}


def _may_create(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may grant the roles in createUser's arguments and set the restrictions in them."""
    return may_on_roles(call, grants, "grantRole") and may_restrict(call, grants)


@command(
    "createUser",
    {**_FIELDS, **_ROLES},
    is_write=True,
    privileges=on_database("createUser", by_arguments=("grantRole", "setAuthenticationRestriction"), check=_may_create),
    secrets=("pwd",),
)
def create_user(request: Request, args: dict[str, Any]) -> Reply:
    """Create a user."""
    name = a.own_string("createUser", request.body[request.name])
    _check_new(request.db, name, args["pwd"])
    check_restrictions(args["authenticationRestrictions"])
    user: dict[str, Any] = {"_id": f"{request.db}.{name}", "userId": Binary(request.services.clock.uuid_bytes(), 4)}
    user |= {"user": name, "db": request.db, "credentials": _credentials(request, name, args)}
    user |= {option: args[option] for option in ("customData", "authenticationRestrictions") if args[option] is not None}
    user["roles"] = parse_roles(request.services, args["roles"], request.db)

    def create(users: Documents) -> None:
        if user["_id"] in users:
            raise CommandError(51003, f'User "{name}@{request.db}" already exists')
        users[user["_id"]] = user

    change_documents(request, USERS, create)
    if request.services.access is None:
        request.services.log.warning(f"The user {name}@{request.db} is stored, but access control is off: start the server with --auth.")
    return {}


def _check_new(db: str, name: str, password: str | None) -> None:
    if not name:
        raise CommandError(2, "User document needs 'user' field to be non-empty")
    if "\0" in name:
        raise CommandError(2, "Username cannot contain NULL characters")
    if db == "local":
        raise CommandError(2, "Cannot create users in the local database")
    if password is None and db != "$external":
        raise CommandError(2, "Must provide a 'pwd' field for all user documents, except those with '$external' as the user's source db")
    if password is not None and db == "$external":
        raise CommandError(2, "Cannot set the password for users defined on the '$external' database")


def _credentials(request: Request, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Derive the stored credentials from the password in the arguments."""
    if request.db == "$external":
        return {"external": True}
    mechanisms = args["mechanisms"]
    if mechanisms is None:
        mechanisms = list(MECHANISMS) if args["digestPassword"] else ["SCRAM-SHA-1"]
    _check_mechanisms(mechanisms)
    if not args["digestPassword"] and "SCRAM-SHA-256" in mechanisms:
        raise CommandError(2, "Use of SCRAM-SHA-256 requires undigested passwords")
    services = request.services
    iterations = {mechanism: parameter_value(services, parameter) for mechanism, parameter in ITERATION_PARAMETERS.items()}
    return make_credentials(
        name, args["pwd"], mechanisms, services.clock.random, digested=not args["digestPassword"], iterations=iterations
    )


def _check_mechanisms(mechanisms: list[Any]) -> None:
    if not mechanisms:
        raise CommandError(2, "mechanisms field must not be empty")
    for mechanism in mechanisms:
        if type(mechanism) is not str:
            raise CommandError(2, f"mechanisms must be an array of strings, not of {type_name(mechanism)}")
        if mechanism not in MECHANISMS:
            raise CommandError(2, f"Unknown auth mechanism '{mechanism}'")


def _may_update(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may make the changes that updateUser requests. A privilege may be limited to the user's own password or
    custom data.

    https://www.mongodb.com/docs/manual/reference/command/updateUser/#required-access
    """
    actions, body = grants.on(call.db), call.body
    is_own = (body[call.name], call.db) in call.client.users
    for argument, action, own in (
        ("pwd", "changePassword", "changeOwnPassword"),
        ("mechanisms", "changePassword", "changeOwnPassword"),
        ("customData", "changeCustomData", "changeOwnCustomData"),
    ):
        may_own = is_own and (own in actions or own in grants.on_cluster())
        if body.get(argument) is not None and action not in actions and not may_own:
            return False
    if body.get("roles") is not None and not ("revokeRole" in grants.on("") and may_on_roles(call, grants, "grantRole")):
        return False
    return may_restrict(call, grants)


@command(
    "updateUser",
    {**_FIELDS, "roles": a.array()},
    is_write=True,
    privileges=on_database(
        by_arguments=(
            *("changePassword", "changeOwnPassword", "changeCustomData", "changeOwnCustomData"),
            *("grantRole", "revokeRole", "setAuthenticationRestriction"),
        ),
        check=_may_update,
    ),
    secrets=("pwd",),
)
def update_user(request: Request, args: dict[str, Any]) -> Reply:
    """Change a user."""
    name = a.own_string("updateUser", request.body[request.name])
    changes = {option: args[option] for option in ("customData", "authenticationRestrictions") if args[option] is not None}
    if not changes and all(args[option] is None for option in ("pwd", "roles", "mechanisms")):
        raise CommandError(2, "Must specify at least one field to update in updateUser")
    check_restrictions(args["authenticationRestrictions"])
    if args["mechanisms"] is not None:
        _check_mechanisms(args["mechanisms"])
    if args["roles"] is not None:
        changes["roles"] = parse_roles(request.services, args["roles"], request.db)
    if args["pwd"] is not None:
        changes["credentials"] = _credentials(request, name, args)

    def update(users: Documents) -> None:
        user = users.get(f"{request.db}.{name}")
        if user is None:
            raise CommandError(11, f"User {name}@{request.db} not found")
        kept = {} if args["pwd"] is not None or args["mechanisms"] is None else _kept(user.get("credentials", {}), args["mechanisms"])
        users[user["_id"]] = {**user, **changes, **kept}

    change_documents(request, USERS, update)
    return {}


def _kept(credentials: dict[str, Any], mechanisms: list[str]) -> dict[str, Any]:
    """Return the stored credentials for the given mechanisms only.

    Raise CommandError for a mechanism without stored credentials, because creating credentials requires the password.
    """
    if not set(mechanisms) <= set(credentials):
        raise CommandError(2, "mechanisms field must be a subset of previously set mechanisms")
    return {"credentials": {name: value for name, value in credentials.items() if name in mechanisms}}


@command("dropUser", {}, is_write=True, privileges=on_database("dropUser"))
def drop_user(request: Request, _args: dict[str, Any]) -> Reply:
    """Drop a user."""
    name = a.own_string("dropUser", request.body[request.name])

    def drop(users: Documents) -> None:
        if users.pop(f"{request.db}.{name}", None) is None:
            raise CommandError(11, f"User '{name}@{request.db}' not found")

    change_documents(request, USERS, drop)
    return {}


@command("dropAllUsersFromDatabase", {}, is_write=True, privileges=on_database("dropUser"))
def drop_all_users(request: Request, _args: dict[str, Any]) -> Reply:
    """Drop the users of a database."""

    def drop(users: Documents) -> int:
        gone = [key for key, user in users.items() if user.get("db") == request.db]
        for key in gone:
            del users[key]
        return len(gone)

    return {"n": change_documents(request, USERS, drop)}


@command(
    "grantRolesToUser",
    _ROLES,
    is_write=True,
    privileges=on_database(by_arguments=("grantRole",), check=partial(may_on_roles, action="grantRole")),
)
def grant_roles(request: Request, args: dict[str, Any]) -> Reply:
    """Grant roles to a user."""
    return _change_roles(request, args, lambda have, roles: [*have, *(role for role in roles if role not in have)])


@command(
    "revokeRolesFromUser",
    _ROLES,
    is_write=True,
    privileges=on_database(by_arguments=("revokeRole",), check=partial(may_on_roles, action="revokeRole")),
)
def revoke_roles(request: Request, args: dict[str, Any]) -> Reply:
    """Revoke roles from a user."""
    return _change_roles(request, args, lambda have, roles: [role for role in have if role not in roles])


def _change_roles(request: Request, args: dict[str, Any], combine: Callable[[Roles, Roles], Roles]) -> Reply:
    name = a.own_string(request.name, request.body[request.name])
    if not args["roles"]:
        raise CommandError(2, f'{request.name} command requires a non-empty "roles" array')
    roles = parse_roles(request.services, args["roles"], request.db)

    def change(users: Documents) -> None:
        user = users.get(f"{request.db}.{name}")
        if user is None:
            raise CommandError(11, f'Could not find user "{name}" for db "{request.db}"')
        users[user["_id"]] = {**user, "roles": combine(user.get("roles", []), roles)}

    change_documents(request, USERS, change)
    return {}
