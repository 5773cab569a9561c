"""The chat's tests, with pytest-asyncio. Each test's client uses that test's loop, and each test starts with an empty room."""

import pytest
import pytest_asyncio
from chat import Room

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def room(secantus_async_db):
    room = Room(secantus_async_db, "tea")
    await room.say("ada", "hello")
    return room


async def test_messages_are_numbered(room):
    assert await room.say("bo", "hi") == 2
    assert await room.latest(5) == ["bo: hi", "ada: hello"]


async def test_the_room_is_new_in_each_test(room):
    assert await room.latest(5) == ["ada: hello"]


async def test_many_at_once(room):
    numbers = await room.say_all("bo", *"abcdefgh")
    assert sorted(numbers) == list(range(2, 10))
    assert await room.talkers() == {"ada": 1, "bo": 8}


async def test_both_apis_see_one_database(room, secantus_db):
    assert secantus_db.messages.count_documents({}) == 1
    secantus_db.messages.delete_many({})
    assert await room.latest(5) == []
