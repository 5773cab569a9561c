"""Helpers that run transactions: with retries after a conflict, and with voluntary aborts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

Documents = Collection[dict[str, Any]]
Body = Callable[[ClientSession], None]


class Regret(Exception):
    """The exception with which the body of a transaction aborts it voluntarily."""


def run(documents: Documents, body: Body) -> bool:
    """Run a function in a transaction, and retry until the transaction is committed or the function raises Regret. Return whether it was
    committed.
    """
    with documents.database.client.start_session() as session:
        try:
            session.with_transaction(body)
        except Regret:
            return False
    return True


def run_once(documents: Documents, body: Body) -> bool:
    """Run a function in a transaction once. Return whether the transaction was committed. Raise errors that are not transient."""
    with documents.database.client.start_session() as session:
        session.start_transaction()
        try:
            body(session)
            session.commit_transaction()
        except Regret:
            session.abort_transaction()
        except PyMongoError as error:
            if not error.has_error_label("TransientTransactionError"):
                raise
        else:
            return True
    return False


def maybe_regret(chance: random.Random, share: float = 0.2) -> None:
    """Raise Regret with the given probability."""
    if chance.random() < share:
        raise Regret
