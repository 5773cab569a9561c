"""The collections that contain users and roles.

https://www.mongodb.com/docs/manual/reference/system-collections/#system.users
"""

from __future__ import annotations

from typing import Final

#: The database of users and roles.
USERS_DB: Final = "admin"
#: The database of users that log in with a certificate, and the name of that mechanism.
EXTERNAL: Final = "$external"
BY_CERTIFICATE: Final = "MONGODB-X509"
USERS: Final = "system.users"
ROLES: Final = "system.roles"
#: The collections that contain users' SCRAM keys. mongorestore writes users to `tempusers` before it merges them into `system.users`.
WITH_KEYS: Final = (USERS, "tempusers")
#: All collections with users or roles: the current ones, mongorestore's temporary ones, and those that upgrades of MongoDB have left
#: behind.
_OF_USERS: Final = frozenset([*WITH_KEYS, ROLES, "temproles", "system.new_users", "system.backup_users"])


def has_users_or_roles(db: str, collection: str) -> bool:
    """Return whether a collection contains users or roles.

    This includes `system.users` of any database, where MongoDB stored users before version 2.6.
    """
    return (db == USERS_DB and collection in _OF_USERS) or collection == USERS
