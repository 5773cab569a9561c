"""The pages for users and roles. The console sends passwords only to the server, and never stores them."""

from __future__ import annotations

from typing import Any, Final

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url


def users(call: Call) -> Answer:
    """Show the users of all databases."""
    found = call.client.admin.command("usersInfo", {"forAllDBs": True})["users"]
    names = ("user", "db", "roles", "mechanisms", "customData")
    rows = [{name: entry[name] for name in names if name in entry} for entry in found]
    return Page("users.html", "Users", {"users": rows})


def create_user(call: Call) -> Answer:
    """Create a user."""
    name, password = call.required("user"), call.fields.get("password", "")
    if not password:
        raise InputError("The password is missing.")
    call.database.command("createUser", name, pwd=password, roles=_roles(call))
    return Moved("/users", f"Created the user {name} of {call.database.name}.")


def set_roles(call: Call) -> Answer:
    """Replace all roles of a user."""
    name = call.required("user")
    call.database.command("updateUser", name, roles=_roles(call))
    return Moved("/users", f"Changed the roles of {name}.")


def drop_user(call: Call) -> Answer:
    """Drop a user."""
    name = call.required("user")
    call.check_typed(name)
    call.database.command("dropUser", name)
    return Moved("/users", f"Dropped the user {name}.")


def _roles(call: Call) -> list[Any]:
    """Return the roles in a form as the array that the server's commands expect."""
    value = ejson.loads(call.text("roles", "[]"), "The roles")
    if not isinstance(value, list):
        raise InputError('The roles must be an array, such as ["readWrite", {"role": "read", "db": "shop"}].')
    return value


def roles(call: Call) -> Answer:
    """Show the roles that a database defines. With the parameter `builtin`, also show the built-in roles."""
    name = call.text("db", "admin")
    builtin = call.text("builtin", "1") == "1"
    reply = call.client[name].command("rolesInfo", 1, showPrivileges=True, showBuiltinRoles=builtin)
    return Page("roles.html", "Roles", {"db": name, "builtin": builtin, "roles": [dict(entry) for entry in reply["roles"]]})


def create_role(call: Call) -> Answer:
    """Create a role."""
    name = call.required("role")
    privileges = ejson.loads(call.text("privileges", "[]"), "The privileges")
    call.database.command("createRole", name, privileges=privileges, roles=_roles(call))
    return Moved(url("/roles", db=call.database.name), f"Created the role {name}.")


def drop_role(call: Call) -> Answer:
    """Drop a role."""
    name = call.required("role")
    call.check_typed(name)
    call.database.command("dropRole", name)
    return Moved("/roles", f"Dropped the role {name}.")


ROUTES: Final = (
    shown("/users", users),
    posted("/user/create", create_user),
    posted("/user/roles", set_roles),
    posted("/user/drop", drop_user),
    shown("/roles", roles),
    posted("/role/create", create_role),
    posted("/role/drop", drop_role),
)
