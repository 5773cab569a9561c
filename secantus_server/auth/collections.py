"""The collections that contain users and roles.

https://www.mongodb.com/docs/manual/reference/system-collections/#system.users
"""

from __future__ import annotations

from typing import Final

#: The database of users and roles.
USERS_DB: Final = "admin"
USERS: Final = "system.users"
ROLES: Final = "system.roles"
#: The collections with the keys of users. mongorestore collects users in the second one.
WITH_KEYS: Final = (USERS, "tempusers")
#: All collections with users or roles: these, what mongorestore collects, and what MongoDB's upgrades have left.
_OF_USERS: Final = frozenset([*WITH_KEYS, ROLES, "temproles", "system.new_users", "system.backup_users"])


def has_users_or_roles(db: str, collection: str) -> bool:
    """Return whether a collection contains users or roles. Before MongoDB 2.6, each database had its own users."""
    return (db == USERS_DB and collection in _OF_USERS) or collection == USERS
