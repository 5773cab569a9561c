"""The users of a server that requires authentication: from the ini option and the marker `secantus_auth`, and for single tests.

Does not import pymongo.
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
NO_ROOT = "one user must have the role root, because the plugin needs it to create the others and to load seeds"
#: The error of createUser for a user that exists.
EXISTS = 51003


class Role(NamedTuple):
    """A role of a database."""

    role: str
    db: str


class User(NamedTuple):
    """A user of the database `admin`."""

    name: str
    password: str
    roles: tuple[Role, ...]

    @property
    def is_root(self) -> bool:
        """Whether the user may do everything."""
        return Role("root", DATABASE) in self.roles

    def add_to(self, uri: str) -> str:
        """Return the server's connection string, which has options, with the user's credentials."""
        return uri.replace("://", f"://{quote_plus(self.name)}:{quote_plus(self.password)}@", 1) + f"&authSource={DATABASE}"


def parse_users(lines: Iterable[str]) -> tuple[User, ...]:
    """Parse lines of `name password role@database ...`; words may be quoted.

    Raises:
        ValueError: a line is not a valid user; the message says why.
    """
    users: dict[str, User] = {}
    for line in lines:
        try:
            user = make_user(shlex.split(line))
        except ValueError as error:
            raise ValueError(f"{line!r}: {error}") from None
        if user.name in users:
            raise ValueError(f"the user {user.name!r} is listed twice")
        users[user.name] = user
    if users and not any(user.is_root for user in users.values()):
        raise ValueError(NO_ROOT)
    return tuple(users.values())


def make_user(words: Sequence[object]) -> User:
    """Return the user of a list of name, password and roles.

    Raises:
        ValueError: something is missing.
    """
    if len(words) < 3 or not all(isinstance(word, str) and word for word in words):
        raise ValueError(FORM)
    name, password, *roles = map(str, words)
    return User(name, password, tuple(map(parse_role, roles)))


def parse_role(text: str) -> Role:
    """Parse `role@database`; without a database, it is a role of `admin`."""
    role, _, db = text.partition("@")
    return Role(role, db or DATABASE)


def create_users(client: MongoClient[dict[str, Any]], users: Iterable[User]) -> None:
    """Create users, or change those that exist, which only an isolation other than `restore` leaves behind.

    Raises:
        OperationFailure: a role does not exist.
    """
    from pymongo.errors import OperationFailure

    for user in users:
        fields = {"pwd": user.password, "roles": [role._asdict() for role in user.roles]}
        try:
            client[DATABASE].command({"createUser": user.name, **fields})
        except OperationFailure as error:
            if error.code != EXISTS:
                raise
            client[DATABASE].command({"updateUser": user.name, **fields})
