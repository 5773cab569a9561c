"""The fixtures of the shop's tests."""

import asyncio

import pytest
import pytest_asyncio
from fastapi.testclient import TestClient
from shop.app import app
from shop.database import NAME, connect_models, make_client
from shop.models import Customer


@pytest.fixture(scope="session")
def indexes(secantus_uri):
    """Create the indexes once: writes of a session fixture last as long as the session."""

    async def make():
        async with make_client() as client:
            await connect_models(client[NAME])

    asyncio.run(make())


@pytest_asyncio.fixture
async def models(indexes):
    """Connect Beanie's models on the test's event loop, without creating the indexes again."""
    async with make_client() as client:
        await connect_models(client[NAME], make_indexes=False)
        yield client[NAME]


@pytest.fixture
def api(indexes):
    """The application with its lifespan, by HTTP."""
    with TestClient(app) as client:
        yield client


@pytest_asyncio.fixture
async def ann(models):
    """A customer."""
    return await Customer(mail="ann@example.org", name="Ann").insert()
