"""The fixture `secantus_client_as`: clients that are logged in as given users, or as users with given roles."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import pytest
from pymongo import MongoClient

from pytest_secantus.tracebacks import hidden_for
from pytest_secantus.users import User, create_users, make_user
from pytest_secantus.worker import Worker

__tracebackhide__ = hidden_for(pytest.UsageError)


class ClientsAs:
    """A factory for the clients of one test.

    Arguments:
        marked: the users in the test's markers.
    """

    def __init__(self, worker: Worker, marked: Sequence[User]) -> None:
        self._worker = worker
        # If several users have the same name, the first one is used.
        self._users = {user.name: user for user in reversed((*worker.options.auth, *marked))}
        self._made: dict[tuple[str, ...], User] = {}
        self._clients: list[MongoClient[dict[str, Any]]] = []

    def __call__(self, *who: str, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a client, which will be closed at the end of the test.

        Arguments:
            who: the name of a user of secantus_auth, or roles such as "read@shop", for which a user is created.
            options: further options of the client.

        Raises:
            pytest.UsageError: there is no such user or role.
        """
        client: MongoClient[dict[str, Any]] = MongoClient(self.uri(*who), **options)
        self._clients.append(client)
        return client

    def uri(self, *who: str) -> str:
        """Return the connection string for a client with this user or these roles. The arguments are those of `__call__`."""
        return self._worker.uri_as(self._user(who))

    def close(self) -> None:
        """Close all clients that this factory has created."""
        while self._clients:
            self._clients.pop().close()

    def _user(self, who: tuple[str, ...]) -> User:
        if len(who) == 1 and who[0] in self._users:
            return self._users[who[0]]
        if who not in self._made:
            try:
                self._made[who] = self._make(who)
            except ValueError as error:
                raise pytest.UsageError(f"secantus_client_as({', '.join(map(repr, who))}): {error}") from error
        return self._made[who]

    def _make(self, who: tuple[str, ...]) -> User:
        """Create a user with roles.

        Raises:
            ValueError: there is no such role.
        """
        if not who or not all(isinstance(word, str) and word for word in who):
            raise ValueError('pass the name of a user of secantus_auth, or roles such as "read@shop"')
        user = make_user([f"secantus {' '.join(who)}", secrets.token_urlsafe(), *who])
        create_users(self._worker.client, [user])
        return user
