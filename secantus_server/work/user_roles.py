"""The roles of users, including inherited roles, and the privileges that roles grant.

https://www.mongodb.com/docs/manual/core/authorization/#inherited-privileges
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from secantus_server.auth.builtin_roles import builtin_privileges, is_builtin, merged_privileges
from secantus_server.work.authorization import Documents, role_closure

_RESOURCES = ({"db", "collection"}, {"cluster"}, {"anyResource"}, {"db", "system_buckets"}, {"system_buckets"})


def is_privilege(value: Any) -> bool:
    """Return whether a value is a well-formed privilege."""
    if type(value) is not dict or type(value.get("resource")) is not dict or type(value.get("actions")) is not list:
        return False
    resource = value["resource"]
    names = (resource[field] for field in ("db", "collection", "system_buckets") if field in resource)
    return (
        set(resource) in _RESOURCES and all(type(name) is str for name in names) and all(type(action) is str for action in value["actions"])
    )


def effective_roles(known: Documents, user: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the existing roles of a user, including inherited roles.

    Arguments:
        known: the user-defined roles.
    """
    roles = [role for role in user.get("roles", []) if type(role) is dict and type(role.get("role")) is type(role.get("db")) is str]
    return [role for role in role_closure(known, roles) if is_builtin(role["role"], role["db"]) or f"{role['db']}.{role['role']}" in known]


def role_privileges(known: Documents, roles: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the privileges of roles, combined into one document per resource. Privileges of inherited roles are not included.

    Arguments:
        known: the user-defined roles. Malformed privileges are ignored; only a direct write to the collection can store them.
    """
    builtin, found = [], []
    for role in roles:
        name, db = role["role"], role["db"]
        if is_builtin(name, db):
            builtin.append((name, db))
        else:
            stored = known.get(f"{db}.{name}", {}).get("privileges")
            found += [one for one in stored if is_privilege(one)] if type(stored) is list else []
    return merged_privileges([*_of_builtin_roles(tuple(builtin)), *found]) if found else _of_builtin_roles(tuple(builtin))


def role_restrictions(known: Documents, roles: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the authentication restrictions of the given roles, without roles that have none.

    Arguments:
        known: the user-defined roles.
    """
    stored = (known.get(f"{role['db']}.{role['role']}", {}).get("authenticationRestrictions") for role in roles)
    return [one for one in stored if one]


@lru_cache(maxsize=256)
def _of_builtin_roles(roles: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """Return the combined privileges of built-in roles. The result is cached for repeated logins and must not be modified."""
    return merged_privileges(privilege for name, db in roles for privilege in builtin_privileges(name, db))
