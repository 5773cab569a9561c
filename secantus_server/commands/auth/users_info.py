"""usersInfo. https://www.mongodb.com/docs/manual/reference/command/usersInfo/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.collections import ROLES, USERS
from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode
from secantus_server.bson.values import is_number
from secantus_server.commands.auth.granting import may_view
from secantus_server.differences import AUTHENTICATED_MECHANISM
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.mql.match import NO_SCRIPT, parse_match
from secantus_server.work.authorization import Documents, parse_name, read_documents
from secantus_server.work.user_roles import effective_roles, role_privileges, role_restrictions

_MECHANISM = "authenticatedMechanism"
_MECHANISMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509", "GSSAPI", "PLAIN", "MONGODB-OIDC", "MONGODB-AWS")

FIELDS = {
    "showCredentials": a.boolean(),
    "showCustomData": a.boolean(True),
    "showPrivileges": a.boolean(),
    "showAuthenticationRestrictions": a.boolean(),
    _MECHANISM: a.anything(),
    "filter": a.document({}),
}


def _may_view(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may see the listed users. Users may always see their own entry."""
    return may_view(call, grants, "user", "viewUser", frozenset(call.client.users))


@command("usersInfo", FIELDS, privileges=on_database(by_arguments=("viewUser",), check=_may_view))
def users_info(request: Request, args: dict[str, Any]) -> Reply:
    """List users."""
    if _MECHANISM in request.body:
        _check_mechanism(request, args[_MECHANISM])
    wanted = _wanted(request)
    details = args["showPrivileges"] or args["showAuthenticationRestrictions"]
    if details and (args["filter"] or any(user is None for user, _ in wanted)):
        raise CommandError(20, "Privilege or restriction details require exact-match usersInfo queries.")
    known = read_documents(request.services, ROLES) if args["showPrivileges"] else {}
    if args["showPrivileges"]:
        args["showAuthenticationRestrictions"] = True
    match = parse_match(args["filter"], request.parse_context(), forbidden=NO_SCRIPT)
    users = read_documents(request.services, USERS)
    chosen = [user for user in users.values() if _is_wanted(user, wanted)]
    shown = [_shown(user, args, known) for user in sorted(chosen, key=lambda user: (str(user.get("user")), str(user.get("db"))))]
    return {"users": [user for user in shown if match.matches(encode(user))]}


def _check_mechanism(request: Request, name: Any) -> None:
    """Check the argument `mechanism`, which selects internal or LDAP users. A valid value has no effect, because LDAP is not supported.

    Raises:
        CommandError: 40415 before MongoDB 9.0, 14 TypeMismatch, 2 BadValue for an unknown name.
    """
    if not request.services.release.has(AUTHENTICATED_MECHANISM):
        raise CommandError(40415, f"BSON field '{request.name}.{_MECHANISM}' is an unknown field.")
    if name is None:
        return
    if type(name) is not str:
        raise a.wrong_type(f"{request.name}.{_MECHANISM}", name, "string")
    if name not in _MECHANISMS:
        raise CommandError(2, f"unknown authentication mechanism '{name}': use one of {', '.join(_MECHANISMS)}")


def _wanted(request: Request) -> frozenset[tuple[str | None, str | None]]:
    """Return the requested users as pairs of name and database. None matches any name or database."""
    value, db = request.body[request.name], request.db
    if is_number(value):
        return frozenset([(None, db)])
    if type(value) is dict and "forAllDBs" in value and a.truth(value["forAllDBs"]):
        return frozenset([(None, None)])
    return frozenset(parse_name("user", one, db) for one in (value if type(value) is list else [value]))


def _is_wanted(user: dict[str, Any], wanted: frozenset[tuple[str | None, str | None]]) -> bool:
    return not wanted.isdisjoint([(user.get("user"), user.get("db")), (None, user.get("db")), (None, None)])


def _shown(user: dict[str, Any], args: dict[str, Any], known: Documents) -> dict[str, Any]:
    # Any of these fields may be missing, because a client may have written the document directly to the collection.
    shown: dict[str, Any] = {field: user[field] for field in ("_id", "userId", "user", "db") if field in user}
    credentials = user.get("credentials", {})
    if args["showCredentials"]:
        shown["credentials"] = credentials
    if args["showCustomData"] and "customData" in user:
        shown["customData"] = user["customData"]
    shown |= {"roles": user.get("roles", []), "mechanisms": list(credentials)}
    if args["showPrivileges"]:
        roles = effective_roles(known, user)
        shown |= {"inheritedRoles": roles, "inheritedPrivileges": role_privileges(known, roles)}
        shown["inheritedAuthenticationRestrictions"] = role_restrictions(known, roles)
    if args["showAuthenticationRestrictions"]:
        shown["authenticationRestrictions"] = user.get("authenticationRestrictions", [])
    return shown
