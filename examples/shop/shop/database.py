"""The connection to MongoDB."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from beanie import init_beanie
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop.models import MODELS, Order

NAME = "shop"
T = TypeVar("T")


def make_client() -> AsyncMongoClient[dict[str, Any]]:
    """A client of the server that the environment names."""
    return AsyncMongoClient(os.environ["MONGODB_URI"], appname="shop", tz_aware=True)


async def connect_models(database: AsyncDatabase[dict[str, Any]], *, make_indexes: bool = True) -> None:
    """Connect the models with a database, and create their indexes."""
    await init_beanie(database=database, document_models=MODELS, skip_indexes=not make_indexes)


async def in_transaction(work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    """Run `work` in a transaction, again if it conflicts with another one."""
    client = Order.get_pymongo_collection().database.client
    async with client.start_session() as session:
        return await session.with_transaction(work)
