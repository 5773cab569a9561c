"""The users of a server that requires authentication: from the ini option and the marker `secantus_auth`, and for single tests.

This module does not import pymongo.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from pymongo import MongoClient

DATABASE = "admin"
FORM = "a user is name password role@database ..., such as app secret readWrite@shop"
#: The prefix of the word that names a user's database, which is needed only if that is not `admin`.
SOURCE = "authSource="
NO_ROOT = "one user must have the role root, because the plugin needs it to create the others and to load seeds"
#: The error code of createUser for a user that already exists.
EXISTS = 51003


class Role(NamedTuple):
    """A role, with the database to which it applies."""

    role: str
    db: str


class User(NamedTuple):
    """A user; `db` is the database in which it authenticates."""

    name: str
    password: str
    roles: tuple[Role, ...]
    db: str = DATABASE

    @property
    def is_root(self) -> bool:
        """Whether the user has the role root."""
        return Role("root", DATABASE) in self.roles

    def add_to(self, uri: str) -> str:
        """Add the user's credentials to the server's connection string, which must already contain options."""
        return uri.replace("://", f"://{quote_plus(self.name)}:{quote_plus(self.password)}@", 1) + f"&authSource={quote_plus(self.db)}"


def parse_users(lines: Iterable[str]) -> tuple[User, ...]:
    """Parse lines of `name password role@database ...`. Words may be quoted. One word may be `authSource=database`.

    Raises:
        ValueError: a line is not a valid user; the message says why.
    """
    users: dict[tuple[str, str], User] = {}
    for line in lines:
        try:
            user = make_user(shlex.split(line))
        except ValueError as error:
            raise ValueError(f"{line!r}: {error}") from None
        check_roles(line, user)
        if (user.name, user.db) in users:
            raise ValueError(f"the user {user.name!r} is listed twice")
        users[user.name, user.db] = user
    if users and not any(user.is_root for user in users.values()):
        raise ValueError(NO_ROOT)
    return tuple(users.values())


def make_user(words: Sequence[object]) -> User:
    """Create a user from a list of name, password and roles, with an optional `authSource=database`.

    Raises:
        ValueError: the name, the password or the roles are missing.
    """
    texts = [word for word in words if isinstance(word, str) and word]
    sources = [text.removeprefix(SOURCE) for text in texts[2:] if text.startswith(SOURCE)]
    db = sources[0] if sources else DATABASE
    roles = [text for text in texts[2:] if not text.startswith(SOURCE)]
    if len(texts) < len(words) or not roles or len(sources) > 1 or not db:
        raise ValueError(FORM)
    return User(texts[0], texts[1], tuple(parse_role(role, db) for role in roles), db)


def check_roles(line: str, user: User) -> None:
    """Check that the roles of a user of a new server are built in, because no other roles exist there.

    Raises:
        ValueError: there is no such role.
    """
    from secantus_server.auth.builtin_roles import builtin_roles, is_builtin

    for role, db in user.roles:
        if not is_builtin(role, db):
            raise ValueError(f"{line!r}: the database {db} has no role {role!r}; its roles are {', '.join(builtin_roles(db))}")


def parse_role(text: str, db: str) -> Role:
    """Parse `role@database`. Without a database, the role applies to the database in which the user authenticates."""
    role, _, given = text.partition("@")
    return Role(role, given or db)


def create_users(client: MongoClient[dict[str, Any]], users: Iterable[User]) -> None:
    """Create users. Update users that already exist, which is possible only with an isolation mode other than `restore`.

    Raises:
        ValueError: the server refuses a user, for example because a role does not exist.
    """
    from pymongo.errors import OperationFailure

    from secantus_server.tools.driver_errors import reason_of

    for user in users:
        try:
            create_user(client, user)
        except OperationFailure as error:
            raise ValueError(f"the user {user.name!r} cannot be created: {reason_of(error)}") from error


def create_user(client: MongoClient[dict[str, Any]], user: User) -> None:
    """Create a user, or update it if it already exists.

    Raises:
        OperationFailure: the server refuses the user.
    """
    from pymongo.errors import OperationFailure

    fields = {"pwd": user.password, "roles": [role._asdict() for role in user.roles]}
    try:
        client[user.db].command({"createUser": user.name, **fields})
    except OperationFailure as error:
        if error.code != EXISTS:
            raise
        client[user.db].command({"updateUser": user.name, **fields})
